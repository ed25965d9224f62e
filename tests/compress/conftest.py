"""Real data for the compression tests, skipped where it is absent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


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
