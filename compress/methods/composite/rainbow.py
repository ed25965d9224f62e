"""Rainbow: chooses the pruner from the features of the DDPG actor.

Double Q, dueling, noisy, distributional (C51), multi-step and prioritized.
Source: Hessel et al., "Rainbow: Combining Improvements in Deep Reinforcement Learning", AAAI 2018, Table 1; Balaskas et
al., section 4.2.2 for the input. Reading: the Atari schedule (learn after 20,000 frames, sync every 8,000) is longer
than a whole search, so learning starts after 128 transitions and the target follows every 5 episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from compress.methods.composite.ddpg import check_finite
from compress.methods.composite.distributional import MultiStepWindow, project
from compress.methods.composite.noisy_linear import NoisyLinear
from compress.methods.composite.replay import PrioritizedReplay

Features = Callable[[torch.Tensor], torch.Tensor]
"""Raw states to the features that Rainbow reads."""


@dataclass(frozen=True)
class RainbowSpec:
    """The hyperparameters of Rainbow; the defaults are Hessel et al.'s, the schedule's readings apart."""

    hidden: int = 512
    """Width of the hidden layer of the value and of the advantage stream."""
    atoms: int = 51
    """Atoms of the return's distribution."""
    noise: float = 0.5
    """Initial sigma of the noisy layers."""
    steps: int = 3
    """Steps of a multi-step return."""
    discount: float = 1.0
    """Discount of later rewards (1, as for DDPG)."""
    rate: float = 6.25e-5
    """Adam's learning rate."""
    epsilon: float = 1.5e-4
    """Adam's epsilon."""
    batch: int = 64
    """Transitions an update draws."""
    capacity: int = 1000
    """Transitions the replay holds."""
    priority_exponent: float = 0.5
    """Omega of the prioritized replay."""
    priority_correction: float = 0.4
    """Beta of the prioritized replay at the start; it grows to 1 over the search."""
    start_transitions: int = 128
    """Transitions in the replay before learning starts."""
    replay_period: int = 4
    """Actions between two updates (Hessel et al., appendix)."""
    target_sync_episodes: int = 5
    """Episodes between two copies of the online network to the target."""


class DuelingNetwork(nn.Module):
    """Features to a distribution of the return for each action: a value stream and an advantage stream, both noisy."""

    def __init__(self, features: int, actions: int, spec: RainbowSpec) -> None:
        super().__init__()
        self.actions, self.atoms = actions, spec.atoms
        self.value_hidden = NoisyLinear(features, spec.hidden, spec.noise)
        self.value = NoisyLinear(spec.hidden, spec.atoms, spec.noise)
        self.advantage_hidden = NoisyLinear(features, spec.hidden, spec.noise)
        self.advantage = NoisyLinear(spec.hidden, actions * spec.atoms, spec.noise)

    def draw(self, generator: torch.Generator) -> None:
        """Draw new noise for all layers."""
        for layer in (self.value_hidden, self.value, self.advantage_hidden, self.advantage):
            layer.draw(generator)

    def forward(self, features: torch.Tensor, noisy: bool = True) -> torch.Tensor:
        """Return log-probabilities float32[batch, actions, atoms]."""
        value = self.value(torch.relu(self.value_hidden(features, noisy)), noisy)[:, None, :]
        advantage = self.advantage(torch.relu(self.advantage_hidden(features, noisy)), noisy)
        advantage = advantage.view(-1, self.actions, self.atoms)
        return torch.log_softmax(value + advantage - advantage.mean(dim=1, keepdim=True), dim=2)


class Rainbow:
    """The learner. The replay keeps raw states: features are recomputed by the actor of the day, or they would go
    stale.

    `bounds` are the smallest and largest return of an episode. Raises RunError where the loss is not finite.
    """

    def __init__(
        self,
        sizes: tuple[int, int, int],
        bounds: tuple[float, float],
        spec: RainbowSpec,
        torch_seed: int,
        rng: np.random.Generator,
    ) -> None:
        state_size, feature_size, actions = sizes
        self.spec, self.actions, self.rng = spec, actions, rng
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed)
            self.network = DuelingNetwork(feature_size, actions, spec)
        self.target = deepcopy(self.network).requires_grad_(False)
        self.support = torch.linspace(bounds[0], bounds[1], spec.atoms)
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=spec.rate, eps=spec.epsilon, fused=True)
        self._noise = torch.Generator().manual_seed(torch_seed)
        self.replay = PrioritizedReplay(
            spec.capacity,
            {"state": state_size, "action": 0, "reward": 0, "next_state": state_size, "discount": 0},
            spec.priority_exponent,
        )
        self._window = MultiStepWindow(spec.steps, spec.discount)

    @torch.no_grad()
    def act(self, state: NDArray[np.float32], features: Features, noisy: bool = True) -> int:
        """Return the index of the action with the largest expected return under fresh noise."""
        if noisy:
            self.network.draw(self._noise)
        log_probabilities = self.network(features(torch.from_numpy(state)[None]), noisy)
        return int((log_probabilities.exp() @ self.support).argmax(dim=1))

    def remember(
        self, state: NDArray[np.float32], action: int, reward: float, next_state: NDArray[np.float32], done: bool
    ) -> None:
        """Store a step through the multi-step window."""
        for step in self._window.push(state, action, reward, next_state, done):
            self.replay.add(
                state=step.state,
                action=step.action,
                reward=step.reward_sum,
                next_state=step.next_state,
                discount=0.0 if step.done else self.spec.discount**step.steps,
            )

    def update(self, features: Features, target_features: Features, progress: float) -> float:
        """Learn from one batch and return the loss (0 before enough transitions are there)."""
        spec = self.spec
        if len(self.replay) < max(spec.start_transitions, spec.batch):
            return 0.0
        beta = spec.priority_correction + (1.0 - spec.priority_correction) * min(progress, 1.0)
        batch = self.replay.sample(spec.batch, beta, self.rng)
        field = batch.fields
        rows = torch.arange(spec.batch)
        self.network.draw(self._noise)
        self.target.draw(self._noise)
        with torch.no_grad():
            online = self.network(features(field["next_state"])).exp() @ self.support
            next_value = self.target(target_features(field["next_state"])).exp()
            chosen = next_value[rows, online.argmax(dim=1)]
            wanted = project(chosen, field["reward"], field["discount"], self.support)
            inputs = features(field["state"])  # detached: Rainbow's loss never reaches the actor
        log_probabilities = self.network(inputs)[rows, field["action"].long()]
        losses = -(wanted * log_probabilities).sum(dim=1)
        loss = (batch.weights * losses).mean()
        value = check_finite(float(loss.detach()), "Rainbow's")
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self._optimizer.step()
        self.replay.update(batch.slots, losses.detach().double().numpy())
        return value

    def sync(self) -> None:
        """Copy the online network to the target."""
        self.target.load_state_dict(self.network.state_dict())

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly between two episodes, the NumPy generator apart."""
        return {
            "network": self.network.state_dict(),
            "target": self.target.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "noise": self._noise.get_state(),
            "replay": self.replay.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.network.load_state_dict(state["network"])
        self.target.load_state_dict(state["target"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._noise.set_state(state["noise"])
        self.replay.load(state["replay"])
