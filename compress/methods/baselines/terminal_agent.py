"""DDPG paid once an episode, as AMC and HAQ use it: every step gets the episode's reward less its running mean.

Source: He et al., "AMC", ECCV 2018, section 3.2 and 4; Wang et al., "HAQ", CVPR 2019, section 3.4.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from compress.methods.baselines.budget_bisection import BudgetLadder
from compress.methods.composite.ddpg import DDPG, DDPGSpec
from compress.policy import Policy
from compress.searching.generator_state import generator_state, restore_generator
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate, SearchProblem

PAPER_EPISODES = 600
"""Episodes that AMC's and HAQ's settings are made for."""


@dataclass(frozen=True)
class TerminalSpec:
    """The hyperparameters; the defaults are those that both papers share."""

    warmup_episodes: int = 100
    """Episodes of uniformly random actions."""
    baseline_decay: float = 0.95
    """Decay of the running mean that is subtracted from the reward."""
    ddpg: DDPGSpec = field(
        default_factory=lambda: DDPGSpec(
            actor_rate=1e-4, critic_rate=1e-3, sigma=0.5, sigma_decay=0.99, capacity=2000, priority_exponent=0.0
        )
    )

    def scaled(self, episodes: int) -> TerminalSpec:
        """Return the spec for a shorter search: warm-up and noise end in proportion."""
        if episodes >= PAPER_EPISODES:
            return self
        warmup = max(1, min(self.warmup_episodes, episodes // 6))
        decay = self.ddpg.sigma_decay ** ((PAPER_EPISODES - self.warmup_episodes) / max(episodes - warmup, 1))
        return replace(self, warmup_episodes=warmup, ddpg=replace(self.ddpg, sigma_decay=decay))


class TerminalAgent:
    """Chooses one action a step and learns when the episode has ended."""

    def __init__(self, state_size: int, spec: TerminalSpec, seed: int) -> None:
        self.spec = spec
        self._rng = np.random.default_rng(seed)
        self.ddpg = DDPG(state_size, 1, spec.ddpg, int(self._rng.integers(2**31)), self._rng)
        self._sigma = spec.ddpg.sigma
        self._mean_reward: float | None = None
        self._steps: list[tuple[NDArray[np.float32], float]] = []

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return asdict(self.spec)

    def act(self, state: NDArray[np.float32], episode: int) -> float:
        """Return the action in [0, 1] for the next step."""
        if episode < self.spec.warmup_episodes:
            return float(self._rng.random())
        return float(self.ddpg.act(state, self._sigma)[0])

    def took(self, state: NDArray[np.float32], action: float) -> None:
        """Remember what was done at a step (after constraints changed it)."""
        self._steps.append((state, action))

    def finish(self, episode: int, reward: float, progress: float) -> dict[str, float]:
        """Pay the episode and learn as often as it had steps; return figures to plot."""
        decay = self.spec.baseline_decay
        mean = reward if self._mean_reward is None else self._mean_reward
        self._mean_reward = decay * mean + (1.0 - decay) * reward
        for index, (state, action) in enumerate(self._steps):
            last = index + 1 == len(self._steps)
            next_state = state if last else self._steps[index + 1][0]
            self.ddpg.replay.add(
                state=state, action=[action], reward=reward - mean, next_state=next_state, done=float(last)
            )
        loss = 0.0
        if episode >= self.spec.warmup_episodes:
            for _ in self._steps:
                loss = self.ddpg.update(progress)
            self._sigma *= self.spec.ddpg.sigma_decay
        self._steps = []
        return {"return": reward, "sigma": self._sigma, "critic_loss": loss}

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly between two episodes."""
        mean = torch.tensor(float("nan") if self._mean_reward is None else self._mean_reward, dtype=torch.float64)
        return {
            "ddpg": self.ddpg.state(),
            "generator": generator_state(self._rng),
            "sigma": self._sigma,
            "mean_reward": mean,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.ddpg.load(state["ddpg"])
        restore_generator(self._rng, state["generator"])
        self._sigma = float(state["sigma"])
        mean = float(state["mean_reward"])
        self._mean_reward = None if np.isnan(mean) else mean


class TerminalMethod(AskTellMethod):
    """A method of one measurement an episode, paid at its end, under a resource budget that follows the accuracy's."""

    def __init__(
        self, problem: SearchProblem, budget: SearchBudget, agent: TerminalAgent, ladder: BudgetLadder
    ) -> None:
        super().__init__(problem, evaluations_per_episode=1)
        self._episodes = budget.episodes
        self._agent, self._ladder = agent, ladder
        self._figures = dict[str, float]()

    @abstractmethod
    def reward(self, measured: Candidate) -> float:
        """Return what the agent is paid for a measured policy."""

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Pay the agent, and tighten or loosen the budget."""
        self._figures = self._agent.finish(self.episode, self.reward(measured), self.episode / self._episodes)
        self._figures["budget"] = self._ladder.share
        self._ladder.finish(self.episode, met=measured.loss_pct <= self.problem.budget.target_pct)
        self.episode += 1

    def figures(self) -> dict[str, float]:
        """Return the agent's figures and the budget."""
        return self._figures

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {"agent": self._agent.state(), "ladder": self._ladder.state(), "episode": self.episode}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._agent.load(state["agent"])
        self._ladder.load(state["ladder"])
        self.episode = int(state["episode"])
