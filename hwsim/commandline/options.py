"""Options of a command made from the fields of its Spec, in sections of the help; `--config FILE` sets any of them.

An option that was not given is None, so that a file or a remembered run can say otherwise: `asked(model, options)`
holds what was given, in the configuration first and on the command line over it, as `Spec.of` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from hwsim.errors import InputError
from hwsim.files.reading import read_toml
from hwsim.files.spec import Shown, Spec, check_values, code_in, enum_of, option_name, plain_value, shown

C = TypeVar("C", bound=Callable[..., Any])

OWN_SECTION = "Options"


class SpecOption(click.Option):
    """An option that belongs to a section of the help."""

    def __init__(self, *args: Any, section: str = OWN_SECTION, **settings: Any) -> None:
        self.section = section
        super().__init__(*args, **settings)


class SectionedCommand(click.Command):
    """A command whose help lists its options by section, the command's own first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, in the order in which the sections appear."""
        sections: dict[str, list[tuple[str, str]]] = {OWN_SECTION: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", OWN_SECTION), []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def spec_options(
    model: type[Spec], *, leave_out: Iterable[str] = (), config: bool = True, prefix_help: str = ""
) -> Callable[[C], C]:
    """Return the decorator that gives a command an option for each field of a spec, and `--config`.

    `leave_out` names fields that are none here; `prefix_help` stands before what holds where an option is left out.
    """
    left_out = set(leave_out)

    def decorate(command: C) -> C:
        options = [
            _option(name, field, prefix_help)
            for name, field in model.model_fields.items()
            if name not in left_out and shown(field).option is not None
        ]
        if config:
            options.append(_config_option())
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _config_option() -> Callable[[C], C]:
    return click.option(
        "--config",
        cls=SpecOption,
        type=click.Path(path_type=Path, dir_okay=False),
        default=None,
        metavar="FILE.toml",
        help="Settings by name (underscores for hyphens); options on the command line come before them.",
    )


def _option(name: str, field: FieldInfo, prefix_help: str) -> Callable[[C], C]:
    how = shown(field)
    kind, text = _click_type(field, how), str(field.description)
    names = [option_name(name, field), name]
    if kind is bool:
        names[0] = f"{names[0]}/--no-{names[0][2:]}"
    help_text = f"{text}{_default_text(field, how, prefix_help)}"
    settings: dict[str, Any] = {"default": None, "help": help_text, "metavar": how.metavar, "cls": SpecOption}
    if kind is not bool:
        settings["type"] = kind
        settings["multiple"] = _is_list(field) and not how.split
    return click.option(*names, section=how.section, **settings)


def _default_text(field: FieldInfo, how: Shown, prefix_help: str) -> str:
    if how.default_text is not None:
        return f"  [default: {prefix_help}{how.default_text}]" if how.default_text else ""
    default = field.get_default(call_default_factory=True, validated_data={}) if not field.is_required() else None
    if default is None or default in ((), ""):
        return ""
    value = getattr(default, "value", default)
    if isinstance(value, bool):
        value = "on" if value else "off"
    return f"  [default: {prefix_help}{value}]"


def _plain(annotation: Any) -> Any:
    """Return the type behind Optional."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else str
    return annotation


def _is_list(field: FieldInfo) -> bool:
    return get_origin(_plain(field.annotation)) in (tuple, list)


def _click_type(field: FieldInfo, how: Shown) -> Any:
    if how.split:
        return str
    plain = _plain(field.annotation)
    if _is_list(field):
        plain = get_args(plain)[0]
    kind = enum_of(field)
    if kind is not None:
        return click.Choice([str(one.value) for one in kind])
    if plain is Path:
        return click.Path(path_type=Path)
    return plain if plain in (bool, int, float) else str


def asked(model: type[Spec], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were given, by field: those of `--config`, and over them those of the command line.

    Raises InputError for a file that holds an unknown key, or code to import.
    """
    found: dict[str, Any] = {}
    config = options.get("config")
    if config is not None:
        found.update(read_config(model, config))
    for name, value in options.items():
        if name not in model.model_fields or value is None or value == ():
            continue
        found[name] = plain_value(model.model_fields[name], value)
    return found


def read_config(model: type[Spec], path: Path) -> dict[str, Any]:
    """Return the settings of a TOML file by field; a name is the option's or the field's, with - or _."""
    content = named(model, read_toml(path, "settings in TOML"), f"'{path}'")
    model.check_names(content, f"'{path}'")
    for option, code in code_in(model, content):
        raise InputError(
            f"'{path}' names code ('{code}'), and no file is trusted with that; give {option} {code} on the command"
            " line"
        )
    check_values(model, content, f"'{path}'")
    return content


def named(model: type[Spec], content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return a file's entries by field; raises InputError where two of them name the same one."""
    fields = {option_name(name, field)[2:].replace("-", "_"): name for name, field in model.model_fields.items()}
    found: dict[str, Any] = {}
    for key, value in content.items():
        plain = key.replace("-", "_")
        name = plain if plain in model.model_fields else fields.get(plain, plain)
        if name in found:
            raise InputError(f"{source} holds '{key}' twice, in two spellings; leave one out")
        found[name] = value
    return found
