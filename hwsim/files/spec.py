"""What a command is asked to do, as a frozen record: each setting is one field that says all there is to say of it.

From the field come the option on the command line (`hwsim.commandline.options`), its help, its choices and its default,
the key in a `--config` file and in the run's own file, and the check of its value.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from hwsim.errors import InputError, unknown_name

S = TypeVar("S", bound="Spec")

LARGEST_SEED = 2**63 - 1
"""NumPy's and torch's generators both take it."""


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


def with_default(model: type[BaseModel], name: str, default: Any) -> Any:
    """Return a setting of another spec, the same but for its default."""
    original = model.model_fields[name]
    field = setting(default, str(original.description), replace(shown(original), default_text=None))
    field.metadata[:0] = [entry for entry in original.metadata if not isinstance(entry, Shown)]
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

    def __init__(self, /, **values: Any) -> None:
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
        message = _message(problem)
        if not problem["loc"]:
            return message
        name = str(problem["loc"][0])
        if name not in cls.model_fields:
            near = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.5)
            return f"unknown setting '{name}': " + (f"did you mean {near[0]}?" if near else _known(cls))
        return cls.said(name, problem["input"], problem["type"], message)

    @classmethod
    def said(cls, name: str, value: Any, kind: str, message: str) -> str:
        """Return the line that refuses a setting's value: option, value and what is allowed."""
        option, enum = cls.option(name), enum_of(cls.model_fields[name])
        if kind == "missing":
            return f"{option} is missing"
        if enum is not None and kind == "enum":
            return f"{option}: {unknown_name('value', str(value), [str(one.value) for one in enum])}"
        return f"{option} is {value!r}: {message[:1].lower()}{message[1:]}"

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {name: plain_value(fields[name], value) if name in fields else value for name, value in values.items()}


def _message(problem: Any) -> str:
    return str(problem["msg"]).removeprefix("Value error, ")


def _known(cls: type[Spec]) -> str:
    return f"known: {', '.join(cls.model_fields)}"


def is_code(value: Any) -> bool:
    """Return whether a value of a setting that may name code does: what has a colon is never a built-in name."""
    return ":" in str(value)


def code_in(model: type[Spec], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (option, code) for every value that names code, so that a file's can be refused."""
    found = []
    for name, value in values.items():
        field = model.model_fields.get(name)
        if field is not None and shown(field).names_code:
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if is_code(one):
                    found.append((option_name(name, field), str(one)))
    return found


def check_values(model: type[Spec], values: Mapping[str, Any], source: str) -> None:
    """Raise InputError for the first value of a file that its setting does not take; `source` names the file.

    What the spec asks for besides may stand on the command line, and is not missed here.
    """
    try:
        BaseModel.__init__(model.__new__(model), **dict(values))
    except ValidationError as error:
        for problem in error.errors():
            if problem["loc"] and problem["loc"][0] in values:
                line = model.said(str(problem["loc"][0]), problem["input"], problem["type"], _message(problem))
                raise InputError(f"{source}: {line}") from None


def plain_value(field: FieldInfo, value: Any) -> Any:
    """Return a value as its field takes it: names in one text as several, and no truth value for a number.

    pydantic would count a truth value as 0 or 1; as text it is refused.
    """
    if shown(field).split and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    kinds = (field.annotation, *get_args(field.annotation))
    return str(value) if isinstance(value, bool) and bool not in kinds and (int in kinds or float in kinds) else value
