"""Checkpoints that survive a kill at any moment: whole or absent, hashed, the previous one kept."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.errors import InputError, RunError
from hwsim.files.writing import write_bytes

CURRENT = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"
_HASH_CHARACTERS = 64


@dataclass(frozen=True)
class Loaded:
    """A checkpoint's content and, where the newest one could not be used, a line that says so."""

    content: dict[str, Any]
    warning: str | None


def save_checkpoint(folder: Path, content: dict[str, Any]) -> None:
    """Write the newest checkpoint of `folder` and keep the one before.

    `content` holds tensors, numbers, strings, lists and dicts. Raises RunError where the disk is full or unwritable.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    digest = hashlib.sha256(payload).hexdigest().encode()
    current = folder / CURRENT
    try:
        if current.exists():
            current.replace(folder / PREVIOUS)
        write_bytes(current, digest + b"\n" + payload)
    except (InputError, OSError) as error:
        raise RunError(
            f"the checkpoint could not be saved ({error}); the one before is kept: free space and continue with "
            f"--resume"
        ) from None


def has_checkpoint(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint, readable or not."""
    return (folder / CURRENT).exists() or (folder / PREVIOUS).exists()


def load_checkpoint(folder: Path) -> Loaded:
    """Return the newest readable checkpoint; raises InputError where there is none.

    Nothing in the file is executed (weights_only).
    """
    problems: list[str] = []
    for name in (CURRENT, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        try:
            content = _read(path)
        except _UnreadableError as error:
            problems.append(f"'{path}' {error}")
            continue
        warning = f"{problems[0]}; continuing from the checkpoint before it" if problems else None
        return Loaded(content, warning)
    reason = "; ".join(problems) or f"'{folder}' holds no checkpoint"
    raise InputError(f"--resume: {reason}; start a new search in another folder")


class _UnreadableError(Exception):
    """Why a checkpoint cannot be used."""


def _read(path: Path) -> dict[str, Any]:
    import torch

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(f"cannot be read ({error.strerror})") from None
    digest, payload = raw[:_HASH_CHARACTERS], raw[_HASH_CHARACTERS + 1 :]
    if hashlib.sha256(payload).hexdigest().encode() != digest:
        raise _UnreadableError("is corrupt (its hash does not fit its content)")
    try:
        content = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types; any of them means the same here
        raise _UnreadableError(f"is not a checkpoint ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise _UnreadableError("is not a checkpoint")
    return content
