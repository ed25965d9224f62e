"""What a netlist computes, cycle by cycle and without time: many independent streams at once, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from characterize.netlist.netlist import ONE_NET, Netlist
from hwsim.errors import InputError

Bits = NDArray[np.uint8]


class _Output(NamedTuple):
    """An output net and its truth table, `uint8[rows]`."""

    net: int
    table: Bits


class _Gate(NamedTuple):
    """The nets that a gate reads, and its outputs."""

    inputs: list[int]
    outputs: list[_Output]


class _Register(NamedTuple):
    """The nets of a flip-flop, and whether its output is inverted (1)."""

    data: int
    output: int
    inverted: int


class FunctionalModel:
    """A netlist's state for a number of streams; every register starts at 0.

    `net`: uint8[nets, streams], the value of every net after the last evaluation.
    """

    def __init__(self, netlist: Netlist, streams: int) -> None:
        self._netlist = netlist
        self.net: Bits = np.zeros((len(netlist.net_names), streams), np.uint8)
        self.net[ONE_NET] = 1
        self._gates = [self._gate(index) for index in netlist.combinational]
        self._registers = [register for index in netlist.sequential for register in self._register(index)]
        for _, output, inverted in self._registers:
            self.net[output] = inverted

    def _gate(self, index: int) -> _Gate:
        cell = self._netlist.cells[index]
        library_cell = self._netlist.library[cell.cell_type]
        tables = []
        for output in library_cell.outputs:
            function = library_cell.pins[output].function
            if output in cell.pins and function is not None:
                rows = [function(row) for row in range(1 << len(library_cell.inputs))]
                tables.append(_Output(cell.pins[output], np.array(rows, np.uint8)))
        return _Gate([cell.pins[pin] for pin in library_cell.inputs], tables)

    def _register(self, index: int) -> list[_Register]:
        cell = self._netlist.cells[index]
        flip_flop = self._netlist.library[cell.cell_type].flip_flop
        if flip_flop is None or flip_flop.output_pin not in cell.pins:
            return []
        data, output = cell.pins[flip_flop.data_pin], cell.pins[flip_flop.output_pin]
        return [_Register(data, output, int(flip_flop.inverted_output))]

    def settle(self, inputs: Mapping[str, NDArray[np.int64]]) -> None:
        """Apply integers (int64[streams], two's complement) to input ports and evaluate every gate."""
        for name, values in inputs.items():
            for bit, net in enumerate(self._netlist.ports[name].nets):
                self.net[net] = (values >> bit) & 1
        for nets, outputs in self._gates:
            row = self.net[nets[0]].copy()
            for position, net in enumerate(nets[1:], start=1):
                row |= self.net[net] << position
            for output, table in outputs:
                self.net[output] = table[row]

    def clock(self) -> None:
        """Take over the registers' data at a rising edge; gates are not evaluated until the next settle()."""
        taken = [self.net[data] ^ inverted for data, _, inverted in self._registers]
        for (_, output, _), values in zip(self._registers, taken, strict=True):
            self.net[output] = values

    def read(self, port: str, signed: bool = False) -> NDArray[np.int64]:
        """Return the value of a port: int64[streams]."""
        nets = self._netlist.ports[port].nets
        value = np.zeros(self.net.shape[1], np.int64)
        for bit, net in enumerate(nets):
            weight = -(1 << bit) if signed and bit == len(nets) - 1 else 1 << bit
            value += self.net[net].astype(np.int64) * weight
        return value


def run_cycles(
    netlist: Netlist, stimulus: Mapping[str, NDArray[np.int64]], output: str, signed: bool = True
) -> NDArray[np.int64]:
    """Return an output port after each rising edge: int64[cycles, streams].

    `stimulus`: int64[cycles, streams] for each input port but the clock; ports that are not named stay 0.
    """
    shapes = {values.shape for values in stimulus.values()}
    if len(shapes) != 1:
        raise InputError(f"stimulus arrays of different shapes {sorted(shapes)}; one row a cycle, one column a stream")
    cycles, streams = shapes.pop()
    model = FunctionalModel(netlist, streams)
    out = np.zeros((cycles, streams), np.int64)
    for cycle in range(cycles):
        inputs = {name: values[cycle] for name, values in stimulus.items()}
        model.settle(inputs)
        model.clock()
        model.settle({})
        out[cycle] = model.read(output, signed)
    return out
