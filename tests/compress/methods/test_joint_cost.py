"""The joint search's cost models at their corners, where each has a closed form."""

import pytest
import torch

from compress.methods.baselines.joint_cost import COSTS, WIDTHS, CostedLayer, Expectation, cost_model
from hwsim.errors import InputError

LAYER = CostedLayer(kernel_words=9, out_height=6, out_width=6, depthwise=False, energy_pj={2: 10.0, 4: 20.0, 8: 40.0})


def _at(width: int, ins: float = 16, outs: float = 32) -> Expectation:
    shares = torch.tensor([float(width == one) for one in WIDTHS])
    return Expectation(torch.tensor(float(ins)), torch.tensor(float(outs)), shares, 16, 32)


@pytest.mark.parametrize("width", WIDTHS)
def test_corners(width: int) -> None:
    weights = 16 * 32 * 9
    assert float(COSTS["size"](LAYER, _at(width))) == weights * width
    assert float(COSTS["bitops"](LAYER, _at(width))) == weights * 36 * width * 8
    throughput = {8: 2.1, 4: 2.3, 2: 2.5}[width]
    assert float(COSTS["mpic"](LAYER, _at(width))) == pytest.approx(weights * 36 / throughput)
    assert float(COSTS["ne16"](LAYER, _at(width))) == 4 * 9 * width  # one channel tile, four planes of 3 x 3
    assert float(COSTS["energy"](LAYER, _at(width))) == LAYER.energy_pj[width]


@pytest.mark.parametrize("name", list(COSTS))
def test_fewer_channels_and_bits_cost_less_with_a_gradient(name: str) -> None:
    assert float(COSTS[name](LAYER, _at(8, outs=16))) < float(COSTS[name](LAYER, _at(8)))
    assert float(COSTS[name](LAYER, _at(8, ins=8))) < float(COSTS[name](LAYER, _at(8)))
    assert float(COSTS[name](LAYER, _at(2))) < float(COSTS[name](LAYER, _at(4))) < float(COSTS[name](LAYER, _at(8)))
    stay = torch.full((), 0.5, requires_grad=True)
    at = Expectation(torch.tensor(16.0), 32 * stay, _at(4).shares, 16, 32)
    COSTS[name](LAYER, at).backward()
    assert stay.grad is not None and float(stay.grad) > 0.0


@pytest.mark.parametrize("name", list(COSTS))
def test_a_depthwise_layer_costs_by_its_outputs(name: str) -> None:
    depthwise = CostedLayer(9, 6, 6, True, LAYER.energy_pj)
    half, full = _at(8, ins=16, outs=16), _at(8, ins=32, outs=32)
    assert float(COSTS[name](depthwise, half)) == pytest.approx(0.5 * float(COSTS[name](depthwise, full)))


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(InputError, match="ne16"):
        cost_model("ne61")
