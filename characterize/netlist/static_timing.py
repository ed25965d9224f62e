"""Static timing of a netlist: latest arrival and slew on every net, and the longest path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from characterize.netlist.netlist import Netlist

FALL, RISE = 0, 1


class Edge(NamedTuple):
    """A falling or rising edge of a net."""

    net: int
    edge: int


class Cause(NamedTuple):
    """The cell that an edge comes from, and the edge of its input; None where a register starts it."""

    cell: int
    before: Edge | None


OUTPUT_LOAD_FF = 1.0
"""What an output port is taken to drive: one small gate, the load that synthesis assumes too."""


@dataclass(frozen=True, eq=False)
class Timing:
    """Latest arrivals after the clock edge and the slews there.

    `arrival_ps`, `slew_ps`: float64[nets, 2] (falling, rising); -inf where an edge never arrives. `critical_path`: the
    cells from a register or input to the end of the longest path; `critical_ps` its delay, set-up time not included.
    """

    arrival_ps: NDArray[np.float64]
    slew_ps: NDArray[np.float64]
    load_ff: NDArray[np.float64]
    critical_ps: float
    critical_path: tuple[str, ...]


def static_timing(netlist: Netlist, wire_load_ff: float = 0.0, input_slew_ps: float | None = None) -> Timing:
    """Propagate the worst arrivals and slews from inputs (at the clock edge) and registers.

    `wire_load_ff` is added for each pin on a net. Conditions of arcs are ignored: the slowest state counts.
    """
    slew_in = netlist.library.default_slew_ps if input_slew_ps is None else input_slew_ps
    pass_ = _Pass(netlist, _loads(netlist, wire_load_ff), slew_in)
    for index in netlist.sequential:
        pass_.register(index)
    for index in netlist.combinational:
        pass_.gate(index)
    ends = [(float(pass_.arrival[net, edge]), Edge(net, edge)) for net in _ends(netlist) for edge in (FALL, RISE)]
    critical_ps, end = max(ends, default=(0.0, Edge(0, FALL)))
    return Timing(pass_.arrival, pass_.slew, pass_.load, max(critical_ps, 0.0), pass_.path(end))


def _loads(netlist: Netlist, wire_load_ff: float) -> NDArray[np.float64]:
    loads = netlist.loads_ff(wire_load_ff)
    for port in netlist.ports.values():
        if not port.is_input:
            np.add.at(loads, list(port.nets), OUTPUT_LOAD_FF)
    return loads


def _ends(netlist: Netlist) -> list[int]:
    ends = {net for port in netlist.ports.values() if not port.is_input for net in port.nets}
    for index in netlist.sequential:
        cell = netlist.cells[index]
        flip_flop = netlist.library[cell.cell_type].flip_flop
        if flip_flop is not None:
            ends.add(cell.pins[flip_flop.data_pin])
    return sorted(ends)


class _Pass:
    """One pass over a netlist in topological order; `cause` links each latest edge to the cell and edge before it."""

    def __init__(self, netlist: Netlist, load_ff: NDArray[np.float64], input_slew_ps: float) -> None:
        nets = len(netlist.net_names)
        self._netlist = netlist
        self._input_slew_ps = input_slew_ps
        self.load = load_ff
        self.arrival = np.full((nets, 2), -np.inf)
        self.slew = np.full((nets, 2), input_slew_ps)
        self._cause: dict[Edge, Cause] = {}
        for port in netlist.ports.values():
            if port.is_input:
                self.arrival[list(port.nets)] = 0.0

    def register(self, index: int) -> None:
        """Start the edges of a register's output at its clock-to-output delay."""
        cell = self._netlist.cells[index]
        for arc in self._netlist.library[cell.cell_type].timing:
            net = cell.pins.get(arc.output_pin)
            if net is None:
                continue
            for edge in (FALL, RISE):
                timing = arc.at(edge, self._input_slew_ps, float(self.load[net]))
                self.slew[net, edge] = max(timing.slew_ps, 0.0)
                self.arrival[net, edge] = max(self.arrival[net, edge], timing.delay_ps)
                self._cause[Edge(net, edge)] = Cause(index, None)

    def gate(self, index: int) -> None:
        """Take the latest arrival and the worst slew over all arcs of a gate."""
        cell = self._netlist.cells[index]
        reached: set[Edge] = set()
        for arc in self._netlist.library[cell.cell_type].timing:
            source, net = cell.pins[arc.input_pin], cell.pins.get(arc.output_pin)
            if net is None:
                continue
            for edge in (FALL, RISE):
                for source_edge in arc.sense.input_edges(edge):
                    if not np.isfinite(self.arrival[source, source_edge]):
                        continue
                    timing = arc.at(edge, float(self.slew[source, source_edge]), float(self.load[net]))
                    out = max(timing.slew_ps, 0.0)
                    # the first slew replaces the default, worse ones replace better ones
                    self.slew[net, edge] = max(self.slew[net, edge], out) if Edge(net, edge) in reached else out
                    reached.add(Edge(net, edge))
                    if self.arrival[source, source_edge] + timing.delay_ps > self.arrival[net, edge]:
                        self.arrival[net, edge] = self.arrival[source, source_edge] + timing.delay_ps
                        self._cause[Edge(net, edge)] = Cause(index, Edge(source, source_edge))

    def path(self, end: Edge) -> tuple[str, ...]:
        """Return the names of the cells that lead to an edge, first to last."""
        path: list[str] = []
        point: Edge | None = end
        while point is not None and point in self._cause:
            index, point = self._cause[point]
            path.append(self._netlist.cells[index].name)
        return tuple(reversed(path))
