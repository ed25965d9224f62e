"""What single choices trade: accuracy against energy over sparsity, over precision, uniform and mixed.

Source: Balaskas et al., IEEE TETC, Fig. 1 (sparsity), Fig. 2a (energy over precision), Fig. 2b (uniform and mixed).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compress.network.graph import FixedLayer
from compress.oracle.cost_model import EnergyModel
from compress.oracle.measurement import Measurement
from compress.oracle.oracle import Oracle
from compress.policy import DENSE_8BIT, MAX_BITS, MIN_BITS, NO_PRUNER, LayerPolicy, Policy, uniform_policy
from hwsim.pricing.savings import saved_pct

Progress = Callable[[], None]
"""Called after each measurement."""


@dataclass(frozen=True)
class TradeOff:
    """One point: what was done, and what it lost and gained against the network dense at 8 bits."""

    series: str
    sparsity: float
    weight_bits: int
    activation_bits: int
    accuracy_loss_pct: float | None
    energy_reduction_pct: float


def over_sparsity(
    oracle: Oracle, pruners: Sequence[str], sparsities: Sequence[float], done: Progress = lambda: None
) -> list[TradeOff]:
    """Return loss and gain of each pruner at equal sparsity in every layer, at 8 bits (Fig. 1)."""
    names = [layer.name for layer in oracle.layers]
    points = []
    for pruner in pruners:
        for sparsity in sparsities:
            measured = oracle.evaluate(uniform_policy(names, LayerPolicy(pruner, sparsity)))
            points.append(TradeOff(pruner, sparsity, MAX_BITS, MAX_BITS, *_lost_and_saved(oracle, measured)))
            done()
    return points


def _lost_and_saved(oracle: Oracle, measured: Measurement) -> tuple[float, float]:
    return measured.lost_pct(oracle.baseline), measured.saved_pct(oracle.baseline)


def over_precision(energy_model: EnergyModel) -> list[TradeOff]:
    """Return the energy that each pair of weight and activation bits saves in the dense network (Fig. 2a)."""
    graph, pricer = energy_model.graph, energy_model.pricer
    fixed_pj = sum(_fixed_energy_pj(energy_model, layer) for layer in graph.fixed)

    def energy_pj(weight_bits: int, activation_bits: int) -> float:
        layers = (layer.hwsim_layer() for layer in graph.layers)
        return fixed_pj + sum(pricer.price(layer, weight_bits, activation_bits).energy_pj for layer in layers)

    dense_pj = energy_pj(MAX_BITS, MAX_BITS)
    bits = range(MIN_BITS, MAX_BITS + 1)
    points = []
    for activations in bits:
        for weights in bits:
            gain_pct = saved_pct(dense_pj, energy_pj(weights, activations))
            points.append(TradeOff(f"A{activations}", 0.0, weights, activations, None, gain_pct))
    return points


def _fixed_energy_pj(energy_model: EnergyModel, layer: FixedLayer) -> float:
    return energy_model.pricer.price(layer.hwsim_layer(), MAX_BITS, MAX_BITS).energy_pj


def uniform_and_mixed(oracle: Oracle, done: Progress = lambda: None) -> list[TradeOff]:
    """Return uniform precisions, and mixed ones found by lowering one layer at a time (Fig. 2b).

    Each layer is measured alone at each precision. From 8 bits on, the layer and precision that cost the least accuracy
    for the energy they save are lowered next, and every network on that way is measured as a whole. A mixed point's
    `weight_bits` is the mean over layers, rounded. 12 measurements a layer in all, at most.
    """
    names = [layer.name for layer in oracle.layers]
    points = []
    for bits in range(MAX_BITS, MIN_BITS - 1, -1):
        measured = oracle.evaluate(uniform_policy(names, LayerPolicy(NO_PRUNER, 0.0, bits)))
        points.append(TradeOff("uniform", 0.0, bits, bits, *_lost_and_saved(oracle, measured)))
        done()
    alone = _alone(oracle, names, done)
    bits_of = dict.fromkeys(names, MAX_BITS)
    while any(bits > MIN_BITS for bits in bits_of.values()):
        name, bits = min(
            ((name, bits) for name in names for bits in range(MIN_BITS, bits_of[name])),
            key=lambda choice: _price_of(alone, bits_of[choice[0]], *choice),
        )
        bits_of[name] = bits
        policy = Policy({name: LayerPolicy(NO_PRUNER, 0.0, bits) for name, bits in bits_of.items()})
        measured = oracle.evaluate(policy)
        mean = round(sum(bits_of.values()) / len(bits_of))
        points.append(TradeOff("mixed", 0.0, mean, mean, *_lost_and_saved(oracle, measured)))
        done()
    return points


_Alone = dict[tuple[str, int], tuple[float, float]]
"""Layer and bits to (accuracy loss, energy reduction) with all other layers at 8 bits."""


def _alone(oracle: Oracle, names: Sequence[str], done: Progress) -> _Alone:
    alone: _Alone = {(name, MAX_BITS): (0.0, 0.0) for name in names}
    for index, name in enumerate(names):
        oracle.reset()
        for bits in range(MAX_BITS - 1, MIN_BITS - 1, -1):
            measured = oracle.step(index, LayerPolicy(NO_PRUNER, 0.0, bits))
            alone[name, bits] = _lost_and_saved(oracle, measured)
            done()
        oracle.step(index, DENSE_8BIT)
    return alone


def _price_of(alone: _Alone, present: int, name: str, bits: int) -> tuple[float, float]:
    """Return points of accuracy lost for each percent of energy saved by going on to `bits`; ties save more first."""
    loss = alone[name, bits][0] - alone[name, present][0]
    gain = alone[name, bits][1] - alone[name, present][1]
    return (loss / gain if gain > 0 else float("inf"), -gain)
