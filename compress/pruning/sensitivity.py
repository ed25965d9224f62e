"""Sensitivity: weights below a multiple of the layer's standard deviation.

Source: Balaskas et al., IEEE TETC, Table 2; the threshold follows Han et al., NeurIPS 2015, section 3.
"""

from __future__ import annotations

import math

import torch
from scipy.special import erfinv

from compress.pruning.pruner import Granularity, Pruner, PruningContext, PruningResult, from_weight_mask


class SensitivityPruner(Pruner):
    """Keep |w| > s std(W) with s = sqrt(2) erfinv(S).

    S is met exactly by zero-mean Gaussian weights only: real layers realise another sparsity, and that one counts.
    """

    name = "sensitivity"
    removes = Granularity.WEIGHTS

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer; S = 0 removes nothing, S = 1 everything."""
        weight = context.weight
        if context.sparsity <= 0:
            mask = torch.ones_like(weight, dtype=torch.bool)
        elif context.sparsity >= 1:
            mask = torch.zeros_like(weight, dtype=torch.bool)
        else:
            deviation = float(weight.double().std(correction=0)) if weight.numel() else 0.0
            # equal weights have no spread and would all stay on any side of zero: >= keeps a constant layer whole
            threshold = math.sqrt(2.0) * float(erfinv(context.sparsity)) * deviation
            mask = weight.abs() > threshold if threshold > 0 else torch.ones_like(weight, dtype=torch.bool)
        return from_weight_mask(context, mask)
