"""Word-operation tape of a netlist for the zero-delay kernel: each truth table as a few AND, OR, XOR, NOT and MUX."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from characterize.gates.arrays import GateArrays
from characterize.kernels.zero_delay import AND, COPY, MUX, NOT, OR, XOR


class Operation(NamedTuple):
    """A row of the tape; `left`, `right` and `select` are slots."""

    code: int
    target: int
    left: int
    right: int = 0
    select: int = 0


class TapeWriter:
    """Collects operations; slots 0 and 1 are the constants, slots below `nets` the nets, the rest temporaries.

    Temporaries are reused from gate to gate.
    """

    def __init__(self, nets: int) -> None:
        self.nets = nets
        self.slots = nets
        self.rows: list[Operation] = []

    def gate(self, table: tuple[int, ...], inputs: tuple[int, ...], output: int) -> None:
        """Append one gate: `table[state]` over `inputs` (bit i of the state is input i) to net `output`."""
        self._known: dict[tuple[int, ...], int] = {}
        self._next = self.nets
        result = self._function(table, inputs)
        self.rows.append(Operation(COPY, output, result))

    def _emit(self, code: int, left: int, right: int = 0, select: int = 0) -> int:
        slot = self._next
        self._next += 1
        self.slots = max(self.slots, self._next)
        self.rows.append(Operation(code, slot, left, right, select))
        return slot

    def _function(self, table: tuple[int, ...], inputs: tuple[int, ...]) -> int:
        """Return the slot of a function: Shannon's expansion on the last input, with the usual special cases."""
        if not any(table):
            return 0
        if all(table):
            return 1
        if (known := self._known.get(table)) is not None:
            return known
        half = len(table) // 2
        last = inputs[len(inputs) - 1]
        low, high = table[:half], table[half:]
        rest = inputs[:-1]
        slot = self._function(low, rest) if low == high else self._expand(low, high, rest, last)
        self._known[table] = slot
        return slot

    def _expand(self, low: tuple[int, ...], high: tuple[int, ...], rest: tuple[int, ...], last: int) -> int:
        if not any(low):
            return last if all(high) else self._emit(AND, last, self._function(high, rest))
        if all(high):
            return self._emit(OR, last, self._function(low, rest))
        if not any(high):
            inverse = self._emit(NOT, last)
            return inverse if all(low) else self._emit(AND, inverse, self._function(low, rest))
        if all(low):
            return self._emit(OR, self._emit(NOT, last), self._function(high, rest))
        if all(a != b for a, b in zip(low, high, strict=True)):
            return self._emit(XOR, last, self._function(low, rest))
        return self._emit(MUX, self._function(high, rest), self._function(low, rest), last)


class Tape(NamedTuple):
    """The tape of a netlist, `int32[operations, 5]` (rows as in Operation), and how many word slots it needs."""

    operations: NDArray[np.int32]
    slots: int


def write_tape(arrays: GateArrays, nets: int) -> Tape:
    """Return the tape of a netlist."""
    writer = TapeWriter(nets)
    for gate, output in enumerate(arrays.gate_output):
        pins = arrays.pin_net[arrays.pin_start[gate] : arrays.pin_start[gate + 1]]
        start = arrays.table_start[gate]
        table = tuple(int(level) for level in arrays.tables[start : start + (1 << pins.size)])
        writer.gate(table, tuple(int(net) for net in pins), int(output))
    return Tape(np.array(writer.rows, np.int32).reshape(-1, 5), writer.slots)
