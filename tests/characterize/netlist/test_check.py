"""Every mapped netlist is checked against exact integers; a wrong one is refused with a counterexample."""

import re

import numpy as np
import pytest

from characterize.mac.interface import MacInterface, Role
from characterize.netlist.check import check_netlist, draw_vectors, expected_output
from characterize.netlist.netlist import Netlist, netlist_from_verilog
from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import synthesize
from characterize.technology.load import embedded_library
from hwsim.errors import RunError


@pytest.fixture(scope="module")
def mapped() -> tuple[str, MacInterface]:
    design, interface = mac_design("booth-weight")
    return synthesize(design, embedded_library(), 1000.0).verilog, interface


def netlist(verilog: str) -> Netlist:
    return netlist_from_verilog(verilog, embedded_library())


def test_a_right_netlist_passes(mapped: tuple[str, MacInterface]) -> None:
    verilog, interface = mapped
    assert check_netlist(netlist(verilog), interface) > 10_000


def test_a_single_wrong_gate_is_found_and_shown(mapped: tuple[str, MacInterface]) -> None:
    verilog, interface = mapped
    gates = re.findall(r"AND2x2_ASAP7_75t_R \\multiplier\.g\d+ ", verilog)
    assert gates
    for gate in gates[:4]:
        broken = verilog.replace(gate, gate.replace("AND2x2", "OR2x2"))
        with pytest.raises(RunError, match=r"weight -?\d+, activation -?\d+, psum_in -?\d+: expected -?\d+, got -?\d+"):
            check_netlist(netlist(broken), interface)


def test_the_counterexample_is_one(mapped: tuple[str, MacInterface]) -> None:
    verilog, interface = mapped
    broken = verilog.replace("XNOR2x2_ASAP7_75t_R \\adder", "XOR2x2_ASAP7_75t_R \\adder", 1)
    with pytest.raises(RunError) as caught:
        check_netlist(netlist(broken), interface)
    weight, activation, psum, expected, got = (int(n) for n in re.findall(r"-?\d+", str(caught.value)))
    assert (weight * activation + psum + 2**31) % 2**32 - 2**31 == expected != got


def test_the_rule_against_a_loop() -> None:
    interface = MacInterface(
        {Role.WEIGHT: "w", Role.ACTIVATION: "x", Role.PSUM_OUT: "y", Role.CLOCK: "c", Role.WEIGHT_LOAD: "l"},
        weight_bits=4,
        activation_bits=3,
        psum_bits=8,
        activation_signed=False,
        accumulates=True,
        weight_delay=2,
        activation_delay=1,
    )
    vectors = draw_vectors(interface, 30, 3, 7)
    settled, first = 5, np.array([5, -7, 100])
    found = expected_output(interface, vectors, first, settled)
    for stream in range(3):
        held, weights, out = 0, [], int(first[stream])
        for cycle in range(30):
            if vectors.load[cycle, stream]:
                held = int(vectors.weight[cycle, stream])
            weights.append(held)
            if cycle >= settled:
                out = (out + weights[cycle - 2] * int(vectors.activation[cycle - 1, stream]) + 128) % 256 - 128
                assert found[cycle - settled, stream] == out
