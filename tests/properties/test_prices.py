"""Laws of prices: what a search is told is what a simulation reports, and less work never costs more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.simulation.simulate import simulate
from hwsim.workload.layer import ConvLayer, fc_layer
from hwsim.workload.network import Network
from hwsim.workload.policy import LayerTreatment

PRICER = LayerPricer("paper")
BITS = st.integers(2, 8)
SHARES = st.floats(0.0, 1.0)


@st.composite
def layers(draw: st.DrawFn) -> ConvLayer:
    """Draw a small convolution (grouped, strided, padded) or fully connected layer."""
    if draw(st.booleans()):
        return fc_layer("layer", draw(st.integers(1, 300)), draw(st.integers(1, 300)), draw(st.integers(1, 3)))
    groups = draw(st.sampled_from([1, 1, 2, 4]))
    side = draw(st.integers(3, 20))
    kernel = draw(st.integers(1, 3))
    return ConvLayer(
        "layer",
        groups * draw(st.integers(1, 24)),
        groups * draw(st.integers(1, 24)),
        *(side, draw(st.integers(3, 20)), kernel, kernel),
        stride=draw(st.integers(1, 2)),
        padding=draw(st.integers(0, 1)),
        groups=groups,
        batch=draw(st.integers(1, 2)),
    )


@settings(max_examples=60, deadline=None)
@given(layer=layers(), bits=BITS, zero_weight=SHARES, zero_ifmap=st.none() | SHARES)
def test_a_price_is_what_a_simulation_reports(
    layer: ConvLayer, bits: int, zero_weight: float, zero_ifmap: float | None
) -> None:
    policy = {"layer": LayerTreatment(bits=bits, zero_filter=zero_weight, zero_ifmap=zero_ifmap)}
    (run,) = simulate(Network("n", (layer,), ((-1,),)), "paper", policy=policy).runs
    assert run.cost == PRICER.price(layer, bits, bits, zero_weight, zero_ifmap)
    assert run.cost.energy_pj == pytest.approx(sum(run.cost.breakdown_pj.values()))


@settings(max_examples=60, deadline=None)
@given(layer=layers(), bits=BITS, low=SHARES, high=SHARES)
def test_more_zeros_and_fewer_bits_never_cost_more(layer: ConvLayer, bits: int, low: float, high: float) -> None:
    low, high = sorted((low, high))
    price = PRICER.price(layer, bits, bits, low).energy_pj
    assert PRICER.price(layer, bits, bits, high).energy_pj <= price * (1 + 1e-12)
    assert PRICER.price(layer, max(2, bits - 1), max(2, bits - 1), low).energy_pj <= price * (1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(layer=layers(), scale=st.floats(0.01, 100.0))
def test_memory_costs_scale_memory_energy_alone(layer: ConvLayer, scale: float) -> None:
    preset = PRICER.preset
    scaled = preset.model_copy(update={"memory_scale": preset.memory_scale * scale})
    ours, theirs = PRICER.price(layer), LayerPricer("paper", costs=scaled).price(layer)
    assert theirs.breakdown_pj["mac"] == pytest.approx(ours.breakdown_pj["mac"])
    memory = [sum(cost.breakdown_pj[part] for part in ("rf", "noc", "glb", "dram")) for cost in (ours, theirs)]
    assert memory[1] == pytest.approx(scale * memory[0], rel=1e-6), "one factor does not move the best mapping"
