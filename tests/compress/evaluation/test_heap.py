"""Free memory goes back to the system, holes between what is still in use included."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from compress.evaluation.heap import release_free_memory


def resident_mb() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc")
def test_holes_are_released() -> None:
    blocks = [np.ones(100_000, np.uint8) for _ in range(3000)]  # below the size that is mapped apart
    kept = blocks[::10]
    full = resident_mb()
    del blocks
    release_free_memory()
    assert resident_mb() < full - 150
    assert all(bool(block.all()) for block in kept)
