"""Files appear complete or not at all: atomic writes, staged result folders."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hwsim.errors import InputError


def check_writable(path: Path) -> None:
    """Refuse an output file that could not be written, before any work is done."""
    if path.is_dir():
        raise InputError(f"cannot write '{path}': it is a folder; name a file")
    if _is_stream(path):
        return
    folder = path.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "no permission" if folder.is_dir() else "no such folder"
        raise InputError(f"cannot write '{path}': {why}; choose an existing, writable folder")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part of it.

    A link is followed; a pipe or device (/dev/stdout) is written to, never replaced.
    Raises InputError where the folder is missing or cannot be written.
    """
    if _is_stream(path):
        try:
            path.write_bytes(content)
        except OSError as error:
            raise InputError(f"cannot write '{path}': {error.strerror}") from None
        return
    if path.is_symlink():
        path = path.resolve()
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}; choose an existing, writable folder") from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write '{path}': {error.strerror}; free space or choose another folder") from None
        raise


def _is_stream(path: Path) -> bool:
    """Return whether a path leads to a pipe or device, which must not be replaced by a file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 text file atomically (see write_bytes)."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with two-space indentation atomically; NaN is refused, because other readers refuse it."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def check_new_folder(path: Path, option: str = "--out") -> None:
    """Refuse an output folder that already holds something or could not be created, before any work is done."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{option} '{path}' is a file; name a new folder")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{option} '{path}' already exists and is not empty; name a new folder or remove it")
    parent = path.absolute()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{option} '{path}' cannot be written: no permission in '{parent}'; choose a writable folder")


@contextmanager
def staged_folder(path: Path, option: str = "--out") -> Iterator[Path]:
    """Yield a temporary sibling of `path`, moved into place when the block succeeds and removed when it fails."""
    check_new_folder(path, option)
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise InputError(f"{option} '{path}' cannot be written: {error.strerror}; choose a writable folder") from None
    try:
        stage.chmod(0o755)
        yield stage
        if path.is_dir():
            path.rmdir()  # empty: check_new_folder saw to it
        stage.replace(path)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
