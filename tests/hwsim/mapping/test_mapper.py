from __future__ import annotations

import math

import pytest

from hwsim.energy.memory_costs import MemoryCosts
from hwsim.engines.analytic import analyze
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.mapping.mapper import best_mapping, best_mappings, clear_memory
from hwsim.mapping.mapping import Mapping
from hwsim.vocabulary import Objective
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer, fc_layer
from tests.reference.mapper_brute_force import energy_pj, legal

COSTS = MemoryCosts(20.0, 1.3, 0.17, 0.11, 0.3)
SMALL = accelerator("paper").model_copy(
    update={
        "name": "small",
        "array_rows": 5,
        "array_columns": 4,
        "rf_shared_bytes": 30,
        "glb_size_bytes": 420,
        "ifmap_bus_bits": 8,
        "filter_bus_bits": 16,
        "psum_in_bus_bits": 32,
        "psum_out_bus_bits": 64,
        "dram_bandwidth_gbit_per_s": 20.0,
    }
)
SPADS = SMALL.model_copy(
    update={
        "rf_shared_bytes": None,
        "rf_ifmap_words": 6,
        "rf_filter_words": 12,
        "rf_psum_words": 3,
        "glb_filter_bytes": 60,
        "psum_preload": True,
        "psum_bits": 16,
        "dram_bandwidth_gbit_per_s": 200.0,
    }
)
LAYERS: list[Layer] = [
    ConvLayer("plain", 3, 4, 6, 5, 3, 3, padding=1),
    ConvLayer("strided", 2, 3, 7, 7, 3, 2, stride=2, batch=2),
    ConvLayer("tall", 2, 2, 9, 4, 7, 2),
    ConvLayer("depthwise", 6, 6, 5, 5, 3, 3, groups=6),
    ConvLayer("grouped", 4, 6, 4, 4, 1, 1, groups=2, batch=3),
    ConvLayer("dilated", 2, 2, 8, 8, 3, 3, dilation=2),
    fc_layer("fc", 17, 9, batch=2),
    PoolLayer("pool", 5, 6, 6, 2, 2, 2),
    ElementwiseLayer("add", 3, 5, 5),
]


@pytest.mark.parametrize("tile", [SMALL, SPADS], ids=["shared", "spads"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_the_search_is_as_good_as_brute_force(layer: Layer, tile: AcceleratorSpec) -> None:
    every = [(energy_pj(cost, tile, COSTS), float(cost.cycles)) for cost in legal(layer, tile)]
    for objective in Objective:
        cost = analyze(layer, tile, best_mapping(layer, tile, COSTS, objective))
        energy, cycles = energy_pj(cost, tile, COSTS), float(cost.cycles)
        if objective is Objective.ENERGY:
            best = min(pair[0] for pair in every)
            assert energy == pytest.approx(best, rel=1e-9)
            assert cycles == min(pair[1] for pair in every if math.isclose(pair[0], best, rel_tol=1e-11))
        elif objective is Objective.LATENCY:
            assert cycles == min(pair[1] for pair in every)
            assert energy == pytest.approx(min(pair[0] for pair in every if pair[1] == cycles), rel=1e-9)
        else:
            assert energy * cycles == pytest.approx(min(pair[0] * pair[1] for pair in every), rel=1e-9)


def test_equal_shapes_share_a_search_and_the_answer_does_not_change() -> None:
    layer = ConvLayer("a", 64, 64, 16, 16, 3, 3, padding=1)
    first = best_mapping(layer, accelerator("paper"))
    assert best_mapping(ConvLayer("b", 64, 64, 16, 16, 3, 3, padding=1), accelerator("paper")) is first
    clear_memory()
    assert best_mapping(layer, accelerator("paper")) == first


def test_many_cores_find_what_one_finds() -> None:
    tile = accelerator("paper")
    layers = [ConvLayer("l", c, 2 * c, 16, 16, 3, 3, padding=1) for c in (3, 8, 20, 8, 33)]
    clear_memory()
    alone = [best_mapping(layer, tile) for layer in layers]
    clear_memory()
    assert best_mappings(layers, tile) == alone
    assert best_mappings([], tile) == []
    with pytest.raises(InputError, match="'too wide' cannot be mapped"):
        best_mappings([*layers, ConvLayer("too wide", 1, 1, 1, 99, 1, 99)], tile)


@pytest.mark.parametrize(
    ("layer", "change", "message"),
    [
        (
            ConvLayer("wide", 1, 1, 8, 40, 1, 30),
            {"rf_shared_bytes": 32},
            "'wide' .*needs 30 ifmap, 30 filter and 1 psum",
        ),
        (
            ConvLayer("big", 1, 1, 8, 8, 3, 3),
            {"glb_size_bytes": 16},
            "'big' .*one pass needs .* the GLB holds 16 bytes",
        ),
    ],
)
def test_what_cannot_be_mapped_names_the_constraint(layer: ConvLayer, change: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        best_mapping(layer, accelerator("paper").model_copy(update=change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": 3}, "m is 3, must be a multiple of p \\* t = 2"),
        ({"q": 20}, "q is 20, must be 1 to 8"),
        ({"p": 8, "q": 8, "m": 8, "t": 1}, "a PE needs 24 ifmap, 192 filter and 8 psum words"),
        ({"t": 8, "m": 8, "r": 8, "e": 16}, "the mapping asks for t \\* g = 8"),
        ({"m": 8, "n": 32, "keep_ifmap": True}, "the GLB holds 32768 bytes"),
    ],
)
def test_a_given_mapping_is_checked(change: dict[str, int], message: str) -> None:
    layer = ConvLayer("l", 8, 8, 16, 16, 3, 3, padding=1, batch=32)
    tile = accelerator("paper").model_copy(update={"array_rows": 16, "array_columns": 16})
    mapping = {"m": 2, "n": 1, "e": 4, "f": 16, "p": 1, "q": 2, "r": 2, "t": 2, "g": 1, "k": 3}
    analyze(layer, tile, Mapping.from_dict(mapping))
    with pytest.raises(InputError, match=message):
        analyze(layer, tile, Mapping.from_dict({**mapping, **change}))
