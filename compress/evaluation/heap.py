"""Memory that is free goes back to the system: activations of ever other sizes leave holes that the C library keeps."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _malloc_trim() -> Any:
    """Return glibc's malloc_trim, None with other C libraries."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


def release_free_memory() -> None:
    """Return whole free pages of the heap to the system; does nothing where the C library cannot."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
