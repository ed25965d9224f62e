"""ASQJ's two projections: which weights stay, and at how many bits, under one budget of weight bits.

Source: Yang et al., "Automatic Neural Network Compression by Sparsity-Quantization Joint Learning", CVPR 2020,
section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from compress.quantization.affine import weight_affine


def keep_masks(weights: Sequence[Tensor], bits: Sequence[int], budget_bits: float) -> list[Tensor]:
    """Return which weights stay, bool in each weight's shape: the largest w^2 / bits first, until the budget is spent.

    With equal costs within a layer the greedy choice is the knapsack's optimum but for its last item.
    """
    values = torch.cat([(weight.square() / width).flatten() for weight, width in zip(weights, bits, strict=True)])
    costs = torch.cat(
        [torch.full((weight.numel(),), float(width)) for weight, width in zip(weights, bits, strict=True)]
    )
    order = torch.argsort(values, descending=True, stable=True)
    affordable = int(torch.searchsorted(torch.cumsum(costs[order].double(), 0), budget_bits, right=True))
    keep = torch.zeros(len(values), dtype=torch.bool)
    keep[order[:affordable]] = True
    masks = torch.split(keep, [weight.numel() for weight in weights])
    return [mask.reshape(weight.shape) for mask, weight in zip(masks, weights, strict=True)]


def quantized(weight: Tensor, bits: int) -> Tensor:
    """Return a weight rounded to its bits, one scale a filter; zeros stay zero."""
    return weight_affine(weight, bits).fake_quantize(weight)


def choose_bits(
    weights: Sequence[Tensor], kept: Sequence[int], budget_bits: float, choices: Sequence[int]
) -> list[int]:
    """Return each layer's bits: from the widest on, the step that adds least squared error for each bit it saves.

    `kept` counts the weights that are stored. Ends where the budget is met or every layer is at its narrowest.
    """
    widths = sorted(choices, reverse=True)
    errors = [[float((weight - quantized(weight, b)).square().sum()) for b in widths] for weight in weights]
    chosen = [0] * len(weights)

    def spent() -> float:
        return sum(count * widths[index] for count, index in zip(kept, chosen, strict=True))

    while spent() > budget_bits:
        steps = [
            ((errors[i][at + 1] - errors[i][at]) / max(kept[i] * (widths[at] - widths[at + 1]), 1), i)
            for i, at in enumerate(chosen)
            if at + 1 < len(widths)
        ]
        if not steps:
            break
        chosen[min(steps)[1]] += 1
    return [widths[index] for index in chosen]


@dataclass(frozen=True)
class Projection:
    """What stays under a budget: a mask bool for each weight, and each layer's bits."""

    masks: list[Tensor]
    bits: list[int]


def project(weights: Sequence[Tensor], budget_bits: float, choices: Sequence[int]) -> Projection:
    """Return the masks and bits of least squared error that store the weights within a budget.

    Bits and sparsity compete for one budget: with the widest bits alone nothing would ever be quantized. So the bits
    are chosen for each mean width among the choices, the masks for those bits, and the best of these pairs is taken.
    """
    counts = [weight.numel() for weight in weights]
    best: tuple[float, Projection] | None = None
    for mean_width in sorted(choices, reverse=True):
        bits = choose_bits(weights, counts, mean_width * float(sum(counts)), choices)
        masks = keep_masks(weights, bits, budget_bits)
        error = sum(
            float((weight - quantized(weight * mask, width)).square().sum())
            for weight, mask, width in zip(weights, masks, bits, strict=True)
        )
        if best is None or error < best[0]:
            best = (error, Projection(masks, bits))
    assert best is not None  # there is at least one choice
    return best[1]
