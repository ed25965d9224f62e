"""What the methods that train share: shuffled batches, a trainable copy, the loss under other weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from compress.images.dataset import LabelledImages
from compress.searching.problem import AccuracyBudget, Candidate
from hwsim.errors import RunError


def trainable_copy(model: nn.Module) -> nn.Module:
    """Return a copy whose parameters learn; it stays in eval mode, so that batch statistics remain those of the
    original."""
    copy = deepcopy(model).eval()
    for parameter in copy.parameters():
        parameter.requires_grad_(True)
    return copy


def frozen_with(model: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy with other weights that no longer learn, as an oracle takes it."""
    copy = deepcopy(model).eval()
    copy.load_state_dict(dict(state))
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    return copy


class ShuffledBatches:
    """Training batches without end, reshuffled after each pass; `state` and `load` continue at an episode's end."""

    def __init__(self, split: LabelledImages, size: int, seed: int) -> None:
        self._split, self._size = split, min(size, len(split))
        self._generator = torch.Generator().manual_seed(seed)

    def take(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield `count` batches (float32[n, C, H, W], int64[n]); each call starts a new shuffle."""
        served = 0
        while served < count:
            order = torch.randperm(len(self._split), generator=self._generator).numpy()
            for start in range(0, len(order) - self._size + 1, self._size):
                part = self._split.take(order[start : start + self._size])
                yield part.images, part.labels
                served += 1
                if served == count:
                    return

    def state(self) -> Tensor:
        """Return what `load` needs."""
        return self._generator.get_state()

    def load(self, state: Tensor) -> None:
        """Continue from what `state` returned."""
        self._generator.set_state(state)


def loss_with(model: nn.Module, weights: Mapping[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of a model whose parameters named in `weights` are replaced; RunError where not
    finite."""
    logits: Any = functional_call(model, dict(weights), (images,))
    loss = F.cross_entropy(logits, labels)
    if not torch.isfinite(loss):
        raise RunError("training diverged: the loss is not finite; lower the learning rate or the method's strength")
    return loss


class KeptWeights:
    """The weights of the measured candidates that the final selection can ask for: one for each of its three rules."""

    def __init__(self, budget: AccuracyBudget) -> None:
        self._budget = budget
        self._slots: dict[str, tuple[list[float], dict[str, Tensor]]] = {}

    def offer(self, candidate: Candidate, weights: dict[str, Tensor]) -> None:
        """Keep a candidate's weights where it is the cheapest within margin or budget, or the best rewarded."""
        rank = {"reward": (-candidate.reward, 0.0)}
        for name, allowed_pct in (("margin", self._budget.target_pct), ("budget", self._budget.max_loss_pct)):
            if candidate.loss_pct <= allowed_pct:
                rank[name] = (candidate.cost, candidate.loss_pct)
        for name, (first, second) in rank.items():
            held = self._slots.get(name)
            if held is None or (first, second) < (held[0][0], held[0][1]):
                self._slots[name] = ([first, second, float(candidate.episode)], weights)

    def find(self, candidate: Candidate) -> dict[str, Tensor]:
        """Return the weights that a candidate was measured with; RunError where they were not kept."""
        for rank, weights in self._slots.values():
            if int(rank[2]) == candidate.episode:
                return weights
        raise RunError(f"the weights of episode {candidate.episode} were not kept; they are not the best of any kind")

    def state(self) -> dict[str, Any]:
        """Return what `load` needs."""
        return {name: [list(rank), dict(weights)] for name, (rank, weights) in self._slots.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._slots = {name: (list(rank), dict(weights)) for name, (rank, weights) in state.items()}


class StraightThrough(torch.autograd.Function):
    """Replaces a value by its rounded form and lets the gradient pass unchanged."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, rounded: Tensor) -> Tensor:
        """Return the rounded value."""
        return rounded.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient for the value."""
        return gradients[0], None


def straight_through(value: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded` with the gradient of `value`."""
    result: Tensor = StraightThrough.apply(value, rounded)  # type: ignore[no-untyped-call]
    return result
