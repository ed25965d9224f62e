"""From a mapped netlist and a cell library to the arrays of the simulation kernels.

Model: a net's load is the sum of the pins it drives plus `wire_load_ff` for each of them; input slews are static,
found in one topological pass (mean over the arcs of a cell, per output edge), so that every delay and energy is a
constant of (input, state of the cell), read from the library's tables at that slew and load. An output toggle costs
the library's internal energy (both rails) plus half C V^2 of the driven net; the library's figures exclude the load,
so nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from characterize.gates.arc_selection import CellOutput, holds, select_arcs
from characterize.gates.arrays import GateArrays
from characterize.kernels.timed import MAX_INPUTS
from characterize.netlist.netlist import Netlist
from characterize.technology.cell_library import Cell, CellLibrary, EdgeTiming, FlipFlop, Table
from hwsim.errors import InputError

FS_PER_PS = 1000
ZJ_PER_FJ = 1_000_000
GROUPS = ("clock", "registers", "inputs", "multiplier", "adder")
"""Names of the energy groups, in the order of the kernels' columns (the first three are the kernels' own)."""
MULTIPLIER_GROUP, ADDER_GROUP = 3, 4


@dataclass(frozen=True)
class LoweredNetlist:
    """Kernel arrays of a netlist with what is needed to read the results.

    `net_names[net]`; `load_ff: float64[nets]`; `slew_ps: float64[nets, 2]` (falling, rising); `input_nets` holds the
    bits of the input ports in the order of the kernels' inputs, the clock left out; `leakage_nw` of all cells.
    """

    arrays: GateArrays
    net_names: tuple[str, ...]
    load_ff: NDArray[np.float64]
    slew_ps: NDArray[np.float64]
    input_nets: dict[str, tuple[int, ...]]
    output_nets: dict[str, tuple[int, ...]]
    leakage_nw: float
    voltage_v: float

    @property
    def nets(self) -> int:
        """Number of nets, the two constants included."""
        return len(self.net_names)

    @property
    def period_fs(self) -> int:
        """The clock period."""
        return int(self.arrays.period_fs[0])


@dataclass(frozen=True)
class Gate:
    """One output of one combinational instance."""

    instance: str
    cell: Cell
    output_pin: str
    output_net: int
    input_nets: tuple[int, ...]
    arcs: CellOutput


@dataclass(frozen=True)
class Register:
    """One flip-flop instance."""

    instance: str
    cell: Cell
    spec: FlipFlop
    clock_net: int
    data_net: int
    output_net: int


def lower(
    netlist: Netlist,
    clock_port: str,
    groups: Mapping[int, int],
    period_ps: float,
    wire_load_ff: float = 0.0,
) -> LoweredNetlist:
    """Lower a netlist; `groups` maps a gate's output net to its column of GROUPS (see gates.cones).

    Raises InputError where a cell is missing, too wide, or clocked by anything but the rising edge of `clock_port`.
    """
    library = netlist.library
    gates, registers = collect(netlist)
    clock_net = netlist.ports[clock_port].nets[0]
    for register in registers:
        if register.clock_net != clock_net or not register.spec.rising_edge:
            raise InputError(
                f"flip-flop '{register.instance}' is not clocked by the rising edge of '{clock_port}'; gated,"
                " divided and inverted clocks are not characterized"
            )
    loads = netlist.loads_ff(wire_load_ff)
    inputs = {name: port.nets for name, port in netlist.ports.items() if port.is_input and name != clock_port}
    annotation = Annotation(library, loads, np.full((len(netlist.net_names), 2), library.default_slew_ps))
    source = annotation.source_register(registers)
    input_arrays = annotation.inputs([net for nets in inputs.values() for net in nets], source)
    annotation.registers(registers)  # sets the slews that the gates start from
    gate_arrays = annotation.gates(gates, groups)
    ff_arrays = annotation.registers(registers)
    arrays = GateArrays(**gate_arrays, **ff_arrays, **input_arrays, period_fs=np.array([round(period_ps * FS_PER_PS)]))
    return LoweredNetlist(
        arrays=arrays,
        net_names=tuple(netlist.net_names),
        load_ff=loads,
        slew_ps=annotation.slew_ps,
        input_nets=inputs,
        output_nets={name: port.nets for name, port in netlist.ports.items() if not port.is_input},
        leakage_nw=netlist.leakage_nw,
        voltage_v=library.voltage_v,
    )


def collect(netlist: Netlist) -> tuple[list[Gate], list[Register]]:
    """Return gates in topological order and flip-flops in file order."""
    library = netlist.library
    selected: dict[tuple[str, str], CellOutput] = {}
    gates: list[Gate] = []
    for index in netlist.combinational:
        item = netlist.cells[index]
        cell = library[item.cell_type]
        for output in cell.outputs:
            if output not in item.pins:
                continue
            key = (item.cell_type, output)
            if key not in selected:
                selected[key] = select_arcs(cell, output)
            arcs = selected[key]
            if len(arcs.inputs) > MAX_INPUTS:
                raise InputError(f"cell '{cell.name}' has {len(arcs.inputs)} inputs; {MAX_INPUTS} are supported")
            nets = tuple(item.pins[pin] for pin in arcs.inputs)
            gates.append(Gate(item.name, cell, output, item.pins[output], nets, arcs))
    registers: list[Register] = []
    for index in netlist.sequential:
        item = netlist.cells[index]
        cell = library[item.cell_type]
        spec = cell.flip_flop
        if spec is None or spec.output_pin not in item.pins:
            continue
        clock, data, output_net = (item.pins[pin] for pin in (spec.clock_pin, spec.data_pin, spec.output_pin))
        registers.append(Register(item.name, cell, spec, clock, data, output_net))
    return gates, registers


class EventFigures(NamedTuple):
    """Delay, energy of the output's toggle, and energy where the output stays, for every event of a gate."""

    delay_fs: list[int]
    output_energy_zj: list[int]
    input_energy_zj: list[int]


