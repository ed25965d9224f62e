"""OPQ-style one-shot compression: sparsity and bits of all layers from a model of the weights' distribution.

Source: Hu et al., "OPQ: Compressing Deep Neural Networks with One-shot Pruning-Quantization", AAAI 2021; the model is
`compress.methods.laplace_allocation`. Reading: the two global budgets are walked over a grid, mildest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.laplace_allocation import Allocation
from compress.policy import MAX_BITS, Policy
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate, SearchProblem
from compress.searching.setup import SearchTask


class OPQ(AskTellMethod):
    """The method `opq`: no training data, no search of single layers; a grid over the two global budgets."""

    name = "opq"

    def __init__(self, problem: SearchProblem, budget: SearchBudget, weights: Sequence[NDArray[np.float32]]) -> None:
        super().__init__(problem, budget.evaluations_per_episode)
        self._allocation = Allocation(weights, problem.actions)
        self._grid = self._budgets(budget.evaluations)
        self._next = 0

    @classmethod
    def build(cls, task: SearchTask, budget: SearchBudget) -> OPQ:
        """Return the method for a task."""
        return cls(task.problem, budget, task.weights())

    def _budgets(self, evaluations: int) -> list[tuple[float, float]]:
        """Return (sparsity, bits) of as many grid points as there are evaluations, the mildest first."""
        side = max(2, int(evaluations**0.5))
        sparsities = np.linspace(0.0, self.problem.actions.max_sparsity, side)
        bits = np.linspace(MAX_BITS, self.problem.actions.min_bits, side)
        points = [(float(s), float(b)) for s in sparsities for b in bits]
        return sorted(points, key=lambda point: (point[0] + (MAX_BITS - point[1]) / MAX_BITS, point[0]))

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"grid_points": len(self._grid)}

    def ask(self) -> Policy | None:
        """Return the next point of the grid, None where it has ended."""
        if self._next == len(self._grid):
            return None
        self._next += 1
        return self.problem.policy(self._allocation.choices(*self._grid[self._next - 1]))

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Learn nothing: the model of the weights has said it all."""

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._next = int(state["next"])
