"""A netlist as Verilog with the very delays of the compiled simulation, for any event-driven simulator, without SDF.

Every gate is a process of its own: when inputs change it waits until all changes of that instant are in, looks up the
smallest delay among the inputs that changed, and assigns the new level through a continuous assignment with that
delay. Such assignments are inertial in Verilog: a level that returns before the delay is over swallows the pulse.
"""

from __future__ import annotations

from enum import Enum

from characterize.gates.arrays import Bytes, GateArrays
from characterize.gates.lowering import LoweredNetlist
from characterize.gates.simulation import settled_levels
from characterize.gates.vcd import NET_PREFIX
from characterize.netlist.parser import verilog_name


class Delays(Enum):
    """How much of the delay model a generated netlist carries."""

    NONE = "none"  # for simulators without delays: all levels settle at the clock edge
    GATE = "gate"  # one rise and one fall delay a gate, the mean over its inputs: what a collapsed SDF file gives
    EXACT = "exact"  # a delay for each input, edge and state, as in the compiled simulation


def timed_verilog(lowered: LoweredNetlist, module: str, clock: str, delays: Delays = Delays.EXACT) -> str:
    """Return the module: ports as the netlist's, wires net_NUMBER, times in fs."""
    timed = delays is not Delays.NONE
    arrays = lowered.arrays
    level = settled_levels(lowered)
    ports = [f"  input {clock}"]
    ports += [f"  input [{len(nets) - 1}:0] {verilog_name(name)}" for name, nets in lowered.input_nets.items()]
    ports += [f"  output [{len(nets) - 1}:0] {verilog_name(name)}" for name, nets in lowered.output_nets.items()]
    lines = ["// Generated: delays per input, edge and state, in fs.", "`timescale 1fs/1fs", f"module {module} ("]
    lines += [",\n".join(ports), ");"]
    lines += [f"  wire {NET_PREFIX}{net};" for net in range(lowered.nets)]
    lines += [f"  assign {NET_PREFIX}0 = 1'b0;", f"  assign {NET_PREFIX}1 = 1'b1;"]
    lines += [f"  assign {NET_PREFIX}{lowered.net_names.index(clock)} = {clock};"]
    lines += _input_lines(lowered, timed)
    for register in range(arrays.ff_output.size):
        lines += _register_lines(arrays, register, clock, int(level[arrays.ff_output[register]]), timed)
    for gate in range(arrays.gate_output.size):
        lines += _gate_lines(arrays, gate, level) if delays is Delays.EXACT else _plain_gate_lines(arrays, gate, timed)
    for name, nets in lowered.output_nets.items():
        bits = ", ".join(f"{NET_PREFIX}{net}" for net in reversed(nets))
        lines.append(f"  assign {verilog_name(name)} = {{{bits}}};")
    return "\n".join([*lines, "endmodule", ""])


def _delay(rise_fs: int, fall_fs: int, delays: bool) -> str:
    return f"#({rise_fs}, {fall_fs}) " if delays else ""


def _input_lines(lowered: LoweredNetlist, delays: bool) -> list[str]:
    after = lowered.arrays.input_delay_fs
    bits = [(name, bit, net) for name, nets in lowered.input_nets.items() for bit, net in enumerate(nets)]
    return [
        f"  assign {_delay(after[index, 1], after[index, 0], delays)}{NET_PREFIX}{net} = {verilog_name(name)}[{bit}];"
        for index, (name, bit, net) in enumerate(bits)
    ]


def _register_lines(arrays: GateArrays, register: int, clock: str, level: int, delays: bool) -> list[str]:
    net, data = arrays.ff_output[register], arrays.ff_data[register]
    fall, rise = arrays.ff_delay_fs[register]
    inverted = "~" if arrays.ff_invert[register] else ""
    return [
        f"  reg q{net} = 1'b{level};",
        f"  always @(posedge {clock}) q{net} <= {inverted}{NET_PREFIX}{data};",
        f"  assign {_delay(rise, fall, delays)}{NET_PREFIX}{net} = q{net};",
    ]


def _gate_lines(arrays: GateArrays, gate: int, level: Bytes) -> list[str]:
    net = arrays.gate_output[gate]
    inputs = arrays.pin_net[arrays.pin_start[gate] : arrays.pin_start[gate + 1]]
    count = len(inputs)
    states = 1 << count
    start = arrays.arc_start[gate]
    delays = arrays.delay_fs[start : start + count * states].tolist()
    function = arrays.tables[arrays.table_start[gate] : arrays.table_start[gate] + states]
    table = "".join(str(int(bit)) for bit in function[::-1])
    state = sum(int(level[pin]) << bit for bit, pin in enumerate(inputs))
    now = "{" + ", ".join(f"{NET_PREFIX}{pin}" for pin in reversed(inputs.tolist())) + "}"
    lines = [
        f"  reg v{net} = 1'b{level[net]}; reg [31:0] d{net} = 1, t{net} [0:{len(delays) - 1}];",
        f"  reg [{count - 1}:0] s{net} = {state}, p{net} = {state};",
        "  initial begin " + " ".join(f"t{net}[{i}] = {delay};" for i, delay in enumerate(delays)) + " end",
        f"  wire [{states - 1}:0] f{net} = {states}'b{table};",
        f"  always @({' or '.join(f'{NET_PREFIX}{pin}' for pin in dict.fromkeys(inputs.tolist()))}) begin",
        f"    #0 s{net} = {now};",
        f"    if (^s{net} !== 1'bx && s{net} != p{net}) begin",
        f"      p{net} = p{net} ^ s{net}; d{net} = 32'hffffffff;",
    ]
    for pin in range(count):
        delay = f"t{net}[{pin * states} + s{net}]"
        lines.append(f"      if (p{net}[{pin}] && {delay} < d{net}) d{net} = {delay};")
    lines += [
        f"      p{net} = s{net}; v{net} = f{net}[s{net}];",
        "    end",
        "  end",
        f"  assign #(d{net}) {NET_PREFIX}{net} = v{net};",
    ]
    return lines


def _plain_gate_lines(arrays: GateArrays, gate: int, timed: bool) -> list[str]:
    net = arrays.gate_output[gate]
    inputs = arrays.pin_net[arrays.pin_start[gate] : arrays.pin_start[gate + 1]].tolist()
    rows = range(1 << len(inputs))
    start = arrays.table_start[gate]
    products = [
        " & ".join(f"{'' if row >> bit & 1 else '~'}{NET_PREFIX}{pin}" for bit, pin in enumerate(inputs))
        for row in rows
        if arrays.tables[start + row]
    ]
    sum_of_products = " | ".join(f"({product})" for product in products) or "1'b0"
    states = len(rows)
    arcs = arrays.delay_fs[arrays.arc_start[gate] :][: states * len(inputs)].reshape(-1, states)
    levels = arrays.tables[start : start + states] == 1
    # a gate that is constant has only one of the edges, and shows neither
    rise, fall = (round(float(arcs[:, edge].mean())) if edge.any() else 1 for edge in (levels, ~levels))
    return [f"  assign {_delay(rise, fall, timed)}{NET_PREFIX}{net} = {sum_of_products};"]
