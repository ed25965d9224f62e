"""Compiled code on disk that notices edits of the other files it was made from.

Numba's cache compares the file of the function alone: a callee edited in another file would keep its old code inside a
cached caller. Here the cache's stamp covers those files as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit


def njit_cached(*sources: ModuleType, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return njit(cache=True, **options) for a function whose callees live in `sources` and in its own file.

    Callees of its own file must not be cached themselves, or with the same sources.
    """
    digest = _digest(tuple(str(source.__file__) for source in sources))

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = njit(cache=True, **options)(function)
        # absent where Numba is told not to compile, and then there is nothing to go stale
        file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
        if file is not None:
            file._source_stamp = (file._source_stamp, digest)
        return dispatcher

    return compiled


@lru_cache(maxsize=16)
def _digest(files: tuple[str, ...]) -> str:
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
