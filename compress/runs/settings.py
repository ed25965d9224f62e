"""Settings of a search from a file: its own by name, those of a method in a table of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from compress.methods.registry import BUILT_IN
from compress.searching.spec import SearchSpec
from hwsim.errors import InputError, unknown_name
from hwsim.files.spec import is_code, option_name, shown

METHOD_OPTIONS: dict[str, str] = {
    name: entry.name for entry in BUILT_IN.values() for name in entry.options.model_fields
}
"""The options of the built-in methods, and whose they are."""


def settings_of(content: Mapping[str, Any], source: str, trusted: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings that a file's table holds, by field of SearchSpec; names may have hyphens or underscores.

    An option of a built-in method may stand among the others, any method's in the table `method_options`. `trusted`:
    code that was named on the command line too. Raises InputError for an unknown name, and for code not named there.
    """
    settings: dict[str, Any] = {}
    method = dict(content.get("method_options", {}))
    known = [*SearchSpec.model_fields, *METHOD_OPTIONS]
    for key, value in content.items():
        name = key.replace("-", "_")
        if name in METHOD_OPTIONS:
            method[name] = value
        elif name not in SearchSpec.model_fields:
            raise InputError(f"{source}: {unknown_name('option', key, known)}")
        elif name != "method_options":
            settings[name] = value
    for name, value in settings.items():
        _refuse_code(name, value, source, trusted)
    if method:
        settings["method_options"] = method
    return settings


def own_options(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return settings without the options of other built-in methods, which a table shared by several may hold."""
    options = settings.get("method_options", {})
    kept = {name: value for name, value in options.items() if METHOD_OPTIONS.get(name, method) == method}
    return {**settings, "method_options": kept}


def _refuse_code(name: str, value: Any, source: str, trusted: Collection[str]) -> None:
    field = SearchSpec.model_fields[name]
    if not shown(field).names_code:
        return
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if is_code(one) and one not in trusted:
            raise InputError(
                f"{source} names code ('{one}'), and no file is trusted with that; give {option_name(name, field)}"
                f" {one} on the command line too"
            )
