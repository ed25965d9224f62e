"""Every multiplier architecture, mapped to gates, multiplies every pair of 8-bit operands correctly."""

import numpy as np
import pytest

from characterize.netlist.functional import FunctionalModel, run_cycles
from characterize.netlist.netlist import Netlist, netlist_from_verilog
from characterize.synthesis.multipliers import MULTIPLIERS, mac_design
from characterize.synthesis.yosys import synthesize
from characterize.technology.load import embedded_library
from hwsim.errors import InputError


def mapped(name: str, weight_bits: int = 8, activation_bits: int = 8, psum_bits: int = 32) -> Netlist:
    design, _ = mac_design(name, weight_bits, activation_bits, psum_bits)
    library = embedded_library()
    return netlist_from_verilog(synthesize(design, library, 1000.0).verilog, library)


@pytest.mark.parametrize("name", sorted(MULTIPLIERS))
def test_all_products(name: str) -> None:
    netlist = mapped(name)
    signed = MULTIPLIERS[name].activation_signed
    weight, activation = (grid.ravel() for grid in np.meshgrid(np.arange(-128, 128), np.arange(256), indexing="ij"))
    model = FunctionalModel(netlist, weight.size)
    operands = {"weight": weight, "activation": activation, "weight_load": np.ones_like(weight)}
    for _ in range(2):
        model.settle(operands)
        model.clock()
    model.settle({})
    factor = np.where(activation < 128, activation, activation - 256) if signed else activation
    np.testing.assert_array_equal(model.read("psum_out", signed=True), weight * factor)


@pytest.mark.parametrize(
    ("name", "weight_bits", "activation_bits"),
    [("array", 4, 8), ("wallace-unsigned", 5, 3), ("booth-weight", 3, 7), ("booth-activation-unsigned", 5, 4)],
)
def test_other_widths(name: str, weight_bits: int, activation_bits: int) -> None:
    netlist = mapped(name, weight_bits, activation_bits, 20)
    low = -(1 << activation_bits - 1) if MULTIPLIERS[name].activation_signed else 0
    weight, activation = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(-(1 << weight_bits - 1), 1 << weight_bits - 1), np.arange(low, low + (1 << activation_bits))
        )
    )
    stimulus = {
        "weight": np.stack([weight] * 2),
        "activation": np.stack([activation] * 2),
        "weight_load": np.ones((2, weight.size), np.int64),
    }
    np.testing.assert_array_equal(run_cycles(netlist, stimulus, "psum_out")[1], weight * activation)


def test_weight_is_held_and_sum_wraps() -> None:
    netlist = mapped("wallace")
    rng = np.random.default_rng(5)
    cycles, streams = 40, 64
    weight = rng.integers(-128, 128, (cycles, streams))
    activation = rng.integers(-128, 128, (cycles, streams))
    psum = rng.integers(-(2**31), 2**31, (cycles, streams))
    load = rng.integers(0, 2, (cycles, streams))
    load[0] = 1
    stimulus = {"weight": weight, "activation": activation, "psum_in": psum, "weight_load": load}
    out = run_cycles(netlist, stimulus, "psum_out")
    held = np.empty_like(weight)
    for cycle in range(cycles):
        held[cycle] = np.where(load[cycle], weight[cycle], held[cycle - 1])
    expected = psum[1:] + held[:-1] * activation[:-1]
    np.testing.assert_array_equal(out[1:], (expected + 2**31) % 2**32 - 2**31)


def test_blocks_of_the_netlist_are_named() -> None:
    netlist = mapped("booth-weight")
    blocks = {cell.block for cell in netlist.cells}
    assert blocks == {"", "multiplier", "adder"}
    assert all(netlist.cells[index].block == "" for index in netlist.sequential)


def test_unknown_multiplier_names_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown multiplier 'booth': did you mean booth-weight"):
        mac_design("booth")
