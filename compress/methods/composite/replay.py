"""Prioritized replay: a ring of transitions, drawn in proportion to their temporal-difference errors.

Source: Schaul et al., "Prioritized Experience Replay", ICLR 2016 (proportional variant).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_FLOOR = 1e-6


@dataclass(frozen=True)
class Batch:
    """Drawn transitions as arrays with the batch first; `weights` float32[batch] correct the drawing's bias (max 1)."""

    fields: dict[str, torch.Tensor]
    weights: torch.Tensor
    slots: NDArray[np.int64]


class PrioritizedReplay:
    """A ring of `capacity` transitions whose fields and widths `fields` names; a width of 0 is one number a transition.

    `alpha` is the priority exponent (0 draws uniformly). At these capacities (1000) a running sum and a binary search
    over the whole ring are faster than a sum tree in Python.
    """

    def __init__(self, capacity: int, fields: dict[str, int], alpha: float) -> None:
        self.capacity = capacity
        self.alpha = alpha
        self._arrays = {
            name: np.zeros((capacity, width) if width else capacity, np.float32) for name, width in fields.items()
        }
        self._priorities = np.zeros(capacity)
        self._written = 0

    def __len__(self) -> int:
        return min(self._written, self.capacity)

    def add(self, **transition: Any) -> None:
        """Store one transition with the highest priority seen so far, so that it is drawn soon."""
        slot = self._written % self.capacity
        for name, array in self._arrays.items():
            array[slot] = transition[name]
        # the maximum before the write: a slot's old priority still counts
        highest = float(self._priorities[: len(self)].max()) if len(self) else 0.0
        self._priorities[slot] = highest or 1.0
        self._written += 1

    def sample(self, size: int, beta: float, rng: np.random.Generator) -> Batch:
        """Draw `size` transitions, one from each of `size` equal parts of the priorities' sum."""
        cumulative = np.cumsum(self._priorities[: len(self)])
        total = cumulative[-1]
        marks = (np.arange(size) + rng.random(size)) * (total / size)
        slots = np.minimum(np.searchsorted(cumulative, marks, side="right"), len(self) - 1)
        weights = (len(self) * self._priorities[slots] / total) ** -beta
        fields = {name: torch.from_numpy(array[slots]) for name, array in self._arrays.items()}
        return Batch(fields, torch.from_numpy((weights / weights.max()).astype(np.float32)), slots)

    def update(self, slots: NDArray[np.int64], td_error: NDArray[np.float64]) -> None:
        """Set the priorities of drawn transitions to |td_error| ** alpha."""
        self._priorities[slots] = (np.abs(td_error) + _FLOOR) ** self.alpha

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly (the filled part only)."""
        filled = len(self)
        return {
            "arrays": {name: torch.from_numpy(array[:filled].copy()) for name, array in self._arrays.items()},
            "priorities": torch.from_numpy(self._priorities[:filled].copy()),
            "written": self._written,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._written = int(state["written"])
        filled = len(self)
        for name, array in self._arrays.items():
            array[:filled] = state["arrays"][name].numpy()
        self._priorities[:filled] = state["priorities"].numpy()
