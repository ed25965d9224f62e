"""Bernoulli: filters dropped at random.

Source: Pan et al., "DropFilter", Neural Processing Letters 51, 2020; Balaskas et al., IEEE TETC, Table 2.
"""

from __future__ import annotations

import numpy as np
import torch

from compress.pruning.pruner import Granularity, Pruner, PruningContext, PruningResult, from_filter_mask, needs


class BernoulliPruner(Pruner):
    """Keep each filter with probability 1 - S; at least one stays unless S is 1.

    No rescaling of the survivors: evaluation-mode batch normalisation already holds their statistics. Filters that
    leave together share one draw.
    """

    name = "bernoulli"
    removes = Granularity.FILTERS

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what is left of the layer; draws one number a unit, so that the stream does not depend on S."""
        needs(self.name, context.generator, "a seeded random generator")
        assert context.generator is not None
        ties = context.filter_units()
        draws = context.generator.random(ties.count)
        keep = draws >= context.sparsity
        if context.sparsity < 1 and not keep.any():
            keep[int(np.argmax(draws))] = True
        return from_filter_mask(context, torch.from_numpy(keep)[ties.unit])
