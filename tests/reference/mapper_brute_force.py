"""Every mapping of the space that hwsim/mapping/mapper.py documents, one by one: the readable twin of the search."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hwsim.energy.memory_costs import MemoryCosts
from hwsim.engines.analytic import Analysis, analyze
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapping import Mapping
from hwsim.workload.layer import Layer


def parts(total: int) -> list[int]:
    """Block sizes that cut a dimension into equal parts."""
    return sorted({-(-total // count) for count in range(1, total + 1)})


def mappings(layer: Layer, tile: AcceleratorSpec) -> Iterator[Mapping]:
    shape = lower_layer(layer)
    k = -(-shape.taps_v // -(-shape.taps_v // tile.array_rows))
    sizes = product(parts(shape.batch), parts(shape.rows), parts(shape.columns), parts(shape.groups))
    for n, e, f, g in sizes:
        for p, q in product(range(1, shape.filters + 1), range(1, shape.channels + 1)):
            for r, t in product(parts(-(-shape.channels // q)), parts(-(-shape.filters // p))):
                blocks = {min(shape.filters, p * t * i) for i in range(1, -(-shape.filters // (p * t)) + 1)}
                for m, outer, keep_i, keep_f in product(sorted(blocks), (False, True), (False, True), (False, True)):
                    yield Mapping(m, n, e, f, p, q, r, t, g, k, outer, keep_i, keep_f)


def legal(layer: Layer, tile: AcceleratorSpec) -> Iterator[Analysis]:
    for mapping in mappings(layer, tile):
        try:
            yield analyze(layer, tile, mapping)
        except InputError:
            continue


def energy_pj(cost: Analysis, tile: AcceleratorSpec, costs: MemoryCosts) -> float:
    memory = sum(cost.accesses.energy(costs, tile.word_bits, tile.psum_bits))
    shape = lower_layer(cost.layer)
    outputs = shape.groups * shape.filters * shape.batch * shape.rows * shape.columns
    return memory + costs.mac_pj * outputs * shape.channels * shape.taps_v * shape.taps_h
