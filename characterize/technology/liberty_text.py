"""Reads Liberty (.lib, .lib.gz) files into a CellLibrary: only what activity, delay and energy need, and fast."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hwsim.errors import InputError

_STATEMENT = re.compile(
    r"""\s*(?:
        (?P<close>\})
      | (?P<group>[A-Za-z_]\w*)\s*\((?P<head>[^()]*)\)\s*(?P<end>\{|;|(?=\s*\n)|(?=\s*\}))
      | (?P<name>[A-Za-z_]\w*)\s*:\s*(?P<value>"[^"]*"|[^;\n}]*)\s*;?
      | ;
    )""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_PIN = re.compile(r"pin(?<!\wpin)\s*\(")
_CELL = re.compile(r"cell(?<!\wcell)\s*\(\s*\"?([^\s()\"]+)\"?\s*\)\s*\{")


@dataclass
class Group:
    """A Liberty group: its kind and name, simple attributes, complex attributes (raw text) and sub-groups."""

    kind: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    complex: dict[str, list[str]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, kind: str) -> list[Group]:
        """Return the sub-groups of a kind in file order."""
        return [group for group in self.groups if group.kind == kind]


class Span(NamedTuple):
    """Where a piece of text starts and ends."""

    start: int
    end: int


@dataclass(frozen=True)
class LibertyText:
    """A Liberty file cut into the library's header and its cells."""

    path: Path
    header: Group
    cells: dict[str, Span]
    text: str

    def pin_count(self, name: str) -> int:
        """Return how many signal pins a cell has, without parsing it."""
        return len(_PIN.findall(self.text, *self.cells[name]))

    def cell(self, name: str) -> Group:
        """Parse one cell."""
        span = self.cells[name]
        line = self.text.count("\n", 0, span.start) + 1
        return parse_group(self.path, self.text[span.start : span.end], line)


def read_text(path: Path) -> str:
    """Read a plain or gzip-compressed Liberty file; raises InputError where it cannot be read."""
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except OSError as error:
        raise InputError(f"cannot read --liberty '{path}': {error.strerror or error}") from None
    except (EOFError, zlib.error) as error:
        raise InputError(f"--liberty '{path}' is a damaged gzip file ({error}); copy it again") from None
    return raw.decode("latin-1")


def split_cells(path: Path, text: str) -> LibertyText:
    """Cut a Liberty file into header and cells without parsing the cells; raises InputError where it is no Liberty."""
    if re.search(r"\blibrary\s*\(", text[:200_000]) is None:
        raise InputError(f"--liberty '{path}' has no 'library (...)' group: not a Liberty file")
    # comments go first: they may hold braces; line breaks stay, so that errors name the right line
    text = _COMMENT.sub(lambda m: "\n" * m.group().count("\n"), text)
    marks = list(_CELL.finditer(text))
    if not marks:
        raise InputError(f"--liberty '{path}' holds no cells; it is truncated or not a cell library")
    if text.count("{") != text.count("}"):
        raise InputError(
            f"--liberty '{path}' ends inside cell '{marks[-1].group(1)}' at line {text.count(chr(10)) + 1}:"
            " braces do not balance, the file is truncated; copy it again"
        )
    header = parse_group(path, text[: marks[0].start()] + "}", 1)
    ends = [mark.start() for mark in marks[1:]] + [text.rindex("}")]
    cells = {m.group(1): Span(m.start(), end) for m, end in zip(marks, ends, strict=True)}
    return LibertyText(path, header, cells, text)


def parse_group(path: Path, text: str, first_line: int) -> Group:
    """Parse the text of one group ('kind (name) { ... }') into a tree; `first_line` places errors in the file."""
    stack = [Group("", "")]
    position = 0
    match_statement = _STATEMENT.match
    while (match := match_statement(text, position)) is not None:
        position = match.end()
        if match["name"] is not None:
            stack[-1].attributes[match["name"]] = match["value"].strip().strip('"')
        elif match["group"] is not None:
            head = match["head"]
            if match["end"] == "{":
                group = Group(match["group"], head.strip().strip('"'))
                stack[-1].groups.append(group)
                stack.append(group)
            else:
                stack[-1].complex.setdefault(match["group"], []).append(head)
        elif match["close"] is not None:
            stack.pop()
            if len(stack) == 1:
                return stack[0].groups[-1]
    line = first_line + text.count("\n", 0, position)
    rest = text[position : position + 200].strip().split("\n")[0][:40]
    if rest:
        raise InputError(f"--liberty '{path}' line {line}: '{rest}' is not Liberty syntax")
    inside = " of ".join(f"{group.kind} {group.name}".strip() for group in reversed(stack[1:])) or "the file"
    raise InputError(f"--liberty '{path}' ends inside {inside} at line {line}: truncated; copy it again")
