"""A search's folder: one run at a time, its specification beside its results."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compress.searching.checkpoint import has_checkpoint
from compress.searching.run_file import RunFile
from compress.searching.spec import SearchSpec
from hwsim.errors import InputError
from hwsim.files.writing import check_new_folder

RUN_FILE = "run.json"
RESULT_FILE = "result.json"
_LOCK_FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; a second run is refused. The lock goes with the process, however that ends."""
    try:
        handle = os.open(folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise InputError(f"--out '{folder}' cannot be written: {error.strerror}; choose a writable folder") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"--out '{folder}' is in use by another search; wait for it to end or name another folder"
            ) from None
        for leftover in _unfinished_files(folder):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _unfinished_files(folder: Path) -> list[Path]:
    """Return the files that a kill left half-written, under the names that atomic writes give them."""
    return [path for path in folder.glob(".*.*") if path.name != _LOCK_FILE and path.is_file()]


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something or could not be made, with the remedy, before any work is done."""
    if folder.is_dir() and (folder / RUN_FILE).exists():
        state = "a finished search" if (folder / RESULT_FILE).exists() else "an unfinished search"
        remedy = (
            "name a new folder" if (folder / RESULT_FILE).exists() else "continue it with --resume or name a new one"
        )
        raise InputError(f"--out '{folder}' holds {state}; {remedy}")
    if folder.is_dir():
        killed = {folder / _LOCK_FILE, *_unfinished_files(folder)}  # before run.json was there: nothing to continue
        if set(folder.iterdir()) <= killed:
            return
    check_new_folder(folder)


def create(folder: Path) -> bool:
    """Make the folder of a new search and return whether it is new; refuse one that holds something."""
    check_free(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out '{folder}' cannot be created: {error.strerror}; choose a writable folder") from None
    return made


def withdraw(folder: Path, *, made: bool) -> None:
    """Empty the folder of a search that could not begin, and remove it where the search made it."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if made:
        folder.rmdir()


def write_run(folder: Path, spec: SearchSpec) -> None:
    """Record what the folder's search was asked to do."""
    RunFile.of(spec).to_json(folder / RUN_FILE)


def read_run(folder: Path) -> SearchSpec:
    """Return what the folder's search was asked to do; raises InputError where it holds none."""
    if not (folder / RUN_FILE).exists():
        found = "a checkpoint but no run.json" if has_checkpoint(folder) else "no search"
        raise InputError(f"'{folder}' holds {found}; name the --out folder of a search")
    return RunFile.read(folder / RUN_FILE).spec(f"'{folder / RUN_FILE}'")
