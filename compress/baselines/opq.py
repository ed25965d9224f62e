"""OPQ-style one-shot compression: sparsity and bits of all layers from a model of the weights' distribution.

Source: Hu et al., "OPQ: Compressing Deep Neural Networks with One-shot Pruning-Quantization", AAAI 2021. Weights are
taken as Laplace distributed around 0 with scale tau = mean|w|. Pruning below beta then removes a share s = 1 -
exp(-beta / tau) at an error of n * (2 tau^2 - exp(-beta / tau) (beta^2 + 2 tau beta + 2 tau^2)); under a global
budget the Lagrangian's solution is one threshold for all layers. The quantization error n * delta^2 / 12 under a
global budget of bits gives one step for all layers, so b = log2(range / step). Reading: the two budgets are walked
over a grid, mildest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.method import EpisodeOutcome, SearchBudget
from compress.policy import MAX_BITS, LayerPolicy
from compress.problem import SearchProblem

PRUNER = "level"
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

    def pruning_error(self, beta: float) -> float:
        """Return the summed squared error of removing all weights below the threshold."""
        tau = self.tau
        left = np.exp(-beta / tau) * (beta**2 + 2 * tau * beta + 2 * tau**2)
        return float(np.sum(self.count * (2 * tau**2 - left)))

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


class OPQ:
    """The method `opq`: no training data, no search of single layers; a grid over the two global budgets."""

    name = "opq"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget, weights: Sequence[NDArray[np.float32]]) -> None:
        self._problem, self._budget = problem, budget
        self._layers = laplace_layers(weights)
        self._grid = self._budgets(budget.evaluations)
        self._next = 0

    def _budgets(self, evaluations: int) -> list[tuple[float, float]]:
        """Return (sparsity, bits) of as many grid points as there are evaluations, the mildest first."""
        side = max(2, int(evaluations**0.5))
        sparsities = np.linspace(0.0, self._problem.actions.max_sparsity, side)
        bits = np.linspace(MAX_BITS, self._problem.actions.min_bits, side)
        points = [(float(s), float(b)) for s in sparsities for b in bits]
        return sorted(points, key=lambda point: (point[0] + (MAX_BITS - point[1]) / MAX_BITS, point[0]))

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"grid_points": len(self._grid)}

    def choices(self, sparsity: float, bits: float) -> list[LayerPolicy]:
        """Return the layers' policies under a global sparsity and a mean precision."""
        actions = self._problem.actions
        beta, step = self._layers.threshold(sparsity), self._layers.step(bits)
        shares = np.clip(self._layers.sparsity(beta), 0.0, 1.0)
        widths = np.clip(np.rint(self._layers.bits(step)), actions.min_bits, MAX_BITS).astype(int)
        return [
            LayerPolicy(PRUNER, round(float(share), 4), int(width)) for share, width in zip(shares, widths, strict=True)
        ]

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure the next points of the grid (its last point again where it has ended)."""
        points = self._grid[self._next : self._next + self._budget.evaluations_per_episode] or self._grid[-1:]
        self._next += len(points)
        candidates = [self._problem.measure(self.choices(*point), episode) for point in points]
        best = max(candidates, key=lambda candidate: candidate.reward)
        return EpisodeOutcome(tuple(candidates), best, {"return": best.reward})

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"next": self._next}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._next = int(state["next"])
