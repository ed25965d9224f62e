"""The composite agent: DDPG decides ratio and precision, Rainbow the pruner from the features of DDPG's actor.

Source: Balaskas et al., section 4.2 and Fig. 4. The teacher critic of the figure is read as the target critic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.composite.ddpg import DDPG, DDPGSpec
from compress.methods.composite.rainbow import Rainbow, RainbowSpec
from compress.methods.composite.reward_monitor import MonitorSpec, RewardMonitor
from compress.methods.options import CompositeOptions
from compress.policy import Policy
from compress.searching.environment import STATE_SIZE, CompressionEnv
from compress.searching.generator_state import generator_state, restore_generator
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate, SearchProblem
from compress.vocabulary import Rates, RewardMode

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


class CompositeAgent(AskTellMethod):
    """The method `composite`: one episode compresses the layers one after the other and learns after each."""

    name = "composite"

    def __init__(self, problem: SearchProblem, budget: SearchBudget, spec: CompositeSpec, seed: int) -> None:
        super().__init__(problem, 1 if spec.mode is RewardMode.TERMINAL else problem.depth)
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
        self._begin_episode()

    @classmethod
    def build(
        cls, problem: SearchProblem, budget: SearchBudget, options: CompositeOptions, seed: int
    ) -> CompositeAgent:
        """Return the agent with its options, its settings scaled to so many episodes."""
        spec = replace(CompositeSpec(), mode=options.reward_mode)
        # an actor ten times as fast as its critic ended in a corner (2 bits everywhere) on a table of ResNet20's layer
        # effects, before the critic knew one action from another
        if options.rates is Rates.AMC:
            spec = replace(spec, ddpg=replace(spec.ddpg, actor_rate=1e-4, critic_rate=1e-3))
        return cls(problem, budget, spec.scaled(budget.episodes), seed)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used, for result.json."""
        settings = asdict(self.spec)
        return {**settings, "mode": self.spec.mode.value}

    def _begin_episode(self) -> None:
        self._hardness: float | None = None
        self._layer, self._total = 0, 0.0
        self._losses = {"critic_loss": 0.0, "rainbow_loss": 0.0}

    @property
    def _warming(self) -> bool:
        return self.episode < self.spec.warmup_episodes

    def ask(self) -> Policy:
        """Decide the next layer (all that are left where only the episode's end is paid) and return the network as it
        then stands."""
        if self._hardness is None:
            # the episode's share of all noise (reading): with full noise in every layer no deep network survives
            self._hardness = float(self._rng.random())
            self._unlocked = self.monitor.unlocked
            self.env.episode = self.episode
            self._state, _ = self.env.reset()
        self._decide(self._hardness)
        while not self.env.measures:
            self._learn_from(None)
            self._decide(self._hardness)
        return self.env.policy

    def _decide(self, hardness: float) -> None:
        warming = self._warming
        self._action = self._warmup_action(hardness) if warming else self.ddpg.act(self._state, hardness * self._sigma)
        self._pruner = self._choose_pruner(self._state)
        self.env.choose(float(self._action[0]), float(self._action[1]), self._pruner)

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Learn from what was paid for the last decision; at the episode's end let the noise and the monitor go on."""
        if not self._learn_from(measured):
            return
        self._finish(self.episode, self._warming, self._total)
        returned = {"return": self._total, "sigma": self._sigma, "rainbow_unlocked": float(self._unlocked)}
        self._figures = {**returned, **self._losses}
        self.episode += 1
        self._begin_episode()

    def _learn_from(self, measured: Candidate | None) -> bool:
        """Remember a transition and learn; return whether the episode has ended."""
        next_state, reward, done = self.env.observe(measured)
        self.ddpg.replay.add(
            state=self._state, action=self._action, reward=reward, next_state=next_state, done=float(done)
        )
        self.rainbow.remember(self._state, self._pruner, reward, next_state, done)
        if not self._warming:
            self._losses |= self._learn(self.episode, self._layer)
        self._total += reward
        self._layer += 1
        self._state = next_state
        return done

    def final(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return the episode's last candidate: the network with every layer decided."""
        return candidates[-1]

    def figures(self) -> dict[str, float]:
        """Return the sum of rewards, the noise, whether Rainbow chooses, and the losses."""
        return self._figures

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

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly after this episode."""
        return {
            "ddpg": self.ddpg.state(),
            "rainbow": self.rainbow.state(),
            "monitor": self.monitor.state(),
            "sigma": self._sigma,
            "generator": generator_state(self._rng),
            "episode": self.episode,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.ddpg.load(state["ddpg"])
        self.rainbow.load(state["rainbow"])
        self.monitor.load(state["monitor"])
        self._sigma = float(state["sigma"])
        restore_generator(self._rng, state["generator"])
        self.episode = int(state["episode"])
