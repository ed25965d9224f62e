"""Integers on the ports of a MAC: the range of a width, two's complement, and the weight that a unit holds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class IntegerRange(NamedTuple):
    """The least and the greatest integer of a width."""

    least: int
    greatest: int


def integer_range(bits: int, signed: bool) -> IntegerRange:
    """Return the range of a width."""
    return IntegerRange(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else IntegerRange(0, (1 << bits) - 1)


def wrapped(values: Integers, bits: int) -> Integers:
    """Return integers as two's complement of a width (at most 62 bits) reads them."""
    half = 1 << (bits - 1)
    return (values + half) % (1 << bits) - half


def held_weights(weight: Integers, load: Integers) -> Integers:
    """Return the weight in effect in each cycle: the last one at which `load` was 1; both int64[cycles, streams]."""
    held = weight.copy()
    for cycle in range(1, len(held)):
        held[cycle] = np.where(load[cycle], weight[cycle], held[cycle - 1])
    return held
