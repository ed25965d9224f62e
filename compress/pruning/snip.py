"""SNIP: the weights whose removal changes the loss least, by first-order Taylor expansion on labelled inputs.

Source: Lee et al., "SNIP: single-shot network pruning based on connection sensitivity", ICLR 2019, eq. 5-6.
"""

from __future__ import annotations

from compress.pruning.pruner import (
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
    from_weight_mask,
    keep_largest,
    needs,
)


class SnipPruner(Pruner):
    """Remove the int(S n) weights of least |w dL/dw|; the only criterion here that needs labels."""

    name = "snip"
    removes = Granularity.WEIGHTS
    needs_labels = True

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer."""
        needs(self.name, context.gradient, "gradients from labelled inputs")
        assert context.gradient is not None
        removed = int(context.sparsity * context.weight.numel() + 1e-9)
        return from_weight_mask(context, keep_largest((context.weight * context.gradient).abs(), removed))
