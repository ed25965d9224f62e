"""An eighth pruner as a user writes it: filters that the others of their layer can replace.

Source: He et al., "Filter Pruning via Geometric Median", CVPR 2019, eq. 4-6.
"""

from __future__ import annotations

import torch

from compress.pruning import Granularity, Pruner, PruningContext, PruningResult, from_filter_mask, keep_strongest_units


class GeometricMedianPruner(Pruner):
    """Remove the filters that lie nearest to all others, by the sum of Euclidean distances."""

    name = "geometric_median"
    removes = Granularity.FILTERS

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer."""
        filters = context.weight.flatten(1).double()
        distances = torch.cdist(filters, filters).sum(dim=1)
        return from_filter_mask(context, keep_strongest_units(distances, context.filter_units(), context.sparsity))
