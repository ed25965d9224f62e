"""Uniform compression: the same bits, or the same pruner and sparsity, for every layer.

Source: Balaskas et al., Fig. 1 (one pruner at uniform sparsity) and Fig. 2b (uniform precision).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.policy import NO_PRUNER, LayerPolicy, Policy
from compress.searching.method import AskTellMethod, SearchBudget, uniform
from compress.searching.problem import Candidate, SearchProblem


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


class UniformGrid(AskTellMethod):
    """The method `uniform`; needs no luck: it walks the grid until the budget or the grid ends."""

    name = "uniform"

    def __init__(self, problem: SearchProblem, budget: SearchBudget) -> None:
        super().__init__(problem, budget.evaluations_per_episode)
        self._grid = uniform_choices(problem)
        self._next = 0

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"grid_points": len(self._grid)}

    def ask(self) -> Policy | None:
        """Return the next point of the grid, None where it has ended."""
        if self._next == len(self._grid):
            return None
        self._next += 1
        return uniform(self.problem, self._grid[self._next - 1])

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Learn nothing: the grid is what it is."""

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._next = int(state["next"])
