"""Settings of a search from a file: its own by name, those of a method in a table of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from compress.methods.registry import BUILT_IN
from compress.searching.spec import SearchSpec
from hwsim.commandline.options import named
from hwsim.errors import InputError, unknown_name
from hwsim.files.spec import check_values, code_in

METHOD_OPTIONS: dict[str, str] = {
    name: entry.name for entry in BUILT_IN.values() for name in entry.options.model_fields
}
"""The options of the built-in methods, and whose they are."""

_OWNERS = {
    spelling: name
    for entry in BUILT_IN.values()
    for name in entry.options.model_fields
    for spelling in (name, entry.options.option(name)[2:].replace("-", "_"))
}
"""How a file may spell them."""


def settings_of(content: Mapping[str, Any], source: str, trusted: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings that a file's table holds, by field of SearchSpec; names are options' or fields', - or _.

    An option of a built-in method may stand among the others, any method's in the table `method_options`. `trusted`:
    code that was named on the command line too. Raises InputError for an unknown name, a value that its setting does
    not take, and code not named there.
    """
    free = content.get("method_options", {})
    if not isinstance(free, Mapping):
        raise InputError(f"{source}: method_options is {free!r}, must be a table of NAME = VALUE")
    method, settings = dict(free), dict[str, Any]()
    for name, value in named(SearchSpec, content, source).items():
        owner = _OWNERS.get(name)
        if owner is not None:
            method[owner] = value
        elif name not in SearchSpec.model_fields:
            raise InputError(f"{source}: {unknown_name('option', name, [*SearchSpec.model_fields, *METHOD_OPTIONS])}")
        elif name != "method_options":
            settings[name] = value
    for option, code in code_in(SearchSpec, settings):
        if code not in trusted:
            raise InputError(
                f"{source} names code ('{code}'), and no file is trusted with that; give {option} {code} on the command"
                " line too"
            )
    check_values(SearchSpec, settings, source)
    for entry in BUILT_IN.values():
        own = {name: value for name, value in method.items() if name in entry.options.model_fields}
        check_values(entry.options, own, source)
    return {**settings, "method_options": method} if method else settings


def own_options(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return settings without the options of other built-in methods, which a table shared by several may hold."""
    options = settings.get("method_options", {})
    kept = {name: value for name, value in options.items() if METHOD_OPTIONS.get(name, method) == method}
    return {**settings, "method_options": kept}
