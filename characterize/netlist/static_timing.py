"""Static timing of a netlist: latest arrival and slew on every net, and the longest path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from characterize.netlist.netlist import Netlist
from characterize.technology.cell_library import Sense, TimingArc

FALL, RISE = 0, 1
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
    ends = [(float(pass_.arrival[net, edge]), (net, edge)) for net in _ends(netlist) for edge in (FALL, RISE)]
    critical_ps, end = max(ends, default=(0.0, (0, FALL)))
    return Timing(pass_.arrival, pass_.slew, pass_.load, max(critical_ps, 0.0), pass_.path(end))


def _loads(netlist: Netlist, wire_load_ff: float) -> NDArray[np.float64]:
    loads = np.array(netlist.loads_ff)
    for cell in netlist.cells:
        outputs = netlist.library[cell.cell_type].outputs
        for pin, net in cell.pins.items():
            if pin not in outputs:
                loads[net] += wire_load_ff
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
        self._cause: dict[tuple[int, int], tuple[int, tuple[int, int] | None]] = {}
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
                delay, self.slew[net, edge] = _arc(arc, edge, self._input_slew_ps, float(self.load[net]))
                self.arrival[net, edge] = max(self.arrival[net, edge], delay)
                self._cause[net, edge] = (index, None)

    def gate(self, index: int) -> None:
        """Take the latest arrival and the worst slew over all arcs of a gate."""
        cell = self._netlist.cells[index]
        reached: set[tuple[int, int]] = set()
        for arc in self._netlist.library[cell.cell_type].timing:
            source, net = cell.pins[arc.input_pin], cell.pins.get(arc.output_pin)
            if net is None:
                continue
            for edge in (FALL, RISE):
                for source_edge in _source_edges(arc.sense, edge):
                    if not np.isfinite(self.arrival[source, source_edge]):
                        continue
                    delay, out = _arc(arc, edge, float(self.slew[source, source_edge]), float(self.load[net]))
                    # the first slew replaces the default, worse ones replace better ones
                    self.slew[net, edge] = max(self.slew[net, edge], out) if (net, edge) in reached else out
                    reached.add((net, edge))
                    if self.arrival[source, source_edge] + delay > self.arrival[net, edge]:
                        self.arrival[net, edge] = self.arrival[source, source_edge] + delay
                        self._cause[net, edge] = (index, (source, source_edge))

    def path(self, end: tuple[int, int]) -> tuple[str, ...]:
        """Return the names of the cells that lead to an edge, first to last."""
        path: list[str] = []
        point: tuple[int, int] | None = end
        while point is not None and point in self._cause:
            index, point = self._cause[point]
            path.append(self._netlist.cells[index].name)
        return tuple(reversed(path))


def _source_edges(sense: Sense, edge: int) -> tuple[int, ...]:
    if sense is Sense.NON_UNATE:
        return (FALL, RISE)
    return (edge,) if sense is Sense.POSITIVE else (1 - edge,)


def _arc(arc: TimingArc, edge: int, slew_ps: float, load_ff: float) -> tuple[float, float]:
    if edge == RISE:
        return arc.cell_rise.at(slew_ps, load_ff), max(arc.rise_slew.at(slew_ps, load_ff), 0.0)
    return arc.cell_fall.at(slew_ps, load_ff), max(arc.fall_slew.at(slew_ps, load_ff), 0.0)
