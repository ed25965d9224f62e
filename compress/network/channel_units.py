"""Where each channel of each tensor comes from, exactly: channels are units, and operations tie units together.

A tensor's channels are an int array of unit numbers. A convolution makes new units, an add ties those of its operands
one by one, a concatenation joins arrays, a flatten repeats them. After the walk, tied units are merged; a merged unit
leaves the network as a whole or not at all. Zero channels that padding adds are units like others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Units = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """The channels of one tensor: units int64[C]; what is known of their values.

    `clean`: a channel whose unit was zeroed at its sources is zero here. `nonnegative`: no value is below zero.
    """

    units: Units
    clean: bool = True
    nonnegative: bool = False


class MergedUnits(NamedTuple):
    """Units after ties are drawn: `number` int64[units made], of each the merged unit it is part of, in order of
    appearance; `frozen` bool[merged units], True where one may not leave."""

    number: Units
    frozen: npt.NDArray[np.bool_]


@dataclass
class UnitSpace:
    """Units made so far, the ties between them, and those that must stay."""

    count: int = 0
    _left: list[Units] = field(default_factory=list)
    _right: list[Units] = field(default_factory=list)
    _frozen: list[Units] = field(default_factory=list)

    def fresh(self, count: int) -> Units:
        """Return `count` new units."""
        self.count += count
        return np.arange(self.count - count, self.count, dtype=np.int64)

    def tie(self, left: Units, right: Units) -> None:
        """Merge units pairwise: they stay or leave together."""
        self._left.append(left)
        self._right.append(right)

    def freeze(self, units: Units) -> None:
        """Mark units that must stay."""
        self._frozen.append(units)

    def frozen_fresh(self, count: int) -> Units:
        """Return new units that must stay."""
        units = self.fresh(count)
        self.freeze(units)
        return units

    def resolve(self) -> MergedUnits:
        """Return the units with all ties drawn."""
        empty = np.zeros(0, dtype=np.int64)
        left, right = np.concatenate([empty, *self._left]), np.concatenate([empty, *self._right])
        links = coo_matrix((np.ones(len(left)), (left, right)), shape=(self.count, self.count))
        merged_count, labels = connected_components(links, directed=False)
        _, first = np.unique(labels, return_index=True)
        rank = np.empty(merged_count, dtype=np.int64)
        rank[np.argsort(first)] = np.arange(merged_count)
        merged = rank[labels]
        frozen = np.zeros(merged_count, dtype=bool)
        frozen[merged[np.concatenate([empty, *self._frozen])]] = True
        return MergedUnits(merged, frozen)
