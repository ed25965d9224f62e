"""A resource budget that follows the accuracy budget: AMC and HAQ take a budget of the resource, users one of accuracy.

The episodes are split into rounds. Each round searches under one resource budget; if it found a policy within the
accuracy budget, the next round's is tighter, else looser: a bisection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROUNDS = 5


@dataclass
class BudgetLadder:
    """The resource budget, as a share of the dense 8-bit network, for each episode of a search.

    `low` and `high` bound the bisection; the first round starts in the middle.
    """

    episodes: int
    low: float
    high: float

    def __post_init__(self) -> None:
        self.share = (self.low + self.high) / 2
        self._met = False
        self._round = 0

    def finish(self, episode: int, *, met: bool) -> None:
        """Take an episode's end; `met` says whether it stayed within the accuracy budget."""
        self._met = self._met or met
        ended = (episode + 1) * ROUNDS // max(self.episodes, 1)
        if ended <= self._round:
            return
        self._round = ended
        if self._met:
            self.high = self.share
        else:
            self.low = self.share
        self.share = (self.low + self.high) / 2
        self._met = False

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {
            "low": self.low,
            "high": self.high,
            "share": self.share,
            "met": self._met,
            "round": self._round,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.low, self.high, self.share = float(state["low"]), float(state["high"]), float(state["share"])
        self._met, self._round = bool(state["met"]), int(state["round"])
