"""Mappings from a file: by layer name, one for a single layer, or out of a result of `hwsim simulate --json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwsim.errors import InputError
from hwsim.files.reading import read_json
from hwsim.mapping.mapping import Mapping

_KIND = 'mappings as JSON: {"layer": {"m": 64, "n": 1, ...}}, or a result of `hwsim simulate --json`'


def read_mappings(path: Path, layer: str | None = None) -> dict[str, Mapping]:
    """Return mappings by layer name; a bare mapping belongs to `layer`.

    Raises InputError for an unreadable file, an unknown or missing field, or a bare mapping without --layer.
    """
    content = read_json(path, _KIND)
    if not isinstance(content, dict):
        raise InputError(f"--mapping '{path}' holds {type(content).__name__}; expected {_KIND}")
    if isinstance(content.get("layers"), list):
        content = {one.get("name"): one.get("mapping") for one in content["layers"] if isinstance(one, dict)}
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
