"""From a policy to masks: every layer pruned in execution order, dependencies between channels resolved.

A layer's action works on what earlier decisions left of it. The first layer that prunes filters of a channel group
decides for the whole group. A structured action that cannot apply (the group is decided, the channels may not leave,
a depthwise layer has no channels of its own) prunes single weights by level at the same sparsity instead.

Source: Balaskas et al., IEEE TETC, section 4.1 (dependencies are resolved at the first dependent layer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from compress.evaluation.calibration import Calibration
from compress.network.graph import CompressibleLayer, Mask, NetworkGraph
from compress.policy import DENSE_8BIT, NO_PRUNER, LayerPolicy
from compress.pruning import FeatureMapSamples, Granularity, Pruner, PruningContext, PruningResult, pruner
from compress.pruning.level import LevelPruner
from compress.pruning.pruner import one_place

_STAND_IN = LevelPruner()
"""Prunes single weights where structure may not change."""


@dataclass(frozen=True, eq=False)
class PrunedLayer:
    """What a layer's own action left of it.

    `weight`: float32 in the dense shape, zero where pruned; `weight_mask`: bool in that shape, with a window of one
    place where all its places are alike, None where nothing went; `channel_mask`: bool[C], the inputs its action keeps;
    `realised_sparsity`: the fraction of weights that the action removed of those that were there at its turn; `pruner`:
    the one that ran, which stands in for the policy's where structure may not change.
    """

    weight: Tensor
    weight_mask: Tensor | None
    channel_mask: Mask
    realised_sparsity: float
    pruner: str = NO_PRUNER
    _zeros: dict[tuple[bytes, bytes], float] = field(default_factory=dict, repr=False)

    def zero_fraction(self, layer: CompressibleLayer, filters: Mask, channels: Mask) -> float:
        """Return the fraction of zeros among the weights of these filters and channels; counted once for each."""
        if self.weight_mask is None:
            return 0.0
        key = (filters.tobytes(), channels.tobytes())
        if key not in self._zeros:
            mask = _block(self.weight_mask, layer, _Left(filters, channels))
            zeros = 1.0 - float(torch.count_nonzero(mask)) / mask.numel() if mask.numel() else 0.0
            self._zeros[key] = zeros
        return self._zeros[key]


class _Left(NamedTuple):
    """What earlier decisions left of a layer at its turn: filters bool[M] and input channels bool[C]."""

    filters: Mask
    channels: Mask


class _Outcome(NamedTuple):
    """What an action left of a layer, and the filter mask bool[M] where it decides one for its group."""

    pruned: PrunedLayer
    filter_mask: Mask | None


@dataclass(frozen=True, eq=False)
class Compression:
    """A network under a policy.

    `policies` and `layers` in execution order; `kept`: bool[units], False where a decided mask drops the unit and every
    filter, bias and batch normalisation of it is zero; `live`: bool[units], what a physically smaller network keeps:
    units that are neither dropped nor unread.
    """

    graph: NetworkGraph
    policies: tuple[LayerPolicy, ...]
    layers: tuple[PrunedLayer, ...]
    kept: Mask
    live: Mask

    def filters(self, index: int) -> Mask:
        """Return bool[M]: the filters of a layer that are not zeroed by a decided mask."""
        return self.kept[self.graph.layers[index].out_units]

    def live_filters(self, index: int) -> Mask:
        """Return bool[M]: the filters that the smaller network computes."""
        return self.live[self.graph.layers[index].out_units]

    def live_channels(self, index: int) -> Mask:
        """Return bool[C]: the input channels that the smaller layer reads."""
        return self.live[self.graph.layers[index].in_units] & self.layers[index].channel_mask

    def masked_weight(self, index: int) -> Tensor:
        """Return the weight with pruned weights and dropped filters zero, float32 in the dense shape."""
        weight, filters = self.layers[index].weight, self.filters(index)
        if bool(filters.all()):
            return weight
        return weight * torch.from_numpy(filters).reshape((-1,) + (1,) * (weight.dim() - 1))

    def zero_fraction(self, index: int) -> float:
        """Return the fraction of zero weights in what is left of a layer: what fine-grained pruning put there."""
        layer = self.graph.layers[index]
        return self.layers[index].zero_fraction(layer, self.live_filters(index), self.live_channels(index))

    def live_weights(self, index: int) -> int:
        """Return how many weights, zeros among them, the smaller layer has."""
        layer = self.graph.layers[index]
        inputs = 1 if layer.depthwise else int(self.live_channels(index).sum()) // layer.groups
        return int(self.live_filters(index).sum()) * inputs * int(np.prod(layer.weight_shape[2:], dtype=np.int64))

    @property
    def realised(self) -> dict[str, float]:
        """Realised sparsity by layer name."""
        return {
            layer.name: pruned.realised_sparsity for layer, pruned in zip(self.graph.layers, self.layers, strict=True)
        }


class Compressor:
    """Derives compressions of one network; the same policy always gives the same one.

    Each layer's last result is remembered under what it depends on, so that a policy that differs in one layer from the
    one before prunes that layer and those that depend on it only. `seed` feeds the random criteria.
    """

    def __init__(self, graph: NetworkGraph, calibration: Calibration, seed: int = 0) -> None:
        self.graph = graph
        self.calibration = calibration
        self.seed = seed
        self._dense = [
            PrunedLayer(calibration.weight(layer), None, np.ones(len(layer.in_units), dtype=bool), 0.0)
            for layer in graph.layers
        ]
        self._last: dict[int, tuple[tuple[object, ...], _Outcome]] = {}

    def dense(self) -> Compression:
        """Return the network at 8 bits with nothing pruned."""
        return self.derive([DENSE_8BIT] * len(self.graph.layers))

    def derive(self, policies: Sequence[LayerPolicy]) -> Compression:
        """Return the network under one policy a layer, in execution order."""
        graph = self.graph
        kept, decided = graph.all_kept(), graph.frozen.copy()
        pruned: list[PrunedLayer] = []
        for index, (layer, policy) in enumerate(zip(graph.layers, policies, strict=True)):
            if not policy.prunes:
                pruned.append(self._dense[index])
                continue
            outcome = self._prune(index, policy, kept, decided)
            pruned.append(outcome.pruned)
            if outcome.filter_mask is not None:
                kept[layer.out_units[~outcome.filter_mask]] = False
                decided[layer.out_units] = True
        read = np.zeros_like(kept)
        for layer, result in zip(graph.layers, pruned, strict=True):
            read[layer.in_units[result.channel_mask]] = True
        live = graph.never_empty(graph.frozen | (kept & read))
        return Compression(graph, tuple(policies), tuple(pruned), kept, live)

    def _prune(self, index: int, policy: LayerPolicy, kept: Mask, decided: Mask) -> _Outcome:
        layer = self.graph.layers[index]
        left = _Left(kept[layer.out_units], kept[layer.in_units])
        chosen = self._applicable(layer, pruner(policy.pruner), decided)
        key = (chosen.name, policy.sparsity, left.filters.tobytes(), left.channels.tobytes())
        if index in self._last and self._last[index][0] == key:
            return self._last[index][1]
        context = self._context(index, chosen, policy.sparsity, left)
        outcome = _spread(layer, chosen.prune(context), left, chosen.name)
        self._last[index] = (key, outcome)
        return outcome

    @staticmethod
    def _applicable(layer: CompressibleLayer, wanted: Pruner, decided: Mask) -> Pruner:
        """Return the pruner itself, or the fine-grained one that stands in where structure may not change."""
        if wanted.removes is Granularity.FILTERS and (layer.depthwise or bool(decided[layer.out_units].any())):
            return _STAND_IN
        if wanted.removes is Granularity.CHANNELS and layer.depthwise:
            return _STAND_IN
        return wanted

    def _context(self, index: int, chosen: Pruner, sparsity: float, left: _Left) -> PruningContext:
        layer, (filters, channels) = self.graph.layers[index], left
        gradient, samples = None, None
        if chosen.needs_labels:
            self.calibration.check_labels(chosen.name)
            gradient = _block(self.calibration.gradients[layer.name], layer, left)
        if chosen.needs_calibration:
            samples = _left_samples(self.calibration.samples[layer.name], layer, left)
        return PruningContext(
            weight=_block(self._dense[index].weight, layer, left),
            sparsity=sparsity,
            groups=int(filters.sum()) if layer.depthwise else layer.groups,
            filter_ties=torch.from_numpy(layer.out_units[filters]),
            channel_ties=None if layer.depthwise else torch.from_numpy(layer.in_units[channels]),
            generator=np.random.default_rng([self.seed, index]),
            gradient=gradient,
            samples=samples,
        )


def _columns(layer: CompressibleLayer, channels: Mask) -> Mask:
    """Return bool[C/groups]: the weight's input columns for bool[C]; groups keep the same places."""
    return np.ones(1, dtype=bool) if layer.depthwise else channels[: layer.weight_shape[1]]


