"""DDPG: an actor for continuous actions in [0, 1] and a critic that judges them, with slowly following targets.

Source: Lillicrap et al., "Continuous control with deep reinforcement learning", ICLR 2016; sizes and rates from
Balaskas et al., section 5.1.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from compress.methods.composite.exploration import truncated_normal
from compress.methods.composite.replay import PrioritizedReplay
from hwsim.errors import RunError


@dataclass(frozen=True)
class DDPGSpec:
    """The hyperparameters of DDPG; the defaults are the paper's where it gives them."""

    hidden: int = 300
    """Width of each of the three hidden layers of actor and critic."""
    actor_rate: float = 1e-3
    """Adam's learning rate of the actor; the paper prints 1e-3 (AMC and HAQ use 1e-4)."""
    critic_rate: float = 1e-4
    """Adam's learning rate of the critic; the paper prints 1e-4 (AMC and HAQ use 1e-3)."""
    tau: float = 0.01
    """Share of the online networks that the targets take over at each update."""
    discount: float = 1.0
    """Discount of the next state's value."""
    batch: int = 64
    """Transitions an update draws."""
    capacity: int = 1000
    """Transitions the replay holds."""
    priority_exponent: float = 0.6
    """Alpha of the prioritized replay."""
    priority_correction: float = 0.4
    """Beta of the prioritized replay at the start; it grows to 1 over the search."""
    sigma: float = 0.6
    """Standard deviation of the exploration noise before its decay."""
    sigma_decay: float = 0.99
    """Factor on sigma after each episode that follows the warm-up."""
    updates_per_step: int = 1
    """Gradient updates after each layer's action."""
    start: tuple[float, ...] = ()
    """The action in (0, 1) that the actor begins with in every state; the middle where empty."""
    saturation_penalty: float = 0.0
    """What the actor pays for each squared logit of its actions: at the ends of the sigmoid nothing is learned."""


class Actor(nn.Module):
    """State to action; `features` is the last hidden layer, which Rainbow reads."""

    def __init__(self, state_size: int, action_size: int, spec: DDPGSpec) -> None:
        super().__init__()
        self.body = _hidden_layers(state_size, spec.hidden)
        self.head = nn.Linear(spec.hidden, action_size)
        _small_start(self.head)
        if spec.start:
            with torch.no_grad():
                self.head.bias.copy_(torch.tensor(spec.start).logit())

    def features(self, state: torch.Tensor) -> torch.Tensor:
        """Return float32[batch, hidden]."""
        return self.body(state)  # type: ignore[no-any-return]

    def logits(self, state: torch.Tensor) -> torch.Tensor:
        """Return float32[batch, action_size]: actions before the sigmoid."""
        return self.head(self.body(state))  # type: ignore[no-any-return]

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Return actions float32[batch, action_size] in (0, 1)."""
        return torch.sigmoid(self.logits(state))


class Critic(nn.Module):
    """State and action to the value of the episode from here on."""

    def __init__(self, state_size: int, action_size: int, hidden: int) -> None:
        super().__init__()
        self.body = _hidden_layers(state_size + action_size, hidden)
        self.head = nn.Linear(hidden, 1)
        _small_start(self.head)

    def forward(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return values float32[batch]."""
        return self.head(self.body(torch.cat([state, action], dim=1))).squeeze(1)  # type: ignore[no-any-return]


def _hidden_layers(inputs: int, hidden: int) -> nn.Sequential:
    widths = [inputs, hidden, hidden, hidden]
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers)


def _small_start(layer: nn.Linear) -> None:
    """Begin near the middle of the actions and at value 0 (Lillicrap et al., section 7)."""
    nn.init.uniform_(layer.weight, -3e-3, 3e-3)
    nn.init.zeros_(layer.bias)


