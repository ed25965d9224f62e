"""JSON and TOML read with one-line errors that say what was expected; content hashes."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from hwsim.errors import InputError


def read_json(path: Path, kind: str) -> Any:
    """Read a JSON file; `kind` says in the error what was expected ("a MAC energy table")."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}; expected {kind}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not JSON ({error}); expected {kind}") from None


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """Read a TOML file; `kind` says in the error what was expected ("an accelerator spec")."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}; expected {kind}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not TOML ({error}); expected {kind}") from None


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
