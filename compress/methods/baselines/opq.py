"""OPQ-style one-shot compression: sparsity and bits of all layers from a model of the weights' distribution.

Source: Hu et al., "OPQ: Compressing Deep Neural Networks with One-shot Pruning-Quantization", AAAI 2021; the model is
`compress.allocation`. Reading: the two global budgets are walked over a grid, mildest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.laplace_allocation import Allocation
from compress.policy import MAX_BITS
from compress.search.method import EpisodeOutcome, SearchBudget
from compress.search.problem import SearchProblem


class OPQ:
    """The method `opq`: no training data, no search of single layers; a grid over the two global budgets."""

    name = "opq"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget, weights: Sequence[NDArray[np.float32]]) -> None:
        self._problem, self._budget = problem, budget
        self._allocation = Allocation(weights, problem.actions)
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

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure the next points of the grid (its last point again where it has ended)."""
        points = self._grid[self._next : self._next + self._budget.evaluations_per_episode] or self._grid[-1:]
        self._next += len(points)
        candidates = [self._problem.measure(self._allocation.choices(*point), episode) for point in points]
        best = max(candidates, key=lambda candidate: candidate.reward)
        return EpisodeOutcome(tuple(candidates), best, {"return": best.reward})

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"next": self._next}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._next = int(state["next"])
