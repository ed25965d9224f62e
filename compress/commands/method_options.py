"""Options of single methods on the command line: those of the built-in ones by name, any method's by NAME=VALUE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from compress.methods.registry import BUILT_IN
from compress.runs.settings import METHOD_OPTIONS, settings_of
from compress.searching.spec import SearchSpec
from hwsim.commandline.options import SpecOption, asked, spec_options
from hwsim.errors import InputError
from hwsim.files.reading import read_toml

C = TypeVar("C", bound=Callable[..., Any])


def method_options(command: C) -> C:
    """Give a command the options of every built-in method, and `--method-option` for others."""
    for entry in reversed(BUILT_IN.values()):
        command = spec_options(entry.options, config=False)(command)
    option = click.option(
        "--method-option",
        "free_options",
        cls=SpecOption,
        section="Search",
        multiple=True,
        metavar="NAME=VALUE",
        help="An option of the method that has no name of its own here; repeatable.",
    )
    return option(command)


def search_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a search as given, by field: those of `--config`, over them those of the command line.

    Raises InputError for a wrong configuration file and for a `--method-option` that is not NAME=VALUE.
    """
    given = {name: value for name, value in options.items() if name != "config"}
    config = options.get("config")
    settings = {} if config is None else settings_of(read_toml(config, "settings in TOML"), f"'{config}'")
    method = dict(settings.pop("method_options", {}))
    settings.update(asked(SearchSpec, given))
    method.update({name: given[name] for name in METHOD_OPTIONS if given.get(name) is not None})
    for entry in given.get("free_options", ()):
        name, equals, value = entry.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--method-option '{entry}': write NAME=VALUE")
        if given.get(name) is not None:
            raise InputError(f"--method-option {name} says again what its own option says; leave one out")
        method[name] = value
    return {**settings, "method_options": method} if method else settings
