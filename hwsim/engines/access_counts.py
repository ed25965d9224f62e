"""How many words move at each level of the hierarchy, for each operand and direction: the truth that energy rests on.

What one count means, level by level:

- dram: words without padding; a psum here is a finished ofmap word, at the width of a word.
- glb: ifmap and filter words written by the fill from DRAM and read by the array (padding is stored and moved like
  data); psum words written and read by the array, and ofmap words read on their way to DRAM.
- noc: `read` is a word delivered to one PE (a multicast to k PEs counts k), `write` is a psum word that leaves a PE,
  for its neighbour or for the GLB. Each transfer counts once.
- rf: what the PEs' register files read and write, fills included. A MAC reads an ifmap and a filter word; its psum is
  written each time and read each time but the first of a window, which the read at the hand-over makes up for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.energy.memory_costs import MemoryCosts, MemoryEnergy
from hwsim.vocabulary import Direction, Level, Operand

LEVELS = tuple(Level)
OPERANDS = tuple(Operand)
DIRECTIONS = tuple(Direction)
SHAPE = (len(LEVELS), len(OPERANDS), len(DIRECTIONS))
_PLACES = {word: place for words in (LEVELS, OPERANDS, DIRECTIONS) for place, word in enumerate(words)}

Count = tuple[Level, Operand, Direction]
"""Which of the counts."""


@dataclass(frozen=True, eq=False)
class AccessCounts:
    """Words moved: int64[level, operand, direction], in the order of the enums of hwsim.vocabulary.

    Reads like the result file as well: `accesses["glb"]["psum"]["read"]`.
    """

    words: NDArray[np.int64]

    def __getitem__(self, level: Level | str) -> dict[str, dict[str, int]]:
        return self.as_dict()[Level(level).value]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> tuple[str, ...]:
        """Return the names of the levels, so that `dict(accesses)` is what the result file holds."""
        return tuple(level.value for level in LEVELS)

    def get(self, level: Level, operand: Operand, direction: Direction) -> int:
        """Return one count, words."""
        return int(self.words[_PLACES[level], _PLACES[operand], _PLACES[direction]])

    def total(self, level: Level) -> int:
        """Return all words that move at a level."""
        return int(self.words[_PLACES[level]].sum())

    def by_operand(self, level: Level) -> dict[Operand, int]:
        """Return the words of each operand at a level, both directions."""
        return dict(zip(OPERANDS, self.words[_PLACES[level]].sum(axis=1).tolist(), strict=True))

    def replaced(self, counts: Mapping[Count, int]) -> AccessCounts:
        """Return a copy with some counts changed."""
        words = self.words.copy()
        for count, moved in counts.items():
            words[tuple(_PLACES[part] for part in count)] = moved
        return AccessCounts(words)

    def as_dict(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return {"dram": {"ifmap": {"read": words, "write": words}, ...}, ...}."""
        return {
            level.value: {
                operand.value: {direction.value: int(self.words[i, j, k]) for k, direction in enumerate(DIRECTIONS)}
                for j, operand in enumerate(OPERANDS)
            }
            for i, level in enumerate(LEVELS)
        }

    def bits(self, word_bits: int, psum_bits: int) -> dict[Level, int]:
        """Return the bits that move at each level: words times the width they have there."""
        per_level = (self.words.sum(axis=2) * word_widths(word_bits, psum_bits)).sum(axis=1)
        return dict(zip(LEVELS, per_level.tolist(), strict=True))

    def energy(self, costs: MemoryCosts, word_bits: int, psum_bits: int) -> MemoryEnergy:
        """Return the energy at each level."""
        bits = self.bits(word_bits, psum_bits)
        return MemoryEnergy(*(float(bits[level]) * costs.pj_per_bit(level) for level in LEVELS))

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, dict):
            return self.as_dict() == other
        return isinstance(other, AccessCounts) and bool(np.array_equal(self.words, other.words))

    __hash__ = None  # type: ignore[assignment]


def word_widths(word_bits: int, psum_bits: int) -> NDArray[np.int64]:
    """Return the width in bits of a word, int64[level, operand]: psums are wide, ofmap words in DRAM are not."""
    bits = np.full((len(LEVELS), len(OPERANDS)), word_bits, np.int64)
    bits[1:, _PLACES[Operand.PSUM]] = psum_bits
    return bits
