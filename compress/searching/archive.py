"""The archive: every policy that no other beats in both accuracy and cost, so that the user picks a point of the
front, and those beaten by so little accuracy that other images might see it otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from compress.oracle.measurement import Observation
from compress.policy import LayerPolicy
from compress.searching.problem import Candidate


class Archive:
    """The non-dominated candidates over (loss_pct, cost), and the one with the best reward of all.

    A candidate equal to a kept one in both figures is not added: the first found stays. `tolerance_pct`: by how many
    points a `contender` may lose more than one that costs no more.
    """

    def __init__(self, tolerance_pct: float = 0.0) -> None:
        self.tolerance_pct = tolerance_pct
        self._front: list[Candidate] = []
        self._contenders: list[Candidate] = []
        self.best_reward: Candidate | None = None
        self.seen = 0

    def __len__(self) -> int:
        return len(self._front)

    def add(self, candidate: Candidate) -> bool:
        """Offer a candidate; return whether it joined the front."""
        self.seen += 1
        if self.best_reward is None or candidate.reward > self.best_reward.reward:
            self.best_reward = candidate
        self._contend(candidate)
        for kept in self._front:
            if kept.loss_pct <= candidate.loss_pct and kept.cost <= candidate.cost:
                return False
        self._front = [
            kept for kept in self._front if not (candidate.loss_pct <= kept.loss_pct and candidate.cost <= kept.cost)
        ]
        self._front.append(candidate)
        return True

    def _contend(self, candidate: Candidate) -> None:
        slack = self.tolerance_pct
        if any(
            kept.loss_pct + slack <= candidate.loss_pct and kept.cost <= candidate.cost for kept in self._contenders
        ):
            return
        self._contenders = [
            kept
            for kept in self._contenders
            if not (candidate.loss_pct + slack <= kept.loss_pct and candidate.cost <= kept.cost)
        ]
        self._contenders.append(candidate)

    def contenders(self) -> list[Candidate]:
        """Return the front and what comes within the tolerance of it, the most expensive first."""
        return sorted(self._contenders, key=lambda candidate: (-candidate.cost, candidate.loss_pct))

    def extend(self, candidates: Iterable[Candidate]) -> None:
        """Offer several candidates."""
        for candidate in candidates:
            self.add(candidate)

    def front(self) -> list[Candidate]:
        """Return the non-dominated candidates, the smallest loss first."""
        return sorted(self._front, key=lambda candidate: (candidate.loss_pct, candidate.cost))

    def cheapest(self, max_loss_pct: float) -> Candidate | None:
        """Return the candidate of lowest cost that loses at most `max_loss_pct`, None where there is none."""
        allowed = [candidate for candidate in self._front if candidate.loss_pct <= max_loss_pct]
        return min(allowed, key=lambda candidate: candidate.cost, default=None)

    def state(self) -> dict[str, Any]:
        """Return what `load` needs, as plain values."""
        best = None if self.best_reward is None else candidate_state(self.best_reward)
        return {
            "front": [candidate_state(kept) for kept in self._front],
            "contenders": [candidate_state(kept) for kept in self._contenders],
            "best_reward": best,
            "seen": self.seen,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._front = [candidate_from(entry) for entry in state["front"]]
        self._contenders = [candidate_from(entry) for entry in state["contenders"]]
        self.best_reward = None if state["best_reward"] is None else candidate_from(state["best_reward"])
        self.seen = int(state["seen"])


def candidate_state(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate as plain values (JSON and checkpoints)."""
    # asdict would take ten times as long, and an archive of a thousand is saved after each episode
    choices = [dict(vars(choice)) for choice in candidate.choices]
    return {**vars(candidate), "choices": choices, "measurement": dict(vars(candidate.measurement))}


def candidate_from(state: dict[str, Any]) -> Candidate:
    """Return the candidate that `candidate_state` described."""
    choices = tuple(LayerPolicy(**choice) for choice in state["choices"])
    return Candidate(**{**state, "choices": choices, "measurement": Observation(**state["measurement"])})
