"""What `Pruner.prune` promises of its result, checked: a price and an accuracy are only as true as the masks."""

from __future__ import annotations

import torch
from torch import Tensor

from compress.pruning.pruner import (
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
    Ties,
    channel_weight_mask,
    filter_weight_mask,
    one_place,
)
from hwsim.errors import RunError

LARGEST_REFIT = 1e6
"""No refitted weight may be larger than so many times the layer's largest one (of 1 where all are smaller)."""


def check_result(pruner: Pruner, context: PruningContext, result: object) -> PruningResult:
    """Return the result in tensors of its own; raise RunError naming the pruner where it breaks a promise.

    Weights are finite, zero where the mask removes them, and no refit makes them a million times larger; something
    stays at a sparsity below 1; a filter or channel that goes leaves no weights behind; what is tied leaves together.
    How near a pruner comes to the sparsity that is asked for is its own affair: what it realises is what counts.
    """
    title = f"the pruner '{pruner.name}'"
    if not isinstance(result, PruningResult):
        raise RunError(f"{title} returned {type(result).__name__}, not a PruningResult")
    _check_forms(title, pruner.removes, context, result)
    broken = _broken_weights(context, result) or _broken_structure(context, result)
    if broken:
        raise RunError(f"{title} {broken}")
    mask = one_place(result.weight_mask).clone().expand_as(result.weight)
    structure = (None if part is None else part.clone() for part in (result.filter_mask, result.channel_mask))
    return PruningResult(result.weight.detach().clone(), mask, *structure)


def _check_forms(title: str, removes: Granularity, context: PruningContext, result: PruningResult) -> None:
    weight = context.weight
    structure = {
        Granularity.FILTERS: ("filter_mask", result.filter_mask, weight.shape[0]),
        Granularity.CHANNELS: ("channel_mask", result.channel_mask, weight.shape[1] * context.groups),
    }
    wanted: list[tuple[str, Tensor | None, torch.dtype, torch.Size]] = [
        ("weight", result.weight, weight.dtype, weight.shape),
        ("weight_mask", result.weight_mask, torch.bool, weight.shape),
    ]
    for kind, (name, value, count) in structure.items():
        if kind is removes:
            wanted.append((name, value, torch.bool, torch.Size([count])))
        elif value is not None:
            raise RunError(f"{title} returned a {name}, but it removes {removes.value}; leave it out")
    for name, found, dtype, shape in wanted:
        if not isinstance(found, Tensor):
            what = "None" if found is None else type(found).__name__
            raise RunError(f"{title} returned {what} as {name}, must be {dtype} of {tuple(shape)}")
        if (found.dtype, found.shape, found.device, found.layout) != (dtype, shape, weight.device, weight.layout):
            place = "" if (found.device, found.layout) == (weight.device, weight.layout) else f" on {found.device}"
            raise RunError(
                f"{title} returned {found.dtype} of {tuple(found.shape)}{place} as {name},"
                f" must be {dtype} of {tuple(shape)}"
            )


def _broken_weights(context: PruningContext, result: PruningResult) -> str:
    """Say which promise the weights and their mask break, nothing where they keep them."""
    weight, mask = result.weight.detach(), result.weight_mask
    if not weight.numel():
        return ""
    largest = _largest(weight)
    if not largest < float("inf"):
        return "returned weights that hold NaN or infinity"
    if largest > LARGEST_REFIT:
        bound = LARGEST_REFIT * max(1.0, _largest(context.weight))
        if largest > bound:
            return f"returned weights up to {largest:.3g}, must be at most {bound:.3g} here"
    if bool(((weight != 0) & ~mask).any()):
        return "returned weights other than zero where its weight_mask removes them"
    if context.sparsity < 1 and (not bool(mask.any()) or (largest == 0 and bool(context.weight.any()))):
        return f"removed every weight at sparsity {context.sparsity:g}; below 1 something must stay"
    return ""


def _largest(weight: Tensor) -> float:
    """Return the largest magnitude, NaN where there is one, without a copy."""
    return float(torch.linalg.vector_norm(weight, float("inf")))


def _broken_structure(context: PruningContext, result: PruningResult) -> str:
    """Say which promise the masks of filters and channels break, nothing where they keep them."""
    if result.filter_mask is not None:
        what, kept, ties = "filter", result.filter_mask, context.filter_units()
        spread = filter_weight_mask(context, kept)
    elif result.channel_mask is not None:
        what, kept, ties = "channel", result.channel_mask, context.channel_units()
        spread = channel_weight_mask(context, kept)
    else:
        return ""
    if bool((result.weight_mask & ~spread).any()):
        return f"keeps weights of {what}s that its {what}_mask removes"
    if not _leave_together(ties, kept):
        return f"removes some {what}s and keeps others that they are tied to; decide by context.{what}_units()"
    return ""


def _leave_together(ties: Ties, kept: Tensor) -> bool:
    members = torch.bincount(ties.unit, minlength=ties.count)
    stay = torch.bincount(ties.unit, weights=kept.double(), minlength=ties.count)
    return bool(((stay == 0) | (stay == members)).all())