class DDPG:
    """The learner: acts, remembers and updates. `torch_seed` makes the first weights, `rng` everything later.

    Raises RunError where a loss is not finite.
    """

    def __init__(
        self, state_size: int, action_size: int, spec: DDPGSpec, torch_seed: int, rng: np.random.Generator
    ) -> None:
        self.spec = spec
        self.rng = rng
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed)
            self.actor = Actor(state_size, action_size, spec)
            self.critic = Critic(state_size, action_size, spec.hidden)
        self.target_actor = deepcopy(self.actor).requires_grad_(False)
        self.target_critic = deepcopy(self.critic).requires_grad_(False)
        self._actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=spec.actor_rate, fused=True)
        self._critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=spec.critic_rate, fused=True)
        self.replay = PrioritizedReplay(
            spec.capacity,
            {"state": state_size, "action": action_size, "reward": 0, "next_state": state_size, "done": 0},
            spec.priority_exponent,
        )
        self._online: list[torch.Tensor] = [*self.actor.parameters(), *self.critic.parameters()]
        self._targets: list[torch.Tensor] = [*self.target_actor.parameters(), *self.target_critic.parameters()]

    @torch.no_grad()
    def act(self, state: NDArray[np.float32], sigma: float = 0.0) -> NDArray[np.float64]:
        """Return the action float64[action_size] in [0, 1] with exploration noise of width sigma."""
        mean = self.actor(torch.from_numpy(state)[None])[0].double().numpy()
        return truncated_normal(mean, sigma, self.rng)

    def update(self, progress: float) -> float:
        """Learn from one batch and return the critic's loss; `progress` in [0, 1] anneals the drawing's correction.

        Returns 0 without learning while the replay holds less than one batch.
        """
        spec = self.spec
        if len(self.replay) < spec.batch:
            return 0.0
        beta = spec.priority_correction + (1.0 - spec.priority_correction) * min(progress, 1.0)
        batch = self.replay.sample(spec.batch, beta, self.rng)
        field = batch.fields
        with torch.no_grad():
            next_value = self.target_critic(field["next_state"], self.target_actor(field["next_state"]))
            target = field["reward"] + spec.discount * (1.0 - field["done"]) * next_value
        td_error = self.critic(field["state"], field["action"]) - target
        loss = (batch.weights * td_error.square()).mean()
        value = check_finite(float(loss.detach()), "DDPG's critic")
        _descend(self._critic_optimizer, loss)
        self._update_actor(field["state"])
        torch._foreach_lerp_(self._targets, self._online, spec.tau)
        self.replay.update(batch.slots, td_error.detach().double().numpy())
        return value

    def _update_actor(self, state: torch.Tensor) -> None:
        for parameter in self.critic.parameters():  # only the actor learns from this loss
            parameter.requires_grad_(False)
        logits = self.actor.logits(state)
        loss = self.spec.saturation_penalty * logits.square().mean() - self.critic(state, logits.sigmoid()).mean()
        check_finite(float(loss.detach()), "DDPG's actor")
        _descend(self._actor_optimizer, loss)
        for parameter in self.critic.parameters():
            parameter.requires_grad_(True)

    def _parts(self) -> dict[str, Any]:
        return {
            "actor": self.actor,
            "critic": self.critic,
            "target_actor": self.target_actor,
            "target_critic": self.target_critic,
            "actor_optimizer": self._actor_optimizer,
            "critic_optimizer": self._critic_optimizer,
        }

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly, the generator apart."""
        return {**{name: part.state_dict() for name, part in self._parts().items()}, "replay": self.replay.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.replay.load(state["replay"])


def check_finite(value: float, learner: str) -> float:
    """Return a finite loss; raise RunError for NaN or infinity, before it reaches the weights."""
    if not np.isfinite(value):
        raise RunError(
            f"{learner} loss became {value}; the last checkpoint is kept: look for a reward table or metric out of "
            f"range,"
            " or lower the learning rates, and continue with --resume"
        )
    return value


def _descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
