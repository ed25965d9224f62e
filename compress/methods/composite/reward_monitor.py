"""The reward monitor: keeps Rainbow still until DDPG's features mean something.

Source: Balaskas et al., section 4.2.2. Reading: after the warm-up, unlock when the moving average of the episodes'
rewards beat its previous best in at least `wins` of the last `span` episodes, and at the latest after `latest_episode`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MonitorSpec:
    """When the reward counts as consistently improving."""

    window: int = 20
    """Episodes of the moving average."""
    wins: int = 5
    """New bests of the moving average that make an improvement consistent."""
    span: int = 10
    """Episodes among which the wins are counted."""
    latest_episode: int = 400
    """Episode at which Rainbow is unlocked in any case."""


class RewardMonitor:
    """Watches the episodes' rewards that follow the warm-up."""

    def __init__(self, spec: MonitorSpec) -> None:
        self.spec = spec
        self.unlocked = False
        self._rewards: list[float] = []
        self._wins: list[bool] = []
        self._best_average = float("-inf")

    def observe(self, episode: int, reward: float) -> bool:
        """Take an episode's total reward and return whether Rainbow is unlocked from here on."""
        spec = self.spec
        self._rewards = [*self._rewards, reward][-spec.window :]
        if len(self._rewards) == spec.window:
            average = sum(self._rewards) / spec.window
            first = self._best_average == float("-inf")
            self._wins = [*self._wins, not first and average > self._best_average][-spec.span :]
            self._best_average = max(self._best_average, average)
        if sum(self._wins) >= spec.wins or episode + 1 >= spec.latest_episode:
            self.unlocked = True
        return self.unlocked

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {
            "unlocked": self.unlocked,
            "rewards": list(self._rewards),
            "wins": list(self._wins),
            "best_average": self._best_average,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.unlocked = bool(state["unlocked"])
        self._rewards = list(state["rewards"])
        self._wins = list(state["wins"])
        self._best_average = float(state["best_average"])
