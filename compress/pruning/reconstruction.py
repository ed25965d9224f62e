"""Feature-map reconstruction: channels go, and the weights that stay are refitted to the dense layer's ofmap.

Source: He, Zhang, Sun, "Channel pruning for accelerating very deep neural networks", ICCV 2017, section 3.1 (step ii);
the channels are ranked by mean L1 norm instead of LASSO, as Balaskas et al., IEEE TETC, Table 2 is read here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.pruner import (
    FeatureMapSamples,
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
    channel_weight_mask,
    from_channel_mask,
    needs,
)
from compress.pruning.ranked import rank_channels

RIDGE = 1e-3
"""Ridge penalty relative to the mean squared length of a patch: what keeps a refit from a few samples stable."""


class ReconstructionPruner(Pruner):
    """Keep the (1 - S) strongest input channels and refit their weights by ridge least squares.

    The refit minimises |Y - X (W + D)|^2 + ridge |D|^2 over the change D: with little data it falls back to the
    weights as they are, not to zero. X and Y are samples of the dense network, Y without the bias.
    """

    name = "fm_reconstruction"
    removes = Granularity.CHANNELS
    needs_calibration = True

    def __init__(self, ridge: float = RIDGE) -> None:
        self.ridge = ridge

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer; nothing is refitted where no channel goes or none stays."""
        channels = rank_channels(context, order=1)
        if bool(channels.all()) or not bool(channels.any()):
            return from_channel_mask(context, channels)
        needs(self.name, context.samples, "calibration samples of the dense feature maps")
        assert context.samples is not None
        mask = channel_weight_mask(context, channels)
        return from_channel_mask(context, channels, refit(context, mask, context.samples, self.ridge))


def refit(context: PruningContext, mask: Tensor, samples: FeatureMapSamples, ridge: float) -> Tensor:
    """Return the weight, refitted where the mask keeps it (the same columns for all filters of a group)."""
    weight, groups = context.weight, context.groups
    filters = weight.shape[0] // groups
    fitted = torch.zeros_like(weight).reshape(groups, filters, -1)
    columns = mask.reshape(groups, filters, -1)[:, 0, :]
    dense = weight.reshape(groups, filters, -1)
    targets = samples.targets.reshape(-1, groups, filters)
    for group in range(groups):
        kept = columns[group]
        patches = samples.patches[:, group, :][:, kept]
        start = dense[group][:, kept]
        change = _ridge_change(patches, targets[:, group] - patches @ start.T, ridge)
        fitted[group][:, kept] = start + change.T
    return fitted.reshape(weight.shape)


def _ridge_change(patches: Tensor, residual: Tensor, ridge: float) -> Tensor:
    """Solve min |R - X D|^2 + penalty |D|^2; X: float32[P, K], R: float32[P, M]; returns float32[K, M].

    The smaller of the two equivalent systems is solved: K x K, or P x P where the samples are fewer than the weights.
    """
    points, unknowns = patches.shape
    patches, residual = patches.double(), residual.double()
    energy = float(patches.pow(2).sum()) / max(1, min(points, unknowns))
    if energy == 0.0:  # all-zero activations say nothing about the weights
        return torch.zeros(unknowns, residual.shape[1])
    primal = unknowns <= points
    gram = patches.T @ patches if primal else patches @ patches.T
    gram.diagonal().add_(ridge * energy)
    factor = torch.linalg.cholesky(gram)
    if primal:
        return torch.cholesky_solve(patches.T @ residual, factor).float()
    return (patches.T @ torch.cholesky_solve(residual, factor)).float()
