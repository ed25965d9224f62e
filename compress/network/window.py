"""A sliding window: what convolutions and poolings share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Sides = tuple[int, int]
"""(vertical, horizontal)."""


@dataclass(frozen=True)
class Window:
    """A sliding window: (vertical, horizontal) of each."""

    kernel: Sides = (1, 1)
    stride: Sides = (1, 1)
    padding: Sides = (0, 0)
    dilation: Sides = (1, 1)


POINT = Window()
"""One place: the window of a linear layer or a 1 x 1 convolution."""


def pair(value: int | Sequence[int]) -> Sides:
    """Return (vertical, horizontal) of a setting that PyTorch takes as one number or as several."""
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def same_padding(kernel: Sides, dilation: Sides) -> Sides:
    """Return how many rows and columns padding="same" adds, both sides together; an odd number has no symmetric form.

    The larger half of an odd number lies behind the plane.
    """
    return dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)


def cost_padding(
    padding: str | int | Sequence[int], kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    """Return a symmetric padding for a setting of PyTorch, rounded up where an odd total has none.

    A cost must not be too small.
    """
    if padding == "valid":
        return (0, 0)
    if isinstance(padding, str):
        down, across = same_padding(kernel, dilation)
        return (down + 1) // 2, (across + 1) // 2
    return pair(padding)
