"""Fixtures of the characterization: the real library, unpacked once a session."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def asap7(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The real ASAP7 Liberty files in name order; skips where nothing can unpack the archives."""
    tool = next((name for name in ("7z", "7zz", "7zr", "7za") if shutil.which(name)), None)
    if tool is None:
        pytest.skip("needs the package p7zip (7z) to unpack the ASAP7 library")
    folder = tmp_path_factory.mktemp("asap7")
    for archive in sorted((shared / "pdk" / "asap7").glob("*.7z")):
        subprocess.run([tool, "e", "-y", f"-o{folder}", str(archive)], check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("*.lib"))
