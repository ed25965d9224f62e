"""The pruners by name, and the door for a user's own. The order of PRUNERS is the order of the search's actions."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from compress.plugins import described
from compress.pruning.bernoulli import BernoulliPruner
from compress.pruning.foreign import ForeignPruner, class_of
from compress.pruning.level import LevelPruner
from compress.pruning.pruner import Granularity, Pruner
from compress.pruning.ranked import RankedPruner
from compress.pruning.reconstruction import ReconstructionPruner
from compress.pruning.sensitivity import SensitivityPruner
from compress.pruning.snip import SnipPruner
from compress.pruning.splicing import SplicingPruner
from hwsim.errors import InputError, unknown_name

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
    RankedPruner("l1_ranked_channels", order=1, removes=Granularity.CHANNELS),
    RankedPruner("l2_ranked_channels", order=2, removes=Granularity.CHANNELS),
)

PRUNERS: dict[str, Pruner] = {pruner.name: pruner for pruner in (*_TABLE_2, *_OPTIONS)}
"""Every pruner a policy may name; `register` adds to it."""

SEARCH_PRUNERS: tuple[str, ...] = tuple(pruner.name for pruner in _TABLE_2)
"""The seven of Balaskas et al., IEEE TETC, Table 2: an index here is the Rainbow agent's action."""

NO_PRUNER = "none"
"""The name under which a policy prunes nothing; no pruner may take it."""

_MEMBERS: tuple[tuple[str, type, str], ...] = (
    ("name", str, "a string"),
    ("removes", Granularity, "a compress.pruning.Granularity"),
    ("needs_calibration", bool, "True or False"),
    ("needs_labels", bool, "True or False"),
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")  # a policy, an option and a table's heading hold it as it is

_Class = TypeVar("_Class", bound=type)


def pruner(name: str) -> Pruner:
    """Return a pruner by name; raises InputError with the nearest names for an unknown one."""
    if name not in PRUNERS:
        error = unknown_name("pruner", name, PRUNERS)
        raise InputError(f"{error}; one of your own is named by --pruners MODULE:CLASS")
    return PRUNERS[name]


def register(pruner_class: _Class) -> _Class:
    """Add a pruner's class to PRUNERS, made without arguments, and return it, so that it may stand above the class.

    Registering the same class again changes nothing. Raises InputError for what is no class, lacks a member of
    `Pruner` or has one of another type, cannot be made without arguments, or bears a name that is taken.
    """
    if not isinstance(pruner_class, type):
        raise InputError(f"a pruner is registered by its class, not by {_short(pruner_class)}; write one as a Pruner")
    title = f"the pruner {pruner_class.__qualname__}"
    prune = getattr(pruner_class, "prune", None)
    if not callable(prune) or getattr(prune, "__isabstractmethod__", False):
        raise InputError(f"{title} lacks the method 'prune'; add prune(self, context) -> PruningResult")
    made = _made(pruner_class, title)
    if not _NAME.fullmatch(made.name):
        raise InputError(f"{title} is named {made.name[:60]!r}; use letters, digits and underscores, a letter first")
    taken = PRUNERS.get(made.name)
    if made.name == NO_PRUNER or (taken is not None and class_of(taken) is not pruner_class):
        raise InputError(f"{title} is named '{made.name}', which is taken; choose another name")
    PRUNERS.setdefault(made.name, made)
    return pruner_class


def _made(pruner_class: type, title: str) -> ForeignPruner:
    """Return a pruner of the class; raises InputError where it cannot be made, or is not what a pruner is."""
    try:
        made: Any = pruner_class()
        for member, kind, what in _MEMBERS:
            if not hasattr(made, member):
                raise InputError(f"{title} lacks '{member}', {what}; add it, or subclass compress.pruning.Pruner")
            if not isinstance(getattr(made, member), kind):
                raise InputError(f"{title} has {member} {_short(getattr(made, member))}, which must be {what}")
        return ForeignPruner(made)
    except InputError:
        raise
    except TypeError as error:
        raise InputError(f"{title} cannot be made without arguments ({described(error)}); give them defaults") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{title} cannot be made ({described(error)}); mend it, or leave it out") from None


def _short(value: object) -> str:
    """Return a plain value as it is written, anything else by its type: no addresses in memory."""
    plain = value is None or isinstance(value, (bool, int, float, str))
    return repr(value)[:60] if plain else f"an object of type {type(value).__name__}"
