"""NSGA-II over whole policies: a genome of (ratio, precision, pruner) for each layer.

Source: Balaskas et al., section 5.3.2 (one objective, the inverse reward; 20 chromosomes; simulated binary crossover
and polynomial mutation); Deb et al., IEEE TEVC 2002. With two objectives, accuracy loss and cost, it searches a front
instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.options import NSGA2Options
from compress.policy import Policy
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate, SearchProblem
from compress.vocabulary import Objectives

POPULATION = 20


class NSGA2Search(AskTellMethod):
    """The method `nsga2`. Its episodes have as many evaluations as the composite agent's, whatever the generation.

    pymoo's own state is not saved: the algorithm is deterministic, so a resumed search asks it again for the same
    chromosomes and gives back the recorded objectives.
    """

    name = "nsga2"

    def __init__(self, problem: SearchProblem, budget: SearchBudget, objectives: Objectives, seed: int) -> None:
        super().__init__(problem, budget.evaluations_per_episode)
        self._objectives = objectives
        self._seed = seed
        self._start()

    @classmethod
    def build(cls, problem: SearchProblem, budget: SearchBudget, options: NSGA2Options, seed: int) -> NSGA2Search:
        """Return the method with its options."""
        return cls(problem, budget, options.nsga2_objectives, seed)

    def _start(self) -> None:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import Problem

        genes = 3 * self.problem.depth
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

    def ask(self) -> Policy:
        """Return the next chromosome's policy; a generation ends wherever it ends."""
        return self.problem.policy(self.problem.actions.decode(self._next_genome()))

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Take the objectives of the chromosome that was asked for."""
        self._record(self._targets(measured))

    def _targets(self, candidate: Candidate) -> list[float]:
        if self._objectives is Objectives.REWARD:
            return [-candidate.reward]
        return [candidate.loss_pct, candidate.cost]

    def _next_genome(self) -> NDArray[np.float64]:
        if self._asked is None:
            self._asked = self._algorithm.ask()
        genome = np.asarray(self._asked[len(self._waiting)].X, dtype=np.float64)
        return genome.reshape(self.problem.depth, 3)

    def _record(self, targets: list[float]) -> None:
        self._recorded.append(targets)
        self._waiting.append(targets)
        if len(self._waiting) == len(self._asked):
            self._asked.set("F", np.array(self._waiting))
            self._algorithm.tell(infills=self._asked)
            self._asked, self._waiting = None, []

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {"recorded": [list(targets) for targets in self._recorded]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, by asking and telling again."""
        self._start()
        for targets in state["recorded"]:
            self._next_genome()
            self._record(list(targets))
