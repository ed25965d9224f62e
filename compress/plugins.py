"""Code that a user names on the command line: MODULE:NAME, beside where they work or installed. No file names code."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from hwsim.errors import InputError


def import_named(name: str, option: str, form: str) -> Any:
    """Return what MODULE:NAME names; raises InputError in one line, naming the option and the form to write."""
    module_name, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a user's module lies beside where they work
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # a module may raise anything when it is imported
        said = error if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{option} '{name}': {said}; write {form}, importable from here") from None
    if not hasattr(module, attribute):
        names = sorted(known for known in vars(module) if not known.startswith("_"))
        raise InputError(f"{option} '{name}': {_lacks(module_name, attribute, names)}; write {form}")
    return getattr(module, attribute)


def _lacks(module: str, attribute: str, names: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(attribute, names, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"the module {module} has no '{attribute}'{hint}"


def failure(error: BaseException) -> str:
    """Return in one line what code of a user's raised: the kind of exception and what it says."""
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
