"""Random search with the composite agent's number of evaluations: the honest control.

Each policy first draws how hard it compresses, then each layer's action within that. Drawing every layer over its whole
range instead would, in a deep network, hardly ever propose a mild policy, and would be too easy to beat.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.policy import Policy
from compress.searching.generator_state import generator_state, restore_generator
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate, SearchProblem


class RandomSearch(AskTellMethod):
    """The method `random`."""

    name = "random"

    def __init__(self, problem: SearchProblem, budget: SearchBudget, seed: int) -> None:
        super().__init__(problem, budget.evaluations_per_episode)
        self._rng = np.random.default_rng(seed)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"hardness": "uniform in [0, 1], one a policy"}

    def ask(self) -> Policy:
        """Return a random policy."""
        genome = self._rng.random((self.problem.depth, 3))
        hardness = self._rng.random()
        genome[:, 0] *= hardness
        genome[:, 1] = 1.0 - hardness * genome[:, 1]
        return self.problem.policy(self.problem.actions.decode(genome))

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Learn nothing: that is the control."""

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {"generator": generator_state(self._rng)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        restore_generator(self._rng, state["generator"])
