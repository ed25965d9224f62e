"""What an agent's numbers in [0, 1] mean for a layer: a pruner, a sparsity and a precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compress.policy import DENSE_8BIT, MAX_BITS, MIN_BITS, LayerPolicy, Policy
from compress.pruning import SEARCH_PRUNERS
from hwsim.errors import InputError


@dataclass(frozen=True)
class ActionSpec:
    """The bounds of what an action can do.

    `max_sparsity` caps the pruning ratio, `min_bits` and `max_bits` bound the precision, `pruners` are the choices.
    """

    max_sparsity: float = 0.9
    min_bits: int = MIN_BITS
    max_bits: int = MAX_BITS
    pruners: tuple[str, ...] = SEARCH_PRUNERS

    def __post_init__(self) -> None:
        if not 0.0 < self.max_sparsity <= 1.0:
            raise InputError(f"--max-sparsity is {self.max_sparsity:g}, must lie above 0 and at most 1")
        if not MIN_BITS <= self.min_bits <= self.max_bits <= MAX_BITS:
            raise InputError(f"--min-bits is {self.min_bits}, must lie between {MIN_BITS} and {self.max_bits}")
        if not self.pruners:
            raise InputError("--pruners is empty; name at least one pruner")

    def bits(self, value: float) -> int:
        """Return the precision of a number in [0, 1], halves rounded up so that no level is favoured.

        Each of the ends owns half an interval, as with any rounding of a linear map; NumPy's half-to-even would also
        shift the levels between.
        """
        bits = math.floor(self.min_bits + value * (self.max_bits - self.min_bits) + 0.5)
        return min(max(bits, self.min_bits), self.max_bits)

    def pruner(self, value: float) -> int:
        """Return the index of the pruner of a number in [0, 1]: equal intervals, 1.0 belongs to the last."""
        return min(int(value * len(self.pruners)), len(self.pruners) - 1)

    def layer_policy(self, ratio: float, precision: float, pruner: int) -> LayerPolicy:
        """Return the layer policy of a ratio and a precision in [0, 1] and a pruner's index."""
        sparsity = round(min(max(float(ratio), 0.0), 1.0) * self.max_sparsity, 4)
        return LayerPolicy(self.pruners[pruner], sparsity, self.bits(float(precision)))

    def decode(self, genome: NDArray[np.float64]) -> list[LayerPolicy]:
        """Return the layer policies of float64[layers, 3] in [0, 1] (ratio, precision, pruner)."""
        return [self.layer_policy(ratio, precision, self.pruner(pruner)) for ratio, precision, pruner in genome]


def policy_of(names: Sequence[str], choices: Sequence[LayerPolicy]) -> Policy:
    """Return the network's policy; layers beyond the last choice stay dense at 8 bits."""
    filled = [*choices, *[DENSE_8BIT] * (len(names) - len(choices))]
    return Policy(dict(zip(names, filled, strict=True)))
