"""Delays, energies and groups of a lowered netlist are those of the library at the netlist's loads and slews."""

from __future__ import annotations

import numpy as np
import pytest

from characterize.gates.cones import gate_groups
from characterize.gates.lowering import ADDER_GROUP, MULTIPLIER_GROUP, LoweredNetlist, collect, lower
from characterize.netlist.netlist import Netlist, netlist_from_verilog
from characterize.technology.load import embedded_library
from hwsim.errors import InputError

INV, NAND, XOR, DFF = (f"{name}_ASAP7_75t_R" for name in ("INVx1", "NAND2x1", "XOR2x1", "DFFHQNx1"))
LIBRARY = embedded_library()
CAPACITANCE_FF = {name: {p: LIBRARY[name].pins[p].capacitance_ff for p in LIBRARY[name].inputs} for name in (INV, NAND)}
V2 = LIBRARY.voltage_v**2


def netlist(body: str, ports: str = "input clk, input a, input b, output y") -> Netlist:
    return netlist_from_verilog(f"module top({ports});\n{body}\nendmodule\n", LIBRARY)


def lowered(source: Netlist) -> LoweredNetlist:
    gates, _ = collect(source)
    return lower(source, "clk", {gate.output_net: MULTIPLIER_GROUP for gate in gates}, 1000.0)


CHAIN = f"""
  wire q, n, m;
  {DFF} source (.CLK(clk), .D(a), .QN(q));
  {INV} first (.A(q), .Y(n));
  {NAND} second (.A(n), .B(b), .Y(m));
  {DFF} sink (.CLK(clk), .D(m), .QN(y));
"""


def test_loads_are_the_pins_on_a_net() -> None:
    source = netlist(CHAIN)
    loads = dict(zip(source.net_names, lowered(source).load_ff, strict=True))
    assert loads["q"] == pytest.approx(CAPACITANCE_FF[INV]["A"])
    assert loads["n"] == pytest.approx(CAPACITANCE_FF[NAND]["A"])
    assert loads["b"] == pytest.approx(CAPACITANCE_FF[NAND]["B"])
    assert loads["y"] == 0


def test_an_inverter_takes_delay_and_energy_from_its_tables() -> None:
    source = netlist(CHAIN)
    low = lowered(source)
    arrays = low.arrays
    q, n = source.net_names.index("q"), source.net_names.index("n")
    gate = list(arrays.gate_output).index(n)
    timing = LIBRARY[INV].timing[0]
    power = next(arc for arc in LIBRARY[INV].power if arc.pin == "Y")
    falling_q, rising_q = low.slew_ps[q]
    load = low.load_ff[n]
    entry = arrays.arc_start[gate]  # one input: entry + state behind the event
    assert arrays.delay_fs[entry + 0] == round(timing.cell_rise.at(falling_q, load) * 1000)
    assert arrays.delay_fs[entry + 1] == round(timing.cell_fall.at(rising_q, load) * 1000)
    half_cv2 = round(0.5 * load * V2 * 1e6)
    assert arrays.output_energy_zj[entry + 0] == round(power.rise_fj.at(falling_q, load) * 1e6) + half_cv2
    assert arrays.output_energy_zj[entry + 1] == round(power.fall_fj.at(rising_q, load) * 1e6) + half_cv2
    assert low.slew_ps[n, 1] == pytest.approx(timing.rise_slew.at(falling_q, load))


def test_a_flip_flop_pays_for_its_clock_every_cycle_and_for_a_toggle_beyond() -> None:
    source = netlist(CHAIN)
    low = lowered(source)
    arrays, cell = low.arrays, LIBRARY[DFF]
    slew = LIBRARY.default_slew_ps
    clock_fj = 0.5 * cell.pins["CLK"].capacitance_ff * V2

    def passive(condition: dict[str, int], rising: bool) -> float:
        for arc in cell.power:
            if arc.pin == "CLK" and arc.when is not None:
                row = sum(condition[name] << bit for bit, name in enumerate(arc.when.inputs))
                if arc.when(row):
                    return (arc.rise_fj if rising else arc.fall_fj).at(slew, 0.0)
        raise AssertionError(condition)

    for level in (0, 1):  # of QN; it keeps its level where D is the inverse
        kept = passive({"CLK": 1, "D": 1 - level, "QN": level}, True)
        assert arrays.ff_clock_rise_zj[0, level] == round((kept + clock_fj) * 1e6)
        for data in (0, 1):
            fall = passive({"CLK": 0, "D": data, "QN": level}, False)
            assert arrays.ff_clock_fall_zj[0, data, level] == round((fall + clock_fj) * 1e6)
    toggle = next(arc for arc in cell.power if arc.pin == "QN")
    load = low.load_ff[source.net_names.index("q")]
    expected = toggle.rise_fj.at(slew, load) + clock_fj
    assert arrays.ff_toggle_zj[0, 1] == round(expected * 1e6) + round(0.5 * load * V2 * 1e6)
    assert (arrays.ff_toggle_zj > arrays.ff_clock_rise_zj).all()
    assert arrays.ff_invert.tolist() == [1, 1]


def test_xor_delays_depend_on_the_other_input_only_through_its_arcs() -> None:
    source = netlist(f"{XOR} g (.A(a), .B(b), .Y(y)); wire q; {DFF} r (.CLK(clk), .D(y), .QN(q));")
    arrays = lowered(source).arrays
    assert arrays.tables.tolist() == [0, 1, 1, 0]
    delays = arrays.delay_fs.reshape(2, 4)
    assert (delays > 1000).all()
    assert len({int(value) for value in delays.ravel()}) > 2


def test_groups_follow_the_partial_sum() -> None:
    source = netlist(
        f"""
  wire w, p, s, q, z;
  {DFF} weight (.CLK(clk), .D(a), .QN(w));
  {NAND} product (.A(w), .B(b), .Y(p));
  {XOR} sum (.A(p), .B(c), .Y(s));
  {DFF} out (.CLK(clk), .D(s), .QN(y));
""",
        "input clk, input a, input b, input c, output y",
    )
    gates, registers = collect(source)
    a, b, c = (source.ports[name].nets for name in "abc")
    named = {source.net_names[net]: group for net, group in gate_groups(gates, registers, a, b, c).items()}
    assert named == {"p": MULTIPLIER_GROUP, "s": ADDER_GROUP}


def test_an_accumulator_is_found_by_its_loop() -> None:
    source = netlist(
        f"""
  wire p, s;
  {NAND} product (.A(a), .B(b), .Y(p));
  {XOR} sum (.A(p), .B(y), .Y(s));
  {DFF} out (.CLK(clk), .D(s), .QN(y));
"""
    )
    gates, registers = collect(source)
    groups = gate_groups(gates, registers, source.ports["a"].nets, source.ports["b"].nets, ())
    assert {source.net_names[net]: group for net, group in groups.items()} == {"p": MULTIPLIER_GROUP, "s": ADDER_GROUP}


def test_a_gated_clock_is_refused() -> None:
    source = netlist(f"wire g; {NAND} gate (.A(clk), .B(b), .Y(g)); {DFF} r (.CLK(g), .D(a), .QN(y));")
    with pytest.raises(InputError, match="'r' is not clocked by the rising edge of 'clk'"):
        lowered(source)


def test_times_are_positive_and_slews_finite() -> None:
    low = lowered(netlist(CHAIN))
    assert (low.arrays.delay_fs > 0).all() and (low.arrays.ff_delay_fs > 0).all()
    assert np.isfinite(low.slew_ps).all() and (low.slew_ps > 0).all()
