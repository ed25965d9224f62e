"""Mappings from a file: by layer name, one for a single layer, or out of a result of `hwsim simulate --json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from hwsim.errors import InputError
from hwsim.files.document import Document
from hwsim.files.reading import read_json
from hwsim.mapping.mapping import Mapping

_KIND = 'mappings as JSON: {"layer": {"m": 64, "n": 1, ...}}, or a result of `hwsim simulate --json`'


class _MappedLayer(BaseModel):
    name: str
    mapping: dict[str, Any]


class _MappedResult(Document):
    """A result of a simulation as far as its mappings go: the number of its schema, and a mapping a layer."""

    model_config = ConfigDict(extra="allow")

    KIND: ClassVar[str] = "a result of `hwsim simulate --json`"

    layers: list[_MappedLayer]


def read_mappings(path: Path, layer: str | None = None) -> dict[str, Mapping]:
    """Return mappings by layer name; a bare mapping belongs to `layer`.

    Raises InputError for an unreadable file, an unknown or missing field, or a bare mapping without --layer.
    """
    content = read_json(path, _KIND)
    if not isinstance(content, dict):
        raise InputError(f"--mapping '{path}' holds {type(content).__name__}; expected {_KIND}")
    if "schema" in content or isinstance(content.get("layers"), list):
        result = _MappedResult.parse(content, f"--mapping '{path}'")
        content = {one.name: one.mapping for one in result.layers}
    elif content and not any(isinstance(value, dict) for value in content.values()):
        if layer is None:
            raise InputError(f"--mapping '{path}' holds one mapping and no layer names; say which with --layer NAME")
        content = {layer: content}
    chosen = {name: fields for name, fields in content.items() if layer is None or name == layer}
    return {name: _mapping(path, name, fields) for name, fields in chosen.items()}


def _mapping(path: Path, name: str, fields: Any) -> Mapping:
    where = f"--mapping '{path}', layer '{name}'"
    if not isinstance(fields, dict):
        raise InputError(f"{where}: holds {type(fields).__name__}, expected the letters m n e f p q r t")
    for letter, value in fields.items():
        if not isinstance(value, int):
            raise InputError(f"{where}: {letter} is {value!r}, must be a whole number")
    return Mapping.from_dict(fields, where)
