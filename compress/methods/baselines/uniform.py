"""Uniform compression: the same bits, or the same pruner and sparsity, for every layer.

Source: Balaskas et al., Fig. 1 (one pruner at uniform sparsity) and Fig. 2b (uniform precision).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.policy import NO_PRUNER, LayerPolicy
from compress.search.method import EpisodeOutcome, SearchBudget
from compress.search.problem import SearchProblem


def uniform_choices(problem: SearchProblem, levels: int = 9) -> list[LayerPolicy]:
    """Return the grid, the mildest first: every precision alone, then every pruner at `levels` sparsities, at 8 bits
    and at every precision below.
    """
    actions = problem.actions
    bits = range(actions.max_bits, actions.min_bits - 1, -1)
    sparsities = [round(float(s), 4) for s in np.linspace(actions.max_sparsity / levels, actions.max_sparsity, levels)]
    alone = [LayerPolicy(NO_PRUNER, 0.0, b) for b in bits]
    pruned = [LayerPolicy(pruner, s, b) for b in bits for s in sparsities for pruner in actions.pruners]
    return alone + pruned


class UniformGrid:
    """The method `uniform`; needs no luck: it walks the grid until the budget or the grid ends."""

    name = "uniform"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget) -> None:
        self._problem, self._budget = problem, budget
        self._grid = uniform_choices(problem)
        self._next = 0

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"grid_points": len(self._grid)}

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure the next points of the grid (its last point again where it has ended)."""
        points = self._grid[self._next : self._next + self._budget.evaluations_per_episode] or self._grid[-1:]
        self._next += len(points)
        candidates = [self._problem.measure([point] * self._problem.depth, episode) for point in points]
        best = max(candidates, key=lambda candidate: candidate.reward)
        return EpisodeOutcome(tuple(candidates), best, {"return": best.reward})

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"next": self._next}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._next = int(state["next"])
