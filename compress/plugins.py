"""Code that a user names on the command line: MODULE:NAME, beside where they work or installed. No file names code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from hwsim.errors import InputError, RunError

_SHOWN_CHARACTERS = 300


def import_named(name: str, option: str, form: str) -> Any:
    """Return what MODULE:NAME names; raises InputError in one line, naming the option and the form to write."""
    module_name, _, attribute = name.partition(":")
    if not attribute.isidentifier() or not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError(f"{option} '{name}' is no {form}; write it so, of plain names")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a user's module lies beside where they work
    try:
        module = import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may raise anything when it is imported, or exit
        said = error if isinstance(error, ImportError) else described(error)
        raise InputError(f"{option} '{name}': {said}; write {form}, importable from here") from None
    if not hasattr(module, attribute):
        names = sorted(known for known in vars(module) if not known.startswith("_"))
        near = get_close_matches(attribute, names, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]}?" if near else ""
        raise InputError(f"{option} '{name}': the module {module_name} has no '{attribute}'{hint}; write {form}")
    return getattr(module, attribute)


@contextmanager
def users_code(what: str, failure: type[InputError] | type[RunError] = RunError) -> Iterator[None]:
    """Turn whatever a user's code raises, or exits with, into one line that says what was running.

    An InputError passes where wrong input is what is expected: it says itself what is wrong.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except InputError as error:
        if failure is InputError:
            raise
        raise failure(f"{what} failed with {described(error)}") from error
    except BaseException as error:
        raise failure(f"{what} failed with {described(error)}") from error


def described(error: BaseException) -> str:
    """Return an exception in one line, whatever its text does."""
    try:
        text = " ".join(str(error).split())[:_SHOWN_CHARACTERS]
    except Exception:  # its __str__ is a user's too
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
