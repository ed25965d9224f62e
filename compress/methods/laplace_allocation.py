"""One sparsity and one mean precision for a whole network, shared out over its layers by their weights' distribution.

Source: Hu et al., "OPQ: Compressing Deep Neural Networks with One-shot Pruning-Quantization", AAAI 2021. Weights are
taken as Laplace distributed around 0 with scale tau = mean|w|. Pruning below beta then removes a share s = 1 -
exp(-beta / tau) at an error of n * (2 tau^2 - exp(-beta / tau) (beta^2 + 2 tau beta + 2 tau^2)); under a global
budget the Lagrangian's solution is one threshold for all layers. The quantization error n * delta^2 / 12 under a
global budget of bits gives one step for all layers, so b = log2(range / step).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compress.policy import NO_PRUNER, LayerPolicy
from compress.searching.actions import ActionSpec

PRUNER = "level"
START_SPARSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of all weights that starts leave out: a start that is ruined already is of no use to a local search."""
_LEAST_START_BITS = 4
_HALVINGS = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LaplaceLayers:
    """What the model knows of each layer: float64[layers] of scales, weights counted, and ranges max(w) - min(w)."""

    tau: Floats
    count: Floats
    span: Floats

    def sparsity(self, beta: float) -> Floats:
        """Return each layer's share of weights below the threshold."""
        return np.asarray(1.0 - np.exp(-beta / self.tau))

    def bits(self, step: float) -> Floats:
        """Return each layer's real-valued precision at a quantization step."""
        return np.asarray(np.log2(np.maximum(self.span / step, 1.0)))

    def threshold(self, sparsity: float) -> float:
        """Return the threshold below which a share of all weights lies."""
        low, high = 0.0, float(self.tau.max()) * 50.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if float(self.count @ self.sparsity(middle)) < sparsity * float(self.count.sum()):
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def step(self, bits: float) -> float:
        """Return the quantization step at which the weights' mean precision is `bits`."""
        low, high = float(self.span.min()) * 2.0**-32, float(self.span.max())
        for _ in range(_HALVINGS):
            middle = float(np.sqrt(low * high))
            if float(self.count @ self.bits(middle)) > bits * float(self.count.sum()):
                low = middle
            else:
                high = middle
        return float(np.sqrt(low * high))


def laplace_layers(weights: Sequence[NDArray[np.float32]]) -> LaplaceLayers:
    """Return the model of layers' weights, any shapes; a layer of zeros gets the smallest positive scale."""
    tiny = np.finfo(np.float32).tiny
    return LaplaceLayers(
        np.array([max(float(np.abs(weight).mean()), tiny) for weight in weights]),
        np.array([float(weight.size) for weight in weights]),
        np.array([max(float(np.ptp(weight)), tiny) for weight in weights]),
    )


class Allocation:
    """Policies of the layers whose weights, any shapes, are given in execution order."""

    def __init__(self, weights: Sequence[NDArray[np.float32]], actions: ActionSpec) -> None:
        self._layers, self._actions = laplace_layers(weights), actions

    def choices(self, sparsity: float, bits: float) -> tuple[LayerPolicy, ...]:
        """Return the layers' policies under a global sparsity and a mean precision."""
        shares = np.clip(self._layers.sparsity(self._layers.threshold(sparsity)), 0.0, self._actions.max_sparsity)
        wanted = np.rint(self._layers.bits(self._layers.step(bits)))
        widths = np.clip(wanted, self._actions.min_bits, self._actions.max_bits)
        return tuple(_policy(round(float(s), 4), int(b)) for s, b in zip(shares, widths, strict=True))

    def starts(self) -> list[tuple[LayerPolicy, ...]]:
        """Return policies to start a local search from, the mildest first.

        Each pairs a share of all weights with a mean precision; where the action space has no PRUNER, they differ in
        precision only.
        """
        actions = self._actions
        sparsities = START_SPARSITIES if PRUNER in actions.pruners else START_SPARSITIES[:1]
        bits = np.arange(actions.max_bits, max(actions.min_bits, _LEAST_START_BITS) - 0.25, -0.5)
        points = [(s, float(b)) for s in sparsities for b in bits if s <= actions.max_sparsity]
        points.sort(key=lambda point: point[0] + (actions.max_bits - point[1]) / actions.max_bits)
        return list(dict.fromkeys(self.choices(*point) for point in points[1:]))


def _policy(sparsity: float, bits: int) -> LayerPolicy:
    return LayerPolicy(PRUNER if sparsity else NO_PRUNER, sparsity, bits)
