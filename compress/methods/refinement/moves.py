"""Small changes to one layer's policy, or to every layer's alike: the steps of a local search."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compress.policy import DENSE_8BIT, NO_PRUNER, LayerPolicy
from compress.pruning import Granularity, pruner
from compress.searching.actions import ActionSpec

EVERY_LAYER = -1
"""In place of a layer's index: the edit is made in each layer that takes it."""

FIRST_FINE, FIRST_COARSE = 0.4, 0.15
"""The sparsity that a layer not yet pruned starts with, of single weights and of filters or channels."""


@dataclass(frozen=True)
class Edit:
    """What to change of a layer: bits by `bits`, sparsity by `sparsity`, or the pruner to `pruner`.

    `sparsity` beside a `pruner` is the least that the layer then has.
    """

    bits: int = 0
    sparsity: float = 0.0
    pruner: str = ""

    def apply(self, layer: LayerPolicy, actions: ActionSpec) -> LayerPolicy | None:
        """Return the changed layer; None where nothing would change or a bound is crossed."""
        if self.pruner:
            if layer.pruner == self.pruner and layer.prunes:
                return None
            sparsity = min(max(layer.sparsity if layer.prunes else 0.0, self.sparsity), actions.max_sparsity)
            return LayerPolicy(self.pruner, sparsity, layer.bits)
        if self.bits:
            bits = layer.bits + self.bits
            if not actions.min_bits <= bits <= actions.max_bits:
                return None
            return replace(layer, bits=bits)
        return self._resparsified(layer, actions)

    def _resparsified(self, layer: LayerPolicy, actions: ActionSpec) -> LayerPolicy | None:
        if not layer.prunes:
            return None
        sparsity = round(min(max(layer.sparsity + self.sparsity, 0.0), actions.max_sparsity), 4)
        if sparsity == layer.sparsity:
            return None
        return replace(layer, sparsity=sparsity) if sparsity > 0 else LayerPolicy(NO_PRUNER, 0.0, layer.bits)


def tighten(actions: ActionSpec) -> tuple[Edit, ...]:
    """Return the edits that compress a layer further, those that most often pay first."""
    steps = (Edit(bits=-2), Edit(bits=-1), Edit(sparsity=0.1), Edit(sparsity=0.2), Edit(sparsity=0.03))
    return (*steps, *(Edit(pruner=name, sparsity=_first_sparsity(name)) for name in actions.pruners))


def _first_sparsity(name: str) -> float:
    return FIRST_FINE if pruner(name).removes is Granularity.WEIGHTS else FIRST_COARSE


def tighten_everywhere(actions: ActionSpec) -> tuple[Edit, ...]:
    """Return the edits that compress all layers at once: one evaluation moves as far as many of single layers do."""
    steps = (Edit(bits=-1), Edit(sparsity=0.1), Edit(sparsity=0.05))
    return (*steps, *(Edit(pruner=name, sparsity=0.25 * _first_sparsity(name)) for name in actions.pruners))


def relax() -> tuple[Edit, ...]:
    """Return the edits that relieve a layer."""
    return Edit(bits=1), Edit(bits=2), Edit(sparsity=-0.05), Edit(sparsity=-0.1), Edit(sparsity=-1.0)


def edited(
    choices: tuple[LayerPolicy, ...], index: int, edit: Edit, depth: int, actions: ActionSpec
) -> tuple[LayerPolicy, ...] | None:
    """Return a network's choices with one layer edited, or all that take it; None where the edit does not apply."""
    full = [*choices, *[DENSE_8BIT] * (depth - len(choices))]
    changed = False
    for place in range(depth) if index == EVERY_LAYER else (index,):
        layer = edit.apply(full[place], actions)
        if layer is not None:
            full[place], changed = layer, True
    return tuple(full) if changed else None
