"""Local refinement: small changes to the best policies, kept when the oracle says that they are better.

It follows the agent's search and uses the same oracle. Each proposal changes one layer (a bit more or less, a little
more or less sparsity, another pruner) or trades: one layer compressed further, another relieved.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from compress.action import ActionSpec
from compress.agents.exploration import generator_state, restore_generator
from compress.archive import Archive, candidate_from, candidate_state
from compress.method import EpisodeOutcome, SearchBudget
from compress.policy import DENSE_8BIT, LayerPolicy
from compress.problem import Candidate, SearchProblem


@dataclass(frozen=True)
class RefinementSpec:
    """How the neighbourhood is walked."""

    sparsity_steps: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    """Changes of a layer's sparsity."""
    trade_share: float = 0.35
    """Share of the proposals that relieve one layer while compressing another."""
    penalty: float = 0.25
    """What one point of accuracy beyond the budget costs, relative to the dense network's metric."""


class Refinement:
    """A hill climb from the archive's best policy, driven like a search method of L evaluations an episode.

    It starts from the cheapest policy within the accuracy budget, or the one nearest to it; the uniform precisions are
    measured first, so that it never starts from worse than those.
    """

    name = "refinement"
    needs_training_data = False

    def __init__(
        self, problem: SearchProblem, archive: Archive, budget: SearchBudget, spec: RefinementSpec, seed: int
    ) -> None:
        self._problem, self._archive, self._budget, self.spec = problem, archive, budget, spec
        self._rng = np.random.default_rng(seed)
        self._current: Candidate | None = None
        self._pending: list[tuple[LayerPolicy, ...]] = []
        self._started = False
        energies = np.array([layer.energy_pj for layer in problem.oracle.layers])
        # every layer has a chance, those that cost most the best one
        self._interest = 0.5 / len(energies) + 0.5 * energies / energies.sum()

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return asdict(self.spec)

    def score(self, candidate: Candidate) -> float:
        """Return the metric plus the penalty for accuracy beyond the budget; lower is better."""
        excess = max(candidate.loss_pct - self._problem.budget.target_pct, 0.0)
        return candidate.cost + self.spec.penalty * excess

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure as many proposals as the budget gives an episode."""
        if not self._started:
            self._start()
        measured: list[Candidate] = []
        for _ in range(self._budget.evaluations_per_episode):
            choices = self._pending.pop(0) if self._pending else self._propose()
            candidate = self._problem.measure(choices, episode)
            measured.append(candidate)
            if self._current is None or self.score(candidate) <= self.score(self._current):
                self._current = candidate
        assert self._current is not None  # an episode measures at least once
        return EpisodeOutcome(tuple(measured), self._current, {"score": self.score(self._current)})

    def _start(self) -> None:
        self._started = True
        known = self._archive.front()
        self._current = min(known, key=self.score, default=None)
        bits = range(self._problem.actions.max_bits - 1, self._problem.actions.min_bits - 1, -1)
        self._pending = [(LayerPolicy(bits=b),) * self._problem.depth for b in bits]

    def _propose(self) -> tuple[LayerPolicy, ...]:
        assert self._current is not None  # the uniform precisions were measured before any proposal
        depth = self._problem.depth
        choices = [*self._current.choices, *[DENSE_8BIT] * (depth - len(self._current.choices))]
        over = self._current.loss_pct > self._problem.budget.target_pct
        trade = depth > 1 and self._rng.random() < self.spec.trade_share
        first = int(self._rng.choice(depth, p=self._interest))
        choices[first] = self._changed(choices[first], harder=not (over and not trade and self._rng.random() < 0.7))
        if trade:
            second = int((first + self._rng.integers(1, depth)) % depth)
            choices[second] = self._changed(choices[second], harder=False)
        return tuple(choices)

    def _changed(self, layer: LayerPolicy, *, harder: bool) -> LayerPolicy:
        actions, rng = self._problem.actions, self._rng
        draw = rng.random()
        if draw < 0.3:
            bits = layer.bits + (-1 if harder else 1)
            if actions.min_bits <= bits <= actions.max_bits:
                return replace(layer, bits=bits)
        if draw < 0.8:
            return self._resparsified(layer, actions, float(rng.choice(self.spec.sparsity_steps)), harder)
        pruner = actions.pruners[int(rng.integers(len(actions.pruners)))]
        sparsity = layer.sparsity or (0.05 if harder else 0.0)
        return LayerPolicy(pruner, sparsity, layer.bits)

    def _resparsified(self, layer: LayerPolicy, actions: ActionSpec, step: float, harder: bool) -> LayerPolicy:
        sparsity = min(max(layer.sparsity + (step if harder else -step), 0.0), actions.max_sparsity)
        pruner = layer.pruner
        if pruner not in actions.pruners:
            pruner = actions.pruners[int(self._rng.integers(len(actions.pruners)))]
        return LayerPolicy(pruner, round(sparsity, 4), layer.bits)

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {
            "generator": generator_state(self._rng),
            "current": None if self._current is None else candidate_state(self._current),
            "pending": [[asdict(layer) for layer in choices] for choices in self._pending],
            "started": self._started,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        restore_generator(self._rng, state["generator"])
        self._current = None if state["current"] is None else candidate_from(state["current"])
        self._pending = [tuple(LayerPolicy(**layer) for layer in choices) for choices in state["pending"]]
        self._started = bool(state["started"])
