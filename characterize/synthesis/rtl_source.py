"""The text of a Verilog file on its own: what it includes stands in it."""

from __future__ import annotations

import re
from pathlib import Path

_INCLUDE = re.compile(r'^[ \t]*`include[ \t]+"([^"\n]+)"[^\n]*$', re.MULTILINE)
_MAX_DEPTH = 16


def rtl_text(file: Path, depth: int = 0) -> str:
    """Return a Verilog file with the files that it includes, sought beside it, put in place.

    A run keeps and simulates its sources away from where they came from, so each has to be complete. What is not found
    stays as it is, for the tool that reads the text to complain about.
    """

    def included(match: re.Match[str]) -> str:
        inner = file.parent / match[1]
        return rtl_text(inner, depth + 1) if depth < _MAX_DEPTH and inner.is_file() else match[0]

    return _INCLUDE.sub(included, file.read_text())
