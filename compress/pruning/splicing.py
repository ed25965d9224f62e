"""Splicing: two thresholds with a band between them, in one shot.

Source: Guo et al., "Dynamic network surgery for efficient DNNs", NeurIPS 2016, eq. 3. Its training loop with a target
sparsity becomes one step here, as this project reads Balaskas et al., IEEE TETC, Table 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.pruner import Granularity, Pruner, PruningContext, PruningResult, from_weight_mask, keep_largest

LOWER, UPPER = 0.9, 1.1
"""The thresholds around m + d s, m = mean |w|, d = std |w|: a = 0.9 (m + d s), b = 1.1 (m + d s)."""


class SplicingPruner(Pruner):
    """Cut what lies below a, keep what lies above b, and decide the band between by the filter a weight belongs to.

    s is solved so that a fraction S of the weights lies below a. Of the weights in (a, b] those are spliced back that
    lie in the stronger half of the filters (by L2 norm per weight); the others go. The realised sparsity is therefore
    S and a part of the band, more than the target.
    """

    name = "splicing"
    removes = Granularity.WEIGHTS

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer; S = 0 removes nothing, S = 1 everything."""
        magnitude = context.weight.abs()
        below = int(context.sparsity * magnitude.numel() + 1e-9)
        if below == 0:
            return from_weight_mask(context, torch.ones_like(magnitude, dtype=torch.bool))
        kept = keep_largest(magnitude, below)
        lower = float(magnitude[~kept].max())
        band = kept & (magnitude > lower) & (magnitude <= lower * (UPPER / LOWER))
        strong = _stronger_half(context.weight).reshape((-1,) + (1,) * (magnitude.dim() - 1))
        return from_weight_mask(context, kept & ~(band & ~strong))


def _stronger_half(weight: Tensor) -> Tensor:
    """Return bool[M]: the larger half of the filters by norm; a single filter is strong."""
    return keep_largest(weight.flatten(1).norm(dim=1), weight.shape[0] // 2)
