"""Zero weights among others: the price in the order of the PEs, and how far the cycle engine is from either price."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwsim.energy.cost_preset import CostPreset, ZeroWeights, load_costs
from hwsim.energy.mac_table import load_mac_table
from hwsim.energy.transition_model import transition_model
from hwsim.errors import InputError
from hwsim.pricing.interleaved_zeros import PeOrder, switching_ratio
from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.simulation.cycle_engine import CycleEngine
from hwsim.simulation.simulate import simulate
from hwsim.vocabulary import Precision, ZeroShares
from hwsim.workload.layer import ConvLayer, PoolLayer
from hwsim.workload.load import network

LAYERS = [
    ConvLayer("wide", 64, 64, 16, 16, 3, 3, padding=1),
    ConvLayer("pointwise", 128, 64, 8, 8, 1, 1),
    ConvLayer("narrow", 16, 16, 32, 32, 3, 3, padding=1),
]


def costs(base: str, zero_weights: ZeroWeights) -> CostPreset:
    return load_costs(base).model_copy(update={"zero_weights": zero_weights})


def pricer(base: str, zero_weights: ZeroWeights) -> LayerPricer:
    return LayerPricer("paper", costs=costs(base, zero_weights))


def mac_pj(layer: ConvLayer, at: LayerPricer, bits: int, share: float) -> float:
    return at.price(layer, bits, bits, share).breakdown_pj["mac"]


def test_the_share_of_pairs_with_a_weight_is_the_law() -> None:
    """Energy follows 1 - (1 - d)^2 and not the density d, at 8 bits, where few weights round to zero."""
    model = transition_model(load_mac_table())
    for zeros in (0.0, 0.3, 0.6, 0.8, 0.9, 1.0):
        ratio = switching_ratio(model, 73.0, Precision(8, 8), PeOrder(4, 9), zeros)
        assert ratio == pytest.approx(1.0 - zeros**2, abs=0.07)
    ratios = [
        switching_ratio(model, 73.0, Precision(4, 4), PeOrder(2, 18), zeros) for zeros in np.linspace(0.0, 1.0, 21)
    ]
    assert all(before > after for before, after in itertools.pairwise(ratios))
    assert ratios[0] == 1.0


@pytest.mark.parametrize("bits", [8, 5, 3])
def test_the_cycle_engine_agrees_in_the_order_of_the_pes(bits: int) -> None:
    """The stated error on random tensors: 10 % of a layer's MAC energy, clock included, up to 90 % zeros."""
    held, interleaved = (pricer("7nm", how) for how in ZeroWeights)
    engine = CycleEngine(held, 0, {})
    for layer in LAYERS:
        for share in (0.3, 0.6, 0.9):
            seen = engine.run(layer, Precision(bits, bits), ZeroShares(share), None).cost.breakdown_pj["mac"]
            assert mac_pj(layer, interleaved, bits, share) == pytest.approx(seen, rel=0.1), (layer.name, share)
        # what the other price is known to miss, at 90 %: a held zero lets the psums of other PEs through
        assert 1.1 < mac_pj(layer, held, bits, share) / seen < 1.45


def real_weights(file: Path) -> dict[str, Any]:
    import torch

    tensors = [one.numpy() for one in torch.load(file, weights_only=True).values() if one.ndim in {2, 4}]
    found = {}
    for layer in network("resnet20-cifar").layers:
        if isinstance(layer, ConvLayer):
            shape = (layer.out_channels, layer.in_channels, layer.kernel_height, layer.kernel_width)
            at = next(i for i, one in enumerate(tensors) if (*one.shape, 1, 1)[:4] == shape)
            found[layer.name] = tensors.pop(at).reshape(shape)
    return found


@pytest.mark.shared
def test_real_pruned_and_quantized_layers_agree(shared: Path) -> None:
    """The stated error on ResNet20, magnitude-pruned and quantized: 8 % of all MAC energy at 5 bits or more.

    Magnitude pruning takes weights that rounding would have made zero anyway: below 5 bits that shows.
    """
    held, interleaved = (pricer("7nm", how) for how in ZeroWeights)
    given = real_weights(shared / "weights" / "resnet20.pt")
    convs = [layer for layer in network("resnet20-cifar").layers if isinstance(layer, ConvLayer)]
    chosen = [layer for layer in convs if layer.name in given][1:20:3]
    for bits in (8, 5):
        for share in (0.3, 0.6, 0.9):
            pruned = {
                name: np.where(np.abs(one) <= np.quantile(np.abs(one), share), 0, one) for name, one in given.items()
            }
            engine = CycleEngine(held, 0, pruned)
            seen = sum(
                engine.run(one, Precision(bits, bits), ZeroShares(share), None).cost.breakdown_pj["mac"]
                for one in chosen
            )
            priced = sum(mac_pj(one, interleaved, bits, share) for one in chosen)
            assert priced == pytest.approx(seen, rel=0.08), (bits, share)
        assert sum(mac_pj(one, held, bits, share) for one in chosen) > 1.15 * seen


def test_costs_ask_for_it_in_a_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(costs("paper-fig2a", ZeroWeights.INTERLEAVED).as_toml())
    layer, pool = LAYERS[0], PoolLayer("pool", 8, 8, 8, 2, 2, 2)
    at = LayerPricer("paper", costs=file)
    default = LayerPricer("paper", costs="paper-fig2a")
    assert at.preset.zero_weights is ZeroWeights.INTERLEAVED
    for unpruned in (layer, pool):
        assert at.price(unpruned, 6, 6) == default.price(unpruned, 6, 6)
    assert mac_pj(layer, at, 6, 0.9) < 0.7 * mac_pj(layer, default, 6, 0.9)
    assert mac_pj(layer, at, 6, 1.0) == 0.0, "no clock in this accounting, and nothing else moves"
    mapped = at.mapping(layer)
    given = at.interleaved_mac_pj(layer, mapped, Precision(6, 6), ZeroShares(0.9))
    assert given is not None
    assert given * layer.macs == mac_pj(layer, at, 6, 0.9)
    run = simulate("resnet20-cifar", "paper", costs=file, layer="conv1")
    assert any("in the order in which PEs interleave" in note for note in run.notes)
    assert run.as_json()["provenance"]["costs"]["zero_weights"] == "interleaved"


def test_a_table_without_a_model_cannot_price_it() -> None:
    table = load_mac_table().model_copy(update={"transition_model": {}})
    with pytest.raises(InputError, match=r"price zero weights as interleaved, but .* holds no transition model"):
        LayerPricer("paper", table, costs("7nm", ZeroWeights.INTERLEAVED))
