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
        yield
    finally:
        os.close(handle)


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something or could not be made, with the remedy, before any work is done."""
    if folder.is_dir() and (folder / RUN_FILE).exists():
        state = "a finished search" if (folder / RESULT_FILE).exists() else "an unfinished search"
        remedy = (
            "name a new folder" if (folder / RESULT_FILE).exists() else "continue it with --resume or name a new one"
        )
        raise InputError(f"--out '{folder}' holds {state}; {remedy}")
    check_new_folder(folder)


def create(folder: Path) -> None:
    """Make the folder of a new search; refuse one that holds something, with the remedy."""
    check_free(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out '{folder}' cannot be created: {error.strerror}; choose a writable folder") from None


def withdraw(folder: Path) -> None:
    """Remove the folder of a search that could not begin, so that the corrected command finds its name free."""
    shutil.rmtree(folder, ignore_errors=True)


def write_run(folder: Path, spec: SearchSpec) -> None:
    """Record what the folder's search was asked to do."""
    RunFile.of(spec).to_json(folder / RUN_FILE)


def read_run(folder: Path) -> SearchSpec:
    """Return what the folder's search was asked to do; raises InputError where it holds none."""
    if not (folder / RUN_FILE).exists():
        found = "a checkpoint but no run.json" if has_checkpoint(folder) else "no search"
        raise InputError(f"'{folder}' holds {found}; name the --out folder of a search")
    return RunFile.read(folder / RUN_FILE).spec(f"'{folder / RUN_FILE}'")
