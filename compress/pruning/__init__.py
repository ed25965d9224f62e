"""Pruning criteria: the built-in ones by name, and what a criterion of one's own is made of."""

from __future__ import annotations

from compress.pruning.pruner import (
    FeatureMapSamples,
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
    from_channel_mask,
    from_filter_mask,
    from_weight_mask,
    keep_largest,
    keep_strongest_units,
)
from compress.pruning.registry import PRUNERS, SEARCH_PRUNERS, pruner, register

__all__ = [
    "PRUNERS",
    "SEARCH_PRUNERS",
    "FeatureMapSamples",
    "Granularity",
    "Pruner",
    "PruningContext",
    "PruningResult",
    "from_channel_mask",
    "from_filter_mask",
    "from_weight_mask",
    "keep_largest",
    "keep_strongest_units",
    "pruner",
    "register",
]