class Annotation:
    """Reads delays and energies from the library at the loads and static slews of one netlist."""

    def __init__(self, library: CellLibrary, loads: NDArray[np.float64], slew_ps: NDArray[np.float64]) -> None:
        """`loads: float64[nets]` fF; `slew_ps: float64[nets, 2]` is filled as nets are visited."""
        self.library = library
        self.loads = loads
        self.slew_ps = slew_ps
        self.half_v2 = 0.5 * library.voltage_v**2

    def net_zj(self, net: int) -> int:
        """Energy of one toggle of a net's load."""
        return round(float(self.loads[net]) * self.half_v2 * ZJ_PER_FJ)

    def source_register(self, registers: Sequence[Register]) -> Register | None:
        """The flip-flop type that stands for the ones outside that drive the inputs: the first of the netlist."""
        return registers[0] if registers else None

    def clocked_output(self, register: Register, load_ff: float, rising: int) -> EdgeTiming:
        """Return the mean timing of a flip-flop's output edge."""
        slew = self.library.default_slew_ps
        arcs = [
            arc
            for arc in register.cell.timing
            if (arc.output_pin, arc.input_pin) == (register.spec.output_pin, register.spec.clock_pin)
        ]
        if not arcs:
            raise InputError(f"cell '{register.cell.name}' gives no delay from its clock to its output in the library")
        delays, slews = zip(*(arc.at(rising, slew, load_ff) for arc in arcs), strict=True)
        return EdgeTiming(sum(delays) / len(delays), sum(slews) / len(slews))

    def inputs(self, nets: Sequence[int], source: Register | None) -> dict[str, Any]:
        """Arrays of the primary inputs, launched by flip-flops like `source` that drive the same load."""
        delay = np.ones((len(nets), 2), np.int64)
        for index, net in enumerate(nets):
            for rising in (0, 1):
                if source is not None:
                    delay_ps, self.slew_ps[net, rising] = self.clocked_output(source, self.loads[net], rising)
                    delay[index, rising] = max(1, round(delay_ps * FS_PER_PS))
        toggle = np.array([self.net_zj(net) for net in nets], np.int64)
        return {"input_net": np.array(nets, np.int32), "input_delay_fs": delay, "input_toggle_zj": toggle}

    def registers(self, registers: Sequence[Register]) -> dict[str, Any]:
        """Arrays of the flip-flops."""
        count = len(registers)
        delay = np.ones((count, 2), np.int64)
        toggle, rise = np.zeros((count, 2), np.int64), np.zeros((count, 2), np.int64)
        fall, data = np.zeros((count, 2, 2), np.int64), np.zeros((count, 2, 2), np.int64)
        for f, register in enumerate(registers):
            spec, net = register.spec, register.output_net
            # each flip-flop carries its part of the clock net: pins and wires
            clock_share = self.loads[register.clock_net] / count * self.half_v2 * ZJ_PER_FJ
            for level in (0, 1):
                delay_ps, self.slew_ps[net, level] = self.clocked_output(register, self.loads[net], level)
                delay[f, level] = max(1, round(delay_ps * FS_PER_PS))
                kept = level ^ spec.inverted_output
                toggle_fj = self.ff_energy(register, spec.output_pin, level, clock=1, data=kept, output=level)
                toggle[f, level] = round(toggle_fj * ZJ_PER_FJ + clock_share) + self.net_zj(net)
                rise_fj = self.ff_energy(register, spec.clock_pin, 1, clock=1, data=kept, output=level)
                rise[f, level] = round(rise_fj * ZJ_PER_FJ + clock_share)
                for other in (0, 1):
                    fall_fj = self.ff_energy(register, spec.clock_pin, 0, clock=0, data=level, output=other)
                    fall[f, level, other] = round(fall_fj * ZJ_PER_FJ + clock_share)
                    data_fj = [
                        self.ff_energy(register, spec.data_pin, level, clock=other, data=level, output=q)
                        for q in (0, 1)
                    ]
                    data[f, other, level] = round(sum(data_fj) / 2 * ZJ_PER_FJ)
        return {
            "ff_data": np.array([r.data_net for r in registers], np.int32),
            "ff_output": np.array([r.output_net for r in registers], np.int32),
            "ff_invert": np.array([r.spec.inverted_output for r in registers], np.uint8),
            "ff_delay_fs": delay,
            "ff_toggle_zj": toggle,
            "ff_clock_rise_zj": rise,
            "ff_clock_fall_zj": fall,
            "ff_data_zj": data,
        }

    def ff_energy(self, register: Register, pin: str, rising: int, *, clock: int, data: int, output: int) -> float:
        """Internal energy, fJ, of one edge of a flip-flop's pin in a state of its pins (mean of arcs that apply)."""
        spec = register.spec
        row = dict.fromkeys(register.cell.pins, 0)
        row |= {spec.clock_pin: clock, spec.data_pin: data, spec.output_pin: output}
        arcs = [arc for arc in register.cell.power if arc.pin == pin]
        fitting = [arc for arc in arcs if arc.when is not None and holds(arc.when, row)]
        fitting = fitting or [arc for arc in arcs if arc.when is None]
        if not fitting:
            return 0.0
        load = self.loads[register.output_net]
        slew = self.library.default_slew_ps
        if pin == spec.data_pin:
            slew = float(self.slew_ps[register.data_net, rising])
        return sum(arc.energy(rising).at(slew, load) for arc in fitting) / len(fitting)

    def gates(self, gates: Sequence[Gate], groups: Mapping[int, int]) -> dict[str, Any]:
        """Arrays of the combinational gates, visited in topological order."""
        pin_start = np.cumsum([0] + [len(gate.input_nets) for gate in gates]).astype(np.int32)
        table_start = np.cumsum([0] + [len(gate.arcs.levels) for gate in gates]).astype(np.int32)
        events = [len(gate.input_nets) * len(gate.arcs.levels) for gate in gates]
        arc_start = np.cumsum([0, *events]).astype(np.int32)
        delay = np.ones(arc_start[-1], np.int64)
        output = np.zeros(arc_start[-1], np.int64)
        idle = np.zeros(arc_start[-1], np.int64)
        for gate, start in zip(gates, arc_start[:-1], strict=True):
            part = slice(start, start + len(gate.arcs.delays))
            delay[part], output[part], idle[part] = self.gate_events(gate)
        nets = [net for gate in gates for net in gate.input_nets]
        levels = [level for gate in gates for level in gate.arcs.levels]
        return {
            "gate_output": np.array([gate.output_net for gate in gates], np.int32),
            "gate_group": np.array([groups[gate.output_net] for gate in gates], np.int32),
            "pin_start": pin_start,
            "pin_net": np.array(nets, np.int32),
            "table_start": table_start[:-1],
            "tables": np.array(levels, np.uint8),
            "arc_start": arc_start[:-1],
            "delay_fs": delay,
            "output_energy_zj": output,
            "input_energy_zj": idle,
        }

    def gate_events(self, gate: Gate) -> EventFigures:
        """Return the figures of every event of a gate, and set its output slews."""
        arcs, load = gate.arcs, float(self.loads[gate.output_net])
        slews = {name: self.slew_ps[net] for name, net in zip(arcs.inputs, gate.input_nets, strict=True)}
        net_zj = self.net_zj(gate.output_net)

        @cache
        def delay_ps(index: int, rising_input: int, rising_output: int) -> float:
            arc = arcs.timing[index]
            return arc.delay(rising_output).at(float(slews[arc.input_pin][rising_input]), load)

        @cache
        def energy_fj(index: int, cause: str, rising_input: int, rising: int) -> float:
            return arcs.power[index].energy(rising).at(float(slews[cause][rising_input]), load)

        delays, outputs, idles = [], [], []
        width = len(arcs.levels)
        for event, chosen in enumerate(arcs.delays):
            pin, state = divmod(event, width)
            rising_input, rising_output = state >> pin & 1, arcs.levels[state]
            cause = arcs.inputs[pin]
            mean_ps = _mean([delay_ps(k, rising_input, rising_output) for k in chosen])
            delays.append(max(1, round(mean_ps * FS_PER_PS)))
            inside = _mean([energy_fj(k, cause, rising_input, rising_output) for k in arcs.energies[event]])
            outputs.append(round(inside * ZJ_PER_FJ) + net_zj)
            hidden = _mean([energy_fj(k, cause, rising_input, rising_input) for k in arcs.idle_energies[event]])
            idles.append(round(hidden * ZJ_PER_FJ))
        self._output_slews(gate, slews, load)
        return EventFigures(delays, outputs, idles)

    def _output_slews(self, gate: Gate, slews: Mapping[str, NDArray[np.float64]], load: float) -> None:
        """Set the static slews of a gate's output: the mean over its arcs, per output edge."""
        for rising in (0, 1):
            found = []
            for arc in gate.arcs.timing:
                table = arc.output_slew(rising)
                for rising_input in arc.sense.input_edges(rising):
                    found.append(_slew(table, float(slews[arc.input_pin][rising_input]), load))
            if found:
                self.slew_ps[gate.output_net, rising] = sum(found) / len(found)


def _slew(table: Table, slew_ps: float, load_ff: float) -> float:
    return max(table.at(slew_ps, load_ff), 0.1)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
