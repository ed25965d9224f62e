"""What can go wrong for a user, in one line each; all three commands turn these into exit codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
