"""NSGA-II over whole policies: a genome of (ratio, precision, pruner) for each layer.

Source: Balaskas et al., section 5.3.2 (one objective, the inverse reward; 20 chromosomes; simulated binary crossover
and polynomial mutation); Deb et al., IEEE TEVC 2002. With two objectives, accuracy loss and cost, it searches a front
instead.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.search.method import EpisodeOutcome, SearchBudget
from compress.search.problem import Candidate, SearchProblem

POPULATION = 20


class Objectives(str, Enum):
    """What is minimised: the reward with its sign turned, or loss and cost together."""

    REWARD = "reward"
    TWO = "two"


class NSGA2Search:
    """The method `nsga2`. Its episodes have as many evaluations as the composite agent's, whatever the generation.

    pymoo's own state is not saved: the algorithm is deterministic, so a resumed search asks it again for the same
    chromosomes and gives back the recorded objectives.
    """

    name = "nsga2"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget, objectives: Objectives, seed: int) -> None:
        self._problem, self._budget, self._objectives = problem, budget, objectives
        self._seed = seed
        self._start()

    def _start(self) -> None:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import Problem

        genes = 3 * self._problem.depth
        targets = 1 if self._objectives is Objectives.REWARD else 2
        self._algorithm = NSGA2(pop_size=POPULATION)
        space = Problem(n_var=genes, n_obj=targets, xl=np.zeros(genes), xu=np.ones(genes))
        self._algorithm.setup(space, termination=("n_gen", 10**9), seed=self._seed, verbose=False)
        self._recorded: list[list[float]] = []
        self._asked: Any = None
        self._waiting: list[list[float]] = []

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {"population": POPULATION, "objectives": self._objectives.value, "crossover": "SBX", "mutation": "PM"}

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure the next chromosomes; a generation ends wherever it ends."""
        candidates: list[Candidate] = []
        for _ in range(self._budget.evaluations_per_episode):
            genome = self._next_genome()
            candidate = self._problem.measure(self._problem.actions.decode(genome), episode)
            candidates.append(candidate)
            self._record(self._targets(candidate))
        best = max(candidates, key=lambda candidate: candidate.reward)
        return EpisodeOutcome(tuple(candidates), best, {"return": best.reward})

    def _targets(self, candidate: Candidate) -> list[float]:
        if self._objectives is Objectives.REWARD:
            return [-candidate.reward]
        return [candidate.loss_pct, candidate.cost]

    def _next_genome(self) -> NDArray[np.float64]:
        if self._asked is None:
            self._asked = self._algorithm.ask()
        genome = np.asarray(self._asked[len(self._waiting)].X, dtype=np.float64)
        return genome.reshape(self._problem.depth, 3)

    def _record(self, targets: list[float]) -> None:
        self._recorded.append(targets)
        self._waiting.append(targets)
        if len(self._waiting) == len(self._asked):
            self._asked.set("F", np.array(self._waiting))
            self._algorithm.tell(infills=self._asked)
            self._asked, self._waiting = None, []

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"recorded": [list(targets) for targets in self._recorded]}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned, by asking and telling again."""
        self._start()
        for targets in state["recorded"]:
            self._next_genome()
            self._record(list(targets))
