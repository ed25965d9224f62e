"""What a command is asked to do, as a frozen record: each setting is one field that says all there is to say of it.

From the field come the option on the command line (`hwsim.commandline.options`), its help, its choices and its default,
the key in a `--config` file and in the run's own file, and the check of its value.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from hwsim.errors import InputError, unknown_name

S = TypeVar("S", bound="Spec")


@dataclass(frozen=True)
class Shown:
    """How a setting shows outside of Python.

    `section` groups it in `--help`; `option` is its name on the command line where that is not the field's (None: it is
    no option); `metavar` stands for its value; `default_text` says what holds where it is left out and the default
    alone would not; `split`: a comma-separated list on the command line; `names_code`: a value MODULE:NAME is imported,
    so no file may hold it; `recorded`: it decides the result, so files of results hold it.
    """

    section: str = "Options"
    option: str | None = ""
    metavar: str | None = None
    default_text: str | None = None
    split: bool = False
    names_code: bool = False
    recorded: bool = True


def setting(default: Any, description: str, shown: Shown | None = None, **bounds: Any) -> Any:
    """Return the field of one setting; `bounds` are pydantic's (ge, gt, le, lt). `...` as default: it must be given."""
    field: Any = Field(default, description=description, **bounds)
    field.metadata.append(Shown() if shown is None else shown)
    return field


def shown(field: FieldInfo) -> Shown:
    """Return how a field shows; plain pydantic fields show as themselves."""
    return next((entry for entry in field.metadata if isinstance(entry, Shown)), Shown())


def option_name(name: str, field: FieldInfo) -> str:
    """Return the option of a field as it is typed, `--like-this`."""
    return shown(field).option or "--" + name.replace("_", "-")


def enum_of(field: FieldInfo) -> type[Enum] | None:
    """Return the enum that a field's value belongs to, None where it is no enum."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind
    return None


class Spec(BaseModel):
    """A frozen record of settings; a wrong one is refused by the name of its option, in one line."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError(self._sentence(error)) from None

    @classmethod
    def of(cls: type[S], values: Mapping[str, Any], source: str = "") -> S:
        """Build the spec from a mapping; `source` (a file) stands before the error where a value is wrong."""
        try:
            return cls(**dict(values))
        except InputError as error:
            raise InputError(f"{source}: {error}" if source else str(error)) from None

    @classmethod
    def check_names(cls, names: Mapping[str, Any] | list[str], source: str) -> None:
        """Raise InputError for a name that is no setting, with the nearest one."""
        for name in names:
            if name not in cls.model_fields:
                raise InputError(f"{source}: {unknown_name('setting', name, cls.model_fields)}")

    def replaced(self: S, **changes: Any) -> S:
        """Return the spec with other values, checked as a whole."""
        return type(self)(**{**dict(self), **changes})

    def as_json(self) -> dict[str, Any]:
        """Return every setting as plain values."""
        return self.model_dump(mode="json")

    @classmethod
    def option(cls, name: str) -> str:
        """Return the option of a setting."""
        return option_name(name, cls.model_fields[name])

    @classmethod
    def _sentence(cls, error: ValidationError) -> str:
        problem = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")[0]
        message = str(problem["msg"]).removeprefix("Value error, ")
        if not problem["loc"]:
            return message
        name = str(problem["loc"][0])
        if name not in cls.model_fields:
            near = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.5)
            return f"unknown setting '{name}': " + (f"did you mean {near[0]}?" if near else _known(cls))
        option = cls.option(name)
        if problem["type"] == "missing":
            return f"{option} is missing"
        kind = enum_of(cls.model_fields[name])
        if kind is not None and problem["type"] == "enum":
            return f"{option}: {unknown_name('value', str(problem['input']), [str(one.value) for one in kind])}"
        message = message[:1].lower() + message[1:]
        return f"{option} is {problem['input']!r}: {message}"


def _known(cls: type[Spec]) -> str:
    return f"known: {', '.join(cls.model_fields)}"


def is_code(value: Any) -> bool:
    """Return whether a value is written MODULE:NAME, so that it would be imported."""
    module, colon, attribute = str(value).partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))
