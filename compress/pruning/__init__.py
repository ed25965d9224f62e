"""The pruners by name. The order of PRUNERS is the order of the search's discrete action."""

from __future__ import annotations

from compress.pruning.bernoulli import BernoulliPruner
from compress.pruning.level import LevelPruner
from compress.pruning.pruner import (
    FeatureMapSamples,
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
)
from compress.pruning.ranked import RankedPruner
from compress.pruning.reconstruction import ReconstructionPruner
from compress.pruning.sensitivity import SensitivityPruner
from compress.pruning.snip import SnipPruner
from compress.pruning.splicing import SplicingPruner
from hwsim.errors import unknown_name

_TABLE_2: tuple[Pruner, ...] = (
    LevelPruner(),
    SensitivityPruner(),
    SplicingPruner(),
    RankedPruner("l1_ranked", order=1),
    RankedPruner("l2_ranked", order=2),
    BernoulliPruner(),
    ReconstructionPruner(),
)
_OPTIONS: tuple[Pruner, ...] = (
    SnipPruner(),
    RankedPruner("l1_ranked_channels", order=1, granularity=Granularity.CHANNEL),
    RankedPruner("l2_ranked_channels", order=2, granularity=Granularity.CHANNEL),
)

PRUNERS: dict[str, Pruner] = {pruner.name: pruner for pruner in (*_TABLE_2, *_OPTIONS)}
"""Every pruner a policy may name."""

SEARCH_PRUNERS: tuple[str, ...] = tuple(pruner.name for pruner in _TABLE_2)
"""The seven of Balaskas et al., IEEE TETC, Table 2: an index here is the Rainbow agent's action."""


def pruner(name: str) -> Pruner:
    """Return a pruner by name; raises InputError with the nearest names for an unknown one."""
    if name not in PRUNERS:
        raise unknown_name("pruner", name, PRUNERS)
    return PRUNERS[name]


def register(pruner: type[Pruner], source: str) -> str:
    """Make a pruner known by its name and return that."""
    made = pruner()
    PRUNERS[made.name] = made
    return made.name


__all__ = [
    "PRUNERS",
    "SEARCH_PRUNERS",
    "FeatureMapSamples",
    "Granularity",
    "Pruner",
    "PruningContext",
    "PruningResult",
    "pruner",
]
