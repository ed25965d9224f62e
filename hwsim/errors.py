"""What can go wrong for a user, in one line each; all three commands turn these into exit codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral
from typing import Any

_LONGEST = 120


class InputError(ValueError):
    """A wrong option, file or value: one line that names it, what is allowed and the remedy (exit code 2)."""


class RunError(RuntimeError):
    """A run that was asked for correctly and failed on the way: one line that says where and why (exit code 1)."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not among the known ones, with the nearest names first.

    `kind` is the noun the user knows ("network", "pruner"); the caller raises what is returned.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return InputError(f"unknown {kind} '{name}': {hint}")


def check_whole(option: str, value: Any, least: int, most: int) -> None:
    """Raise InputError where a value is no whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise InputError(f"{option} is {shown(value)}, must be a whole number from {least:,} to {most:,}")


def check_kind(argument: str, value: Any, kinds: tuple[type, ...], expected: str) -> None:
    """Raise InputError where an argument is of no kind that is allowed; `expected` says in words what it may be."""
    if not isinstance(value, kinds):
        raise InputError(f"{argument} is {shown(value)}, must be {expected}")


def shown(value: Any) -> str:
    """Return a wrong value as an error shows it: the start of what is long."""
    try:
        text = repr(value)
    except Exception:  # of whoever's object was given
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
