"""Boolean functions as Liberty writes them: parsed once, kept as a truth table and as Verilog."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\]]*|[01]|[!~'*&+|^()])")
_OR = frozenset("+|")
_XOR = frozenset("^")


@dataclass(frozen=True)
class BooleanFunction:
    """A function of named inputs.

    `truth_table`: bit r is the value in row r, where input i of `inputs` has the value of bit i of r.
    `verilog`: the same function as a Verilog expression.
    """

    inputs: tuple[str, ...]
    truth_table: int
    verilog: str

    def __call__(self, row: int) -> int:
        """Return the value (0 or 1) in a row: bit i of `row` is the value of input i."""
        return self.truth_table >> row & 1


def parse_boolean(
    text: str, inputs: tuple[str, ...], known: Mapping[str, BooleanFunction] | None = None
) -> BooleanFunction:
    """Parse a Liberty expression (! ~ ' * & space + | ^ parentheses 0 1) over named inputs.

    `known`: further names that stand for functions of the same inputs (a cell's outputs). Raises ValueError with the
    offending part where the text is not such an expression.
    """
    tokens: list[str] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise ValueError(f"'{stripped[position:]}' in '{text}' is not a Boolean expression")
        tokens.append(match.group(1))
        position = match.end()
    return _Parser(tokens, inputs, known or {}, text).parse()


class _Parser:
    """Recursive descent; each method returns (truth table, Verilog)."""

    def __init__(
        self, tokens: list[str], inputs: tuple[str, ...], known: Mapping[str, BooleanFunction], text: str
    ) -> None:
        self._tokens = tokens
        self._known = known
        self._next = 0
        self._inputs = inputs
        self._text = text
        self._mask = (1 << (1 << len(inputs))) - 1

    def parse(self) -> BooleanFunction:
        table, verilog = self._or()
        if self._next != len(self._tokens):
            raise ValueError(f"'{self._tokens[self._next]}' is not expected in '{self._text}'")
        return BooleanFunction(self._inputs, table, verilog)

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _or(self) -> tuple[int, str]:
        table, verilog = self._xor()
        while self._peek() in _OR:
            self._next += 1
            other, right = self._xor()
            table, verilog = table | other, f"({verilog} | {right})"
        return table, verilog

    def _xor(self) -> tuple[int, str]:
        table, verilog = self._and()
        while self._peek() in _XOR:
            self._next += 1
            other, right = self._and()
            table, verilog = table ^ other, f"({verilog} ^ {right})"
        return table, verilog

    def _and(self) -> tuple[int, str]:
        table, verilog = self._not()
        # a space between two operands is a conjunction too
        while (token := self._peek()) and (token in "*&" or token not in "+|^)'"):
            if token in "*&":
                self._next += 1
            other, right = self._not()
            table, verilog = table & other, f"({verilog} & {right})"
        return table, verilog

    def _not(self) -> tuple[int, str]:
        token = self._peek()
        self._next += 1
        if token and token in "!~":
            table, verilog = self._not()
            return table ^ self._mask, f"(~{verilog})"
        if token == "(":
            table, verilog = self._or()
            if self._peek() != ")":
                raise ValueError(f"a closing parenthesis is missing in '{self._text}'")
            self._next += 1
        elif token in ("0", "1"):
            table, verilog = (self._mask if token == "1" else 0), f"1'b{token}"
        elif token in self._inputs:
            table, verilog = _column(self._inputs.index(token), len(self._inputs)), token
        elif token in self._known:
            table, verilog = self._known[token].truth_table, self._known[token].verilog
        else:
            raise ValueError(f"'{token or 'end'}' in '{self._text}' is not one of the inputs {', '.join(self._inputs)}")
        while self._peek() == "'":
            self._next += 1
            table, verilog = table ^ self._mask, f"(~{verilog})"
        return table, verilog


@lru_cache(maxsize=128)
def _column(index: int, inputs: int) -> int:
    """Return the truth table of one input alone."""
    return sum(1 << row for row in range(1 << inputs) if row >> index & 1)
