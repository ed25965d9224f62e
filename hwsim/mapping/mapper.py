"""The mapper: the provably best mapping of a layer over the space below, by a compiled search with lower bounds.

The space: e, f, n, g, r and t cut their dimension into equal parts (as many sizes as there are distinct numbers of
parts); p and q are all values the register file holds; k is the fewest folds; m is every multiple of p t; both loop
orders; ifmap rows of all channels and filters of all channels resident or not. Of these, only what a bound proves no
better is skipped: for a fixed rest, more psum-resident filters never cost more, so m is the largest that fits (then the
smallest with as few blocks), and of the eight orders and residencies four are never beaten by another.
tests/hwsim/mapping/test_mapper.py compares with brute force.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from hwsim.energy.mac_energy import default_memory_costs
from hwsim.energy.memory_costs import MemoryCosts
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.kernels.search import search
from hwsim.kernels.tuples import NestMap, NestShape, NestTile
from hwsim.mapping.lowering import lower_layer, lower_tile
from hwsim.mapping.mapping import Mapping, why_unmappable
from hwsim.vocabulary import Objective
from hwsim.workload.layer import Layer

_OBJECTIVES = (Objective.ENERGY, Objective.LATENCY, Objective.EDP)


def objective_named(name: Objective | str) -> Objective:
    """Return an objective by name; raises InputError for an unknown one."""
    try:
        return Objective(name)
    except ValueError:
        raise InputError(f"objective '{name}' is unknown; use energy, latency or edp") from None


def best_mapping(
    layer: Layer,
    tile: AcceleratorSpec,
    costs: MemoryCosts | None = None,
    objective: Objective | str = Objective.ENERGY,
) -> Mapping:
    """Return the best mapping of a layer; equal shapes share one search, whatever the layers' names.

    Energy is that of all words moved, at `costs` (the tile's default ones where left out); ties go to the faster
    mapping. Deterministic. Raises InputError with the violated constraint where no mapping exists.
    """
    which = _OBJECTIVES.index(objective_named(objective))
    costs = costs or default_memory_costs(tile)
    found = _search(lower_layer(layer), lower_tile(tile), tuple(costs), tile.dram_bits_per_cycle, which)
    if found is None:
        raise InputError(f"layer '{layer.name}' cannot be mapped on '{tile.name}': {why_unmappable(layer, tile)}")
    return found


def best_mappings(
    layers: Iterable[Layer],
    tile: AcceleratorSpec,
    costs: MemoryCosts | None = None,
    objective: Objective | str = Objective.ENERGY,
) -> list[Mapping]:
    """Return the best mapping of each layer, distinct shapes searched on all cores; the answers do not depend on them.

    Raises InputError as `best_mapping` does, for the first layer that has none.
    """
    every = list(layers)
    distinct = list({lower_layer(layer): layer for layer in reversed(every)}.values())
    workers = min(len(distinct), os.cpu_count() or 1)
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            # compiled code is loaded once, by one thread; what cannot be mapped is reported below, in the given order
            pool.submit(best_mapping, distinct[0], tile, costs, objective).exception()
            for found in [pool.submit(best_mapping, layer, tile, costs, objective) for layer in distinct[1:]]:
                found.exception()
    return [best_mapping(layer, tile, costs, objective) for layer in every]


@lru_cache(maxsize=65536)
def _search(
    shape: NestShape, tile: NestTile, costs: tuple[float, ...], dram_bits_per_cycle: float, objective: int
) -> Mapping | None:
    weights = np.array([*costs, dram_bits_per_cycle], np.float64)
    best = np.empty(4, np.float64)
    found = np.zeros(13, np.int64)
    search(shape, tile, weights, objective, best, found)
    if not np.isfinite(best[0]):
        return None
    return Mapping.raised(NestMap(*(int(value) for value in found)))


def clear_memory() -> None:
    """Forget all mappings found so far; for measurements of the search itself."""
    _search.cache_clear()
