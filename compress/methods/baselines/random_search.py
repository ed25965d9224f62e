"""Random search with the composite agent's number of evaluations: the honest control.

Each policy first draws how hard it compresses, then each layer's action within that. Drawing every layer over its whole
range instead would, in a deep network, hardly ever propose a mild policy, and would be too easy to beat.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.methods.composite.exploration import generator_state, restore_generator
from compress.search.method import EpisodeOutcome, SearchBudget
from compress.search.problem import SearchProblem


class RandomSearch:
    """The method `random`."""

    name = "random"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget, seed: int) -> None:
        self._problem, self._budget = problem, budget
        self._rng = np.random.default_rng(seed)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"hardness": "uniform in [0, 1], one a policy"}

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure as many random policies as the budget gives an episode; the final one is the best rewarded."""
        candidates = []
        for _ in range(self._budget.evaluations_per_episode):
            genome = self._rng.random((self._problem.depth, 3))
            hardness = self._rng.random()
            genome[:, 0] *= hardness
            genome[:, 1] = 1.0 - hardness * genome[:, 1]
            candidates.append(self._problem.measure(self._problem.actions.decode(genome), episode))
        best = max(candidates, key=lambda candidate: candidate.reward)
        return EpisodeOutcome(tuple(candidates), best, {"return": best.reward})

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"generator": generator_state(self._rng)}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        restore_generator(self._rng, state["generator"])
