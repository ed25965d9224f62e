"""Returns as distributions over fixed atoms (C51) and the multi-step transitions that feed them.

Source: Bellemare, Dabney, Munos, "A Distributional Perspective on Reinforcement Learning", ICML 2017, algorithm 1;
Hessel et al., "Rainbow", AAAI 2018, section 3 (multi-step).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


def project(
    probabilities: torch.Tensor,
    returns: torch.Tensor,
    discounts: torch.Tensor,
    support: torch.Tensor,
) -> torch.Tensor:
    """Move each atom z to return + discount * z and share its mass between the two nearest atoms of the support.

    probabilities float32[batch, atoms], returns and discounts float32[batch] (discount 0 at an episode's end), support
    float32[atoms], equally spaced; the result float32[batch, atoms] sums to one and keeps the mean where nothing is
    clipped.
    """
    atoms = support.numel()
    low, high = float(support[0]), float(support[-1])
    moved = (returns[:, None] + discounts[:, None] * support[None]).clamp(low, high)
    position = ((moved - low) * ((atoms - 1) / (high - low))).clamp(0, atoms - 1)
    below = position.floor().long().clamp(max=atoms - 2)
    upper_share = position - below
    projected = torch.zeros_like(probabilities)
    projected.scatter_add_(1, below, probabilities * (1.0 - upper_share))
    projected.scatter_add_(1, below + 1, probabilities * upper_share)
    return projected


@dataclass(frozen=True)
class MultiStep:
    """From a state and an action to the state `steps` layers later: the rewards between, and whether the episode
    ended."""

    state: NDArray[np.float32]
    action: int
    reward_sum: float
    next_state: NDArray[np.float32]
    done: bool
    steps: int


class MultiStepWindow:
    """Turns single steps into n-step transitions; at an episode's end the shorter tails come out as well.

    Dropping them would lose the last n - 1 layers of every episode.
    """

    def __init__(self, steps: int, discount: float) -> None:
        self._steps = steps
        self._discount = discount
        self._window: deque[tuple[NDArray[np.float32], int, float]] = deque()

    def push(
        self, state: NDArray[np.float32], action: int, reward: float, next_state: NDArray[np.float32], done: bool
    ) -> list[MultiStep]:
        """Add a step and return the transitions it completes (all that are left where the episode ends)."""
        self._window.append((state, action, reward))
        ready: list[MultiStep] = []
        while self._window and (done or len(self._window) == self._steps):
            first_state, first_action, _ = self._window[0]
            total = sum(reward * self._discount**k for k, (_, _, reward) in enumerate(self._window))
            ready.append(MultiStep(first_state, first_action, total, next_state, done, len(self._window)))
            self._window.popleft()
        return ready