def _block(tensor: Tensor, layer: CompressibleLayer, left: _Left) -> Tensor:
    """Return the part of a weight-shaped tensor that is left."""
    columns = _columns(layer, left.channels)
    if not left.filters.all():
        tensor = tensor.index_select(0, torch.from_numpy(left.filters.nonzero()[0]))
    return tensor if columns.all() else tensor.index_select(1, torch.from_numpy(columns.nonzero()[0]))


def _left_samples(samples: FeatureMapSamples, layer: CompressibleLayer, left: _Left) -> FeatureMapSamples:
    filters, channels = left
    if bool(filters.all()) and bool(channels.all()):
        return samples
    window = int(np.prod(layer.weight_shape[2:], dtype=np.int64))
    columns = torch.from_numpy(np.repeat(_columns(layer, channels), window))
    return FeatureMapSamples(samples.patches[:, :, columns], samples.targets[:, torch.from_numpy(filters)])


def _placed(values: Tensor, filters: Mask, columns: Mask) -> Tensor:
    """Return values of the rows and columns that are marked among zeros for the others."""
    for axis, kept in ((1, columns), (0, filters)):
        if not kept.all():
            shape = (*values.shape[:axis], len(kept), *values.shape[axis + 1 :])
            values = values.new_zeros(shape).index_copy_(axis, torch.from_numpy(kept.nonzero()[0]), values)
    return values


def _spread(layer: CompressibleLayer, result: PruningResult, left: _Left, name: str) -> _Outcome:
    """Put a pruner's result on what was left of a layer back into its dense shape; what was not left is zero."""
    filters, channels = left
    columns = _columns(layer, channels)
    weight, mask = (_placed(part, filters, columns) for part in (result.weight, one_place(result.weight_mask)))
    channel_mask = np.ones(len(layer.in_units), dtype=bool)
    if result.channel_mask is not None:
        channel_mask[channels] = result.channel_mask.numpy()
    filter_mask: Mask | None = None
    if result.filter_mask is not None:
        filter_mask = filters.copy()
        filter_mask[filters] = result.filter_mask.numpy()
    return _Outcome(PrunedLayer(weight, mask, channel_mask, result.realised_sparsity, name), filter_mask)
