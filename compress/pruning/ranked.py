"""L1- and L2-ranked: whole filters or channels of least norm.

Source: Li et al., "Pruning filters for efficient ConvNets", ICLR 2017, section 3; Balaskas et al., IEEE TETC, Table 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from compress.pruning.pruner import (
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
    from_channel_mask,
    from_filter_mask,
    keep_strongest_units,
)


@dataclass(frozen=True)
class RankedPruner(Pruner):
    """Remove floor(S n) filters (outputs) or channels (inputs) of least mean |w|^order, order 1 or 2.

    n counts units: tied filters or channels (equal places of a grouped layer's groups) are ranked by their mean and
    leave together. Never all of them unless S is 1.
    """

    name: str
    order: int
    removes: Granularity = Granularity.FILTERS

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer."""
        if self.removes is Granularity.CHANNELS:
            return from_channel_mask(context, rank_channels(context, self.order))
        scores = _power(context.weight, self.order).flatten(1).mean(dim=1)
        return from_filter_mask(context, keep_strongest_units(scores, context.filter_units(), context.sparsity))


def _power(weight: Tensor, order: int) -> Tensor:
    """Return |w|^order, order 1 or 2, in one pass."""
    return weight.abs() if order == 1 else weight * weight


def rank_channels(context: PruningContext, order: int) -> Tensor:
    """Return bool[C]: the input channels that stay, ranked by mean |w|^order over all filters that read them."""
    groups, filters = context.groups, context.weight.shape[0] // context.groups
    power = _power(context.weight, order).reshape(groups, filters, context.weight.shape[1], -1)
    scores = power.mean(dim=(1, 3)).flatten()
    return keep_strongest_units(scores, context.channel_units(), context.sparsity)
