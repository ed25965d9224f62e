"""Fixtures that all suites share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# the suite's workers share the cores: threads beneath them would mostly wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

# the suite draws the same cases each time, so that a failure repeats; `--hypothesis-profile=explore` draws new ones
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore")
settings.load_profile("repeatable")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; a test that needs it skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the ../shared data folder, absent here")
    return SHARED


@pytest.fixture(scope="session")
def cifar10(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`cifar10:DIR` with CIFAR-10 unpacked in its official layout."""
    folder = tmp_path_factory.mktemp("cifar")
    script = shared / "data" / "unpack_cifar.py"
    subprocess.run([sys.executable, str(script), "cifar10", str(folder)], check=True, capture_output=True)
    return f"cifar10:{folder}"


@pytest.fixture(scope="session")
def shared_weights(shared: Path) -> dict[str, str]:
    """Provided weight files by network name."""
    return {path.stem: str(path) for path in (shared / "weights").glob("*.pt")}
