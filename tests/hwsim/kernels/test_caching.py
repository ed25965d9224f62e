"""Compiled code on disk: kept between processes, made anew when a callee in another file changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CALLEE = """
from numba import njit

@njit
def factor() -> int:
    return {value}
"""

CALLER = """
import callee
from callee import factor
from hwsim.kernels.caching import njit_cached

@njit_cached(callee)
def scaled(number):
    return number * factor()
"""

RUN = "import caller; print(caller.scaled(3), sum(caller.scaled.stats.cache_hits.values()))"


def run(folder: Path) -> str:
    path = os.pathsep.join([str(folder), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path, "NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_an_edited_callee_is_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "callee.py").write_text(CALLEE.format(value=5))
    assert run(tmp_path) == "15 0"
    assert run(tmp_path) == "15 1", "the second process loads what the first compiled"
    # with Numba's own stamp, that of caller.py alone, this would stay 15
    (tmp_path / "callee.py").write_text(CALLEE.format(value=7))
    assert run(tmp_path) == "21 0"
