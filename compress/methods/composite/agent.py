"""The composite agent: DDPG decides ratio and precision, Rainbow the pruner from the features of DDPG's actor.

Source: Balaskas et al., section 4.2 and Fig. 4. The teacher critic of the figure is read as the target critic.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.composite.ddpg import DDPG, DDPGSpec
from compress.methods.composite.exploration import generator_state, restore_generator
from compress.methods.composite.rainbow import Rainbow, RainbowSpec
from compress.methods.composite.reward_monitor import MonitorSpec, RewardMonitor
from compress.search.environment import STATE_SIZE, CompressionEnv, RewardMode
from compress.search.method import EpisodeOutcome, SearchBudget
from compress.search.problem import Candidate, SearchProblem

PAPER_EPISODES = 1100
PAPER_WARMUP = 100
MILD_START = (0.12, 0.88)
"""Ratio and precision that the actor begins with (reading): from the middle of both no deep network survives, and a
critic that has seen ruins only has nothing to teach."""


@dataclass(frozen=True)
class CompositeSpec:
    """The hyperparameters of the composite agent; the defaults are the paper's, for its 1100 episodes."""

    warmup_episodes: int = PAPER_WARMUP
    """Episodes of random actions before DDPG learns."""
    mode: RewardMode = RewardMode.STEP
    """When rewards are paid."""
    ddpg: DDPGSpec = field(default_factory=lambda: DDPGSpec(start=MILD_START, saturation_penalty=0.01))
    rainbow: RainbowSpec = field(default_factory=RainbowSpec)
    monitor: MonitorSpec = field(default_factory=MonitorSpec)

    def scaled(self, episodes: int) -> CompositeSpec:
        """Return the spec for a shorter search; from 1100 episodes on it is unchanged.

        Warm-up and monitor shrink in proportion, sigma decays as far by the end as in the paper, and each step learns
        from up to four batches, so that the number of updates falls less than the number of episodes.
        """
        if episodes >= PAPER_EPISODES:
            return self
        share = episodes / PAPER_EPISODES
        warmup = max(1, min(self.warmup_episodes, episodes // 10))
        decay = self.ddpg.sigma_decay ** ((PAPER_EPISODES - PAPER_WARMUP) / max(episodes - warmup, 1))
        updates = self.ddpg.updates_per_step * min(4, max(1, round(1 / share)))
        monitor = MonitorSpec(
            window=max(3, round(self.monitor.window * share)),
            wins=max(1, round(self.monitor.wins * share)),
            span=max(2, round(self.monitor.span * share)),
            latest_episode=max(warmup + 1, round(self.monitor.latest_episode * share)),
        )
        return replace(
            self,
            warmup_episodes=warmup,
            ddpg=replace(self.ddpg, sigma_decay=decay, updates_per_step=updates),
            rainbow=replace(
                self.rainbow,
                replay_period=max(1, round(self.rainbow.replay_period * share)),
                start_transitions=max(self.rainbow.batch, round(self.rainbow.start_transitions * share)),
                target_sync_episodes=max(1, round(self.rainbow.target_sync_episodes * share)),
            ),
            monitor=monitor,
        )


class CompositeAgent:
    """The method `composite`: one episode compresses the layers one after the other and learns after each."""

    name = "composite"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget, spec: CompositeSpec, seed: int) -> None:
        self.spec = spec
        self._budget = budget
        self.env = CompressionEnv(problem, spec.mode)
        self._rng = np.random.default_rng(seed)
        torch_seed = int(self._rng.integers(2**31))
        self.ddpg = DDPG(STATE_SIZE, 2, spec.ddpg, torch_seed, self._rng)
        self._depth, self._pruners = problem.depth, len(problem.actions.pruners)
        sizes = (STATE_SIZE, spec.ddpg.hidden, self._pruners)
        self.rainbow = Rainbow(sizes, self.env.return_bounds(), spec.rainbow, torch_seed + 1, self._rng)
        self.monitor = RewardMonitor(spec.monitor)
        self._sigma = spec.ddpg.sigma

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used, for result.json."""
        settings = asdict(self.spec)
        return {**settings, "mode": self.spec.mode.value}

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Compress the network once, learning after each layer, and return what was measured on the way."""
        warming = episode < self.spec.warmup_episodes
        unlocked = self.monitor.unlocked
        # the episode's share of all noise (reading): with full noise in every layer no deep network survives
        hardness = float(self._rng.random())
        self.env.episode = episode
        state, _ = self.env.reset()
        total, candidates = 0.0, list[Candidate]()
        losses = {"critic_loss": 0.0, "rainbow_loss": 0.0}
        for layer in range(self._depth):
            action = self._warmup_action(hardness) if warming else self.ddpg.act(state, hardness * self._sigma)
            pruner = self._choose_pruner(state)
            following, reward, done, _, info = self.env.compress(float(action[0]), float(action[1]), pruner)
            self.ddpg.replay.add(state=state, action=action, reward=reward, next_state=following, done=float(done))
            self.rainbow.remember(state, pruner, reward, following, done)
            if not warming:
                losses |= self._learn(episode, layer)
            total += reward
            if info["candidate"] is not None:
                candidates.append(info["candidate"])
            state = following
        self._finish(episode, warming, total)
        figures = {"return": total, "sigma": self._sigma, "rainbow_unlocked": float(unlocked), **losses}
        return EpisodeOutcome(tuple(candidates), candidates[-1], figures)

    def _warmup_action(self, hardness: float) -> NDArray[np.float64]:
        """Return a random action within an episode's hardness: drawn over the whole range, no deep network survives."""
        ratio, precision = hardness * self._rng.random(2)
        return np.array([ratio, 1.0 - precision])

    def _choose_pruner(self, state: NDArray[np.float32]) -> int:
        if self.monitor.unlocked:
            return self.rainbow.act(state, self.ddpg.actor.features)
        return int(self._rng.integers(self._pruners))

    def _learn(self, episode: int, layer: int) -> dict[str, float]:
        """Update what is due after a layer's action and return the losses."""
        progress = episode / max(self._budget.episodes, 1)
        losses = {}
        for _ in range(self.spec.ddpg.updates_per_step):
            losses["critic_loss"] = self.ddpg.update(progress)
        if self.monitor.unlocked and (episode * self._depth + layer) % self.spec.rainbow.replay_period == 0:
            features, target_features = self.ddpg.actor.features, self.ddpg.target_actor.features
            losses["rainbow_loss"] = self.rainbow.update(features, target_features, progress)
        return losses

    def _finish(self, episode: int, warming: bool, total: float) -> None:
        if warming:
            return
        self._sigma *= self.spec.ddpg.sigma_decay
        self.monitor.observe(episode, total)
        if self.monitor.unlocked and (episode + 1) % self.spec.rainbow.target_sync_episodes == 0:
            self.rainbow.sync()

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly after this episode."""
        return {
            "ddpg": self.ddpg.state(),
            "rainbow": self.rainbow.state(),
            "monitor": self.monitor.state(),
            "sigma": self._sigma,
            "generator": generator_state(self._rng),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.ddpg.load(state["ddpg"])
        self.rainbow.load(state["rainbow"])
        self.monitor.load(state["monitor"])
        self._sigma = float(state["sigma"])
        restore_generator(self._rng, state["generator"])
