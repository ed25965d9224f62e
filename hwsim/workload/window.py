"""A sliding window along one axis of a plane, and figures that differ from axis to axis."""

from __future__ import annotations

from typing import NamedTuple


class PerAxis(NamedTuple):
    """One figure along each axis of a plane."""

    vertical: int
    horizontal: int


Pair = int | tuple[int, int]
"""One number for both axes, or (vertical, horizontal), as a caller states it."""


def both(value: Pair) -> PerAxis:
    """Return the figure of each axis."""
    return PerAxis(value, value) if isinstance(value, int) else PerAxis(*value)


class Window(NamedTuple):
    """A kernel on its way over `size` pixels with `padding` at both ends."""

    size: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Pixels from the first tap to the last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def positions(self) -> int:
        """Places at which the whole kernel lies on the padded plane; below 1 where it is too wide."""
        return (self.size + 2 * self.padding - self.reach) // self.stride + 1

    @property
    def positions_begun(self) -> int:
        """Places with a last, partial one unless it starts in the padding (ceil_mode as PyTorch defines it)."""
        whole = self.positions
        partial = (self.size + 2 * self.padding - self.reach) % self.stride
        return whole + 1 if partial and whole * self.stride < self.size + self.padding else whole
