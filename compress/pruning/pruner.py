"""What a pruner is given, what it returns, and the base class that makes an eighth one 15 lines."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from hwsim.errors import InputError, RunError


class Granularity(str, Enum):
    """What a pruner removes: single weights, whole filters (outputs), or whole channels (inputs)."""

    WEIGHTS = "weights"
    FILTERS = "filters"
    CHANNELS = "channels"


@dataclass(frozen=True)
class FeatureMapSamples:
    """Sampled points of a layer in the dense network, from unlabelled calibration inputs.

    `patches`: float32[P, groups, C/groups * R * S], the window of the ifmap under each point, in the order of the
    weight's own axes; `targets`: float32[P, M], the ofmap at that point without the bias.
    """

    patches: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Ties:
    """What leaves together: the unit that each filter or channel is part of, int64[n] below `count`."""

    unit: Tensor
    count: int


@dataclass(frozen=True)
class PruningContext:
    """A layer as it stands when its turn comes: only what earlier decisions left of it.

    `weight`: float32[M, C/groups, R, S], or [M, C] of a fully connected layer; `sparsity` in [0, 1]. `filter_ties`:
    int64[M], filters of equal number leave together; `channel_ties`: int64[C], the same for inputs (the features that
    one channel became through a flatten, the same place of every group). Without them a grouped layer ties equal
    places of its groups, and any other layer nothing. `generator`: for random criteria; `gradient`: of the loss,
    shaped as the weight, for criteria that need labels; `samples`: for reconstruction, of the inputs and outputs left.
    Raises InputError for weights that are not finite or a sparsity outside [0, 1].
    """

    weight: Tensor
    sparsity: float
    groups: int = 1
    filter_ties: Tensor | None = None
    channel_ties: Tensor | None = None
    generator: np.random.Generator | None = None
    gradient: Tensor | None = None
    samples: FeatureMapSamples | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise InputError(f"sparsity is {self.sparsity!r}, must be a number from 0 to 1")
        # a sum passes on what is not finite, in a tenth of the time; finite numbers may overflow it, so look again
        if not math.isfinite(float(self.weight.sum())) and not bool(torch.isfinite(self.weight).all()):
            raise InputError("a layer's weights hold NaN or infinity; the checkpoint is damaged, load another")

    def filter_units(self) -> Ties:
        """Return which filters leave together."""
        return _units(self.filter_ties, int(self.weight.shape[0]), self.groups)

    def channel_units(self) -> Ties:
        """Return which input channels leave together."""
        return _units(self.channel_ties, int(self.weight.shape[1]) * self.groups, self.groups)


def _units(ties: Tensor | None, count: int, groups: int) -> Ties:
    labels = torch.arange(count // groups).repeat(groups) if ties is None else ties
    distinct, units = torch.unique(labels, return_inverse=True)
    return Ties(units, len(distinct))


@dataclass(frozen=True)
class PruningResult:
    """What is left of a layer.

    `weight`: as in the context, zero where pruned, refitted where the pruner refits; `weight_mask`: bool, True is kept,
    same shape; `filter_mask`: bool[M] and `channel_mask`: bool[C] where whole filters or channels went, else None.
    """

    weight: Tensor
    weight_mask: Tensor
    filter_mask: Tensor | None = None
    channel_mask: Tensor | None = None

    @property
    def realised_sparsity(self) -> float:
        """The fraction of weights that the mask removes, whatever the target was."""
        mask = one_place(self.weight_mask)
        total = mask.numel()
        return 1.0 - float(torch.count_nonzero(mask)) / total if total else 0.0


def one_place(mask: Tensor) -> Tensor:
    """Return a mask bool[M, C, R, S] that was spread over the window as [M, C, 1, 1]; any other one as it is."""
    return mask[:, :, :1, :1] if mask.dim() == 4 and mask.stride()[2:] == (0, 0) else mask


class Pruner(ABC):
    """A pruning criterion: a subclass says what it is and what it needs, and prunes one layer at a time.

    `name`: its name in policies; `removes`: what it removes. `needs_calibration`: the context has `samples` of the
    dense network's feature maps; `needs_labels`: it has the loss' `gradient`, for which the calibration images need
    labels. Who calls it gives what it needs and nothing else.
    """

    name: str
    removes: Granularity
    needs_calibration: bool = False
    needs_labels: bool = False

    @abstractmethod
    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of a layer at the context's sparsity; the context is not changed.

        Sparsity 0 removes nothing, 1 everything, and below 1 something stays. The same context gives the same result:
        what is random draws from the context's generator.
        """


