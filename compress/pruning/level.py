"""Level: the smallest weights of the layer, exactly as many as asked for.

Source: Han et al., "Learning both weights and connections", NeurIPS 2015; Balaskas et al., IEEE TETC, Table 2.
"""

from __future__ import annotations

from compress.pruning.pruner import Granularity, Pruner, PruningContext, PruningResult, from_weight_mask, keep_largest


class LevelPruner(Pruner):
    """Remove the int(S n) weights of least magnitude, chosen by rank and not by threshold, so that ties stay exact."""

    name = "level"
    removes = Granularity.WEIGHTS

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer."""
        removed = int(context.sparsity * context.weight.numel() + 1e-9)
        return from_weight_mask(context, keep_largest(context.weight.abs(), removed))
