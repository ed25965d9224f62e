"""A pruner of somebody's own among ours: it works on copies, its faults bear its name, what it returns is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from compress.plugins import users_code
from compress.pruning.promise import check_result
from compress.pruning.pruner import FeatureMapSamples, Pruner, PruningContext, PruningResult


class ForeignPruner(Pruner):
    """Drives an object that has what `Pruner` has; its name and needs are those that it was registered with."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.name, self.removes = inner.name, inner.removes
        self.needs_calibration, self.needs_labels = inner.needs_calibration, inner.needs_labels
        self.__doc__ = type(inner).__doc__

    def prune(self, context: PruningContext) -> PruningResult:
        """Return what it leaves of the layer; raises RunError where it fails or breaks a promise."""
        given = replace(
            context,
            weight=context.weight.clone(),
            gradient=_copied(context.gradient),
            samples=context.samples
            and FeatureMapSamples(context.samples.patches.clone(), context.samples.targets.clone()),
        )
        with users_code(f"the pruner '{self.name}': prune"):
            found = self.inner.prune(given)
        return check_result(self, context, found)


def class_of(pruner: Pruner) -> type:
    """Return the class that a pruner was registered by."""
    return type(pruner.inner) if isinstance(pruner, ForeignPruner) else type(pruner)


def _copied(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()
