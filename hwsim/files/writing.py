"""Files appear complete or not at all: atomic writes, staged result folders."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hwsim.errors import InputError
from hwsim.files.paths import exists, reason


def check_writable(path: Path, option: str = "") -> None:
    """Refuse an output file that could not be written, before any work is done; `option` names it in the error."""
    told = f"{option}: " if option else ""
    found = exists(path)
    if path.name == "" or path.is_dir():
        raise InputError(f"{told}cannot write '{path}': it is a folder; name a file")
    if found and _is_stream(path):
        return
    problem = _why_unwritable(path.resolve().parent)
    if problem is not None:
        raise InputError(f"{told}cannot write '{path}': {problem}; choose an existing, writable folder")


def check_outputs(outputs: Mapping[str, Path | None]) -> None:
    """Refuse output files, by option, of which one could not be written or two are the same file."""
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        check_writable(path, option)
        other = seen.setdefault(path.resolve(), option)
        if other != option and not _is_stream(path):
            raise InputError(f"{other} and {option} both name '{path}'; name two files")


def _why_unwritable(folder: Path) -> str | None:
    """Return why no file can be made in a folder; the attempt alone tells (/proc says that it can be written)."""
    if not folder.is_dir():
        return "no such folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return "no permission" if isinstance(error, PermissionError) else reason(error)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part of it.

    A link is followed; a pipe or device (/dev/stdout) is written to, never replaced.
    Raises InputError where the folder is missing or cannot be written.
    """
    if exists(path) and path.is_dir():
        raise InputError(f"cannot write '{path}': it is a folder; name a file")
    if _is_stream(path):
        try:
            path.write_bytes(content)
        except OSError as error:
            raise InputError(f"cannot write '{path}': {reason(error)}") from None
        return
    if path.is_symlink():
        path = path.resolve()
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:32]}.")
    except OSError as error:
        raise InputError(f"cannot write '{path}': {reason(error)}; choose an existing, writable folder") from None
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
            raise InputError(f"cannot write '{path}': {reason(error)}; free space or choose another folder") from None
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
    check_folder(path, option)
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{option} '{path}' already exists and is not empty; name a new folder or remove it")


def check_folder(path: Path, option: str = "--out") -> None:
    """Refuse an output folder that could not be created or written into, before any work is done."""
    if exists(path) and not path.is_dir():
        raise InputError(f"{option} '{path}' is a file; name a new folder")
    parent = path.absolute()
    while not exists(parent):
        parent = parent.parent
    problem = _why_unwritable(parent)
    if problem is not None:
        why = f"'{parent}' is a file" if parent.is_file() else f"{problem} in '{parent}'"
        raise InputError(f"{option} '{path}' cannot be written: {why}; choose a writable folder")


@contextmanager
def staged_folder(path: Path, option: str = "--out") -> Iterator[Path]:
    """Yield a temporary sibling of `path`, moved into place when the block succeeds and removed when it fails."""
    check_new_folder(path, option)
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:32]}."))
    except OSError as error:
        raise InputError(f"{option} '{path}' cannot be written: {reason(error)}; choose a writable folder") from None
    try:
        stage.chmod(0o755)
        yield stage
        if path.is_dir():
            path.rmdir()  # empty: check_new_folder saw to it
        stage.replace(path)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
