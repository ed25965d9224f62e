"""Pruned weights at gate level, in the order in which a row-stationary PE works: what either price of them is worth."""

from __future__ import annotations

import numpy as np
import pytest

from characterize.energy.measurement import accounted
from characterize.gates.lowering import ZJ_PER_FJ
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.spec import Accounting, ActivityKind
from characterize.streams.stimulus import OperandStream
from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, mac_design
from characterize.technology.load import embedded_library
from hwsim.energy.mac_table import load_mac_table
from hwsim.energy.transition_model import transition_model
from hwsim.hardware.accelerator import accelerator
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapper import best_mapping
from hwsim.pricing.interleaved_zeros import PeOrder, switching_ratio
from hwsim.pricing.sampled_streams import Tensors, operand_stream
from hwsim.vocabulary import Precision
from hwsim.workload.layer import ConvLayer
from hwsim.workload.synthetic_tensors import draw_filters, draw_ifmap

STREAMS = 60


@pytest.fixture(scope="module")
def mac() -> MappedMac:
    design, interface = mac_design(DEFAULT_MULTIPLIER)
    return map_mac(design, interface, embedded_library(), load_mac_table().period_ps)


@pytest.mark.parametrize("bits", [8, 4])
def test_gates_confirm_the_ratio_in_the_order_of_the_pes(mac: MappedMac, bits: int) -> None:
    """Switching energy without the clock, pruned over dense: the curve follows the gates, a held zero does not."""
    table = load_mac_table()
    moving = table.with_accounting("no-clock")
    assert moving is not None
    layer = ConvLayer("conv", 64, 64, 16, 16, 3, 3, padding=1)
    mapping = best_mapping(layer, accelerator("paper"))
    simulator = mac.simulator(ActivityKind.TIMED)
    ifmap = draw_ifmap(layer, bits, np.random.default_rng(1))

    def gates_fj(zeros: float) -> float:
        filters = draw_filters(layer, bits, zeros, np.random.default_rng(2))
        rng = np.random.default_rng(3)
        tensors = Tensors(ifmap, filters)
        parts = [operand_stream(lower_layer(layer), mapping.lowered(), tensors, rng) for _ in range(STREAMS)]
        weight, activation, psum = (np.concatenate(part) for part in zip(*parts, strict=True))
        stream = OperandStream(weight, activation, psum, np.ones(weight.size, np.int64))
        groups = simulator.run([stream]).energy_zj.mean((0, 1)) / ZJ_PER_FJ
        return float(accounted(np.append(groups, 0.0), Accounting.NO_CLOCK))

    clock_fj = table.mac_energy_fj(bits, bits) - moving.mac_energy_fj(bits, bits)
    model, dense = transition_model(table), gates_fj(0.0)
    for zeros in (0.6, 0.9, 1.0):
        gates = gates_fj(zeros) / dense
        order = PeOrder(mapping.p, mapping.q * 3)
        curve = switching_ratio(model, clock_fj, Precision(bits, bits), order, zeros)
        assert curve == pytest.approx(gates, rel=0.12, abs=0.01)
    held = moving.zero_weight_fj[bits] / moving.mac_energy_fj(bits, bits)
    assert held > 0.25, "beside a held zero the psums of other PEs move on"
    assert gates < 0.02, "here they rest as well"