def from_weight_mask(context: PruningContext, mask: Tensor) -> PruningResult:
    """Return the result of a fine-grained mask, bool shaped as the weight."""
    return PruningResult(context.weight * mask, mask)


def from_filter_mask(context: PruningContext, filters: Tensor) -> PruningResult:
    """Return the result of keeping the filters marked in bool[M]."""
    mask = filter_weight_mask(context, filters)
    return PruningResult(context.weight * mask, mask, filter_mask=filters)


def from_channel_mask(context: PruningContext, channels: Tensor, weight: Tensor | None = None) -> PruningResult:
    """Return the result of keeping the input channels marked in bool[C]; `weight` replaces the context's (a refit)."""
    mask = channel_weight_mask(context, channels)
    kept = context.weight if weight is None else weight
    return PruningResult(kept * mask, mask, channel_mask=channels)


def filter_weight_mask(context: PruningContext, filters: Tensor) -> Tensor:
    """Spread bool[M] over the weight."""
    return filters.reshape((-1,) + (1,) * (context.weight.dim() - 1)).expand_as(context.weight)


def channel_weight_mask(context: PruningContext, channels: Tensor) -> Tensor:
    """Spread bool[C] over the weight: a filter of group j sees the j-th block of channels."""
    weight, groups = context.weight, context.groups
    columns = channels.reshape(groups, 1, -1).expand(groups, weight.shape[0] // groups, -1)
    columns = columns.reshape(weight.shape[0], -1)
    return columns.reshape(columns.shape + (1,) * (weight.dim() - 2)).expand_as(weight)


def keep_largest(scores: Tensor, removed: int) -> Tensor:
    """Return bool shaped as the scores: False for exactly `removed` of the smallest, ties going by position.

    A selection, not a sort: a layer of two million weights takes a tenth of the time.
    """
    flat = scores.detach().flatten().numpy()
    if removed <= 0 or removed >= flat.size:
        return torch.full(scores.shape, removed <= 0)
    bound = np.partition(flat, removed - 1)[removed - 1]
    keep = flat >= bound
    ties = np.flatnonzero(flat == bound)
    keep[ties[: removed - int((~keep).sum())]] = False
    return torch.from_numpy(keep).reshape(scores.shape)


def keep_strongest_units(scores: Tensor, ties: Ties, sparsity: float) -> Tensor:
    """Return bool as the scores, float[n]: the floor(S count) units of least mean score are False, whole."""
    members = torch.bincount(ties.unit, minlength=ties.count)
    means = torch.zeros(ties.count, dtype=torch.float64).index_add_(0, ties.unit, scores.double()) / members
    return keep_largest(means, removed_of(ties.count, sparsity))[ties.unit]


def removed_of(total: int, sparsity: float) -> int:
    """Return how many of `total` structures go: floor(S n), never all of them unless S is 1.

    A product that misses a whole number by rounding only (0.29 * 100) counts as that number.
    """
    if sparsity >= 1:
        return total
    return min(int(sparsity * total + 1e-9), total - 1)


def needs(pruner: str, value: object, what: str) -> None:
    """Raise RunError where a pruner lacks an input that its caller had to give."""
    if value is None:
        raise RunError(f"the pruner '{pruner}' needs {what}; give it, or choose another pruner")
