"""The memory costs that a tile is mapped with where a caller names none: those of its own preset."""

from __future__ import annotations

from functools import lru_cache

from hwsim.energy.cost_preset import load_costs
from hwsim.energy.mac_energy import NORMALIZED_MAC_PJ, MacPrice
from hwsim.energy.mac_table import load_mac_table
from hwsim.energy.memory_costs import MemoryCosts
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec


@lru_cache(maxsize=64)
def default_memory_costs(tile: AcceleratorSpec) -> MemoryCosts:
    """Return the tile's default costs, so that one layer alone maps as it does in a simulation.

    A datapath that was not characterized counts a MAC as one; that moves no mapping for energy or latency.
    """
    preset = load_costs(tile.default_costs)
    try:
        full_mac_pj = MacPrice.on(tile, load_mac_table(), preset).full_mac_pj
    except InputError:
        full_mac_pj = NORMALIZED_MAC_PJ
    return preset.memory_costs(tile.glb_size_bytes, tile.word_bits, full_mac_pj)
