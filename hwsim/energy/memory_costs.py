"""What moving a bit costs at each level of the memory hierarchy; presets and files fill these numbers."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.vocabulary import Level


class MemoryCosts(NamedTuple):
    """Energy of one bit read or written at a level, pJ a bit, and what the mapper adds for a MAC.

    `noc` is one transfer between a buffer and a PE or between two PEs. `mac_pj` shifts every mapping's energy alike, so
    it matters to the energy-delay product only.
    """

    dram_pj_per_bit: float
    glb_pj_per_bit: float
    noc_pj_per_bit: float
    rf_pj_per_bit: float
    mac_pj: float = 0.0

    def pj_per_bit(self, level: Level) -> float:
        """Return the cost of one bit at a level."""
        return float(getattr(self, f"{level.value}_pj_per_bit"))


class MemoryEnergy(NamedTuple):
    """Energy of the words that move at each level, pJ, outermost level first."""

    dram_pj: float
    glb_pj: float
    noc_pj: float
    rf_pj: float


NORMALIZED = MemoryCosts(200.0, 6.0, 2.0, 1.0)
"""DRAM 200, GLB 6, inter-PE 2, RF 1 relative to each other; only the ratios steer a mapper.

Source: Chen, Emer, Sze, "Eyeriss", ISCA 2016, Table IV.
"""
