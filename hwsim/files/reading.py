"""JSON and TOML read with one-line errors that say what was expected; content hashes."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hwsim.errors import InputError
from hwsim.files.paths import exists, reason

LARGEST_BYTES = 1 << 28
"""No file of settings or results comes near this; a device (/dev/zero) never ends."""
DEEPEST = 64
_LARGEST_BITS = 63
"""And a sign, so that compiled code can take a whole number."""


def read_text(path: Path, kind: str) -> str:
    """Return the text of a file; `kind` says in the error what was expected ("a MAC energy table")."""
    exists(path)  # its refusal names a path that cannot be looked up
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read '{path}': {reason(error)}; expected {kind}") from None
    if len(content) > LARGEST_BYTES:
        raise InputError(f"'{path}' is larger than {LARGEST_BYTES >> 20} MB; expected {kind}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not text ({error}); expected {kind}") from None


def read_json(path: Path, kind: str) -> Any:
    """Read a JSON file; `kind` says in the error what was expected ("a MAC energy table")."""
    return _parsed(path, kind, "JSON", json.loads)


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """Read a TOML file; `kind` says in the error what was expected ("an accelerator spec")."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    content: dict[str, Any] = _parsed(path, kind, "TOML", tomllib.loads)
    return content


def _parsed(path: Path, kind: str, form: str, parse: Callable[[str], Any]) -> Any:
    text = read_text(path, kind)
    try:
        content = parse(text)
    except RecursionError:
        raise InputError(f"'{path}' is nested too deeply; expected {kind}") from None
    except ValueError as error:  # Python's own is that of a whole number too long to convert
        why = "a whole number has thousands of digits" if type(error) is ValueError else error
        raise InputError(f"'{path}' is not {form} ({why}); expected {kind}") from None
    problem = _what_no_file_means(content)
    if problem is not None:
        raise InputError(f"'{path}': {problem}; expected {kind}")
    return content


def _what_no_file_means(content: Any) -> str | None:
    """Return what a parser lets through and no file may mean: depth, huge and infinite numbers, null characters."""
    level: list[tuple[str, Any]] = [("", content)]
    for _ in range(DEEPEST):
        inner: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, dict):
                inner += value.items()
                if any("\0" in key for key in value):
                    return "a name in it holds a null character"
            elif isinstance(value, list):
                inner += [(name, one) for one in value]
            elif isinstance(value, str) and "\0" in value:
                return f"{name} holds a null character"
            elif isinstance(value, float) and not math.isfinite(value):
                return f"{name} is {value}, must be a finite number"
            elif isinstance(value, int) and value.bit_length() > _LARGEST_BITS:
                return f"{name} is a whole number of {value.bit_length()} bits, must be of at most {_LARGEST_BITS}"
        if not inner:
            return None
        level = inner
    return f"it is nested more than {DEEPEST} levels deep"


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content; raises InputError where it cannot be read."""
    exists(path)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read '{path}': {reason(error)}; name a file") from None
