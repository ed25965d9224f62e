"""Pruners of one's own: MODULE:CLASS on the command line, or an entry point of the group `tilejoule.pruners`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import Any

from compress.plugins import import_named
from compress.pruning.foreign import class_of
from compress.pruning.registry import PRUNERS, register
from hwsim.errors import InputError, unknown_name
from hwsim.files.spec import is_code

ENTRY_POINTS = "tilejoule.pruners"


def use_pruners(names: Iterable[str]) -> tuple[str, ...]:
    """Return the pruners' names, those that are code or installed registered first.

    Raises InputError for an unknown name, one that is named twice, code that cannot be imported, or a class that is no
    pruner.
    """
    used: dict[str, str] = {}
    for written in names:
        name = _used(written)
        if name in used:
            also = "" if used[name] == written == name else f" (as '{used[name]}' and '{written}')"
            raise InputError(f"--pruners names '{name}' twice{also}; name each pruner once")
        used[name] = written
    return tuple(used)


def known_pruners() -> list[str]:
    """Return the names of the pruners that are built in, registered or installed."""
    installed = {point.name for point in metadata.entry_points(group=ENTRY_POINTS)}
    return [*PRUNERS, *sorted(installed - set(PRUNERS))]


def _used(name: str) -> str:
    if name in PRUNERS:
        return name
    if is_code(name):
        return _registered(import_named(name, "--pruners", "MODULE:CLASS"), f"--pruners '{name}'")
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == name:
            source = f"the entry point {ENTRY_POINTS} '{name}'"
            return _registered(import_named(point.value, source, "MODULE:CLASS"), source)
    raise InputError(f"--pruners: {unknown_name('pruner', name, known_pruners())}; or write MODULE:CLASS")


def _registered(found: Any, source: str) -> str:
    """Register a class and return the name that policies know it by."""
    try:
        register(found)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return next(name for name, pruner in PRUNERS.items() if class_of(pruner) is found)
