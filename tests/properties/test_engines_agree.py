"""Laws of the two engines over random layers, tiles and mappings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.engines.analytic import analyze, dram_cycles
from hwsim.engines.cycle_execution import execute
from hwsim.engines.cycle_timeline import run_cycles
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.mapping.mapping import Mapping, check_mapping
from hwsim.vocabulary import Direction, Level, Operand
from hwsim.workload.layer import ConvLayer
from tests.properties.nests import mapped_layers
from tests.reference.operands import operand_statistics
from tests.reference.row_stationary import Machine

Case = tuple[ConvLayer, AcceleratorSpec, Mapping]
READ, WRITE = Direction.READ, Direction.WRITE


def tensors(layer: ConvLayer, seed: int, sparse: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ifmap = rng.integers(-128, 128, (layer.batch, layer.in_channels, layer.in_height, layer.in_width))
    shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel_height, layer.kernel_width)
    filters = rng.integers(-128, 128, shape)
    thinned = [(x * (rng.random(x.shape) > sparse)).astype(np.int8) for x in (ifmap, filters)]
    return thinned[0], thinned[1]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mapped_layers(largest=20))
def test_both_engines_count_the_same_and_the_bound_holds(case: Case) -> None:
    layer, tile, mapping = case
    check_mapping(layer, tile, mapping)
    bound = analyze(layer, tile, mapping)
    run, _ = run_cycles(layer, tile, mapping)
    assert run.accesses == bound.accesses
    assert run.passes == bound.passes
    assert run.processing_cycles >= bound.processing_cycles
    assert run.cycles >= bound.cycles
    for cost in (run, bound):
        assert cost.cycles == cost.processing_cycles + sum(cost.stall_cycles.values())
        assert cost.processing_cycles == sum(cost.processing_by_cause.values())
        assert min(cost.stall_cycles.values()) >= 0
        assert min(cost.processing_by_cause.values()) >= 0
    assert run.processing_by_cause["compute"] == bound.processing_by_cause["compute"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mapped_layers(largest=20), st.floats(0.01, 1.0))
def test_coded_ifmaps_shorten_both_engines_and_the_bound_holds(case: Case, coding: float) -> None:
    layer, tile, mapping = case
    bound, run = (
        analyze(layer, tile, mapping, ifmap_coding=coding),
        run_cycles(layer, tile, mapping, ifmap_coding=coding)[0],
    )
    plain = analyze(layer, tile, mapping)
    assert run.cycles >= bound.cycles
    assert bound.cycles <= plain.cycles
    assert (run.accesses, run.processing_cycles) == (
        bound.accesses,
        run_cycles(layer, tile, mapping)[0].processing_cycles,
    )
    words = bound.accesses.get(Level.DRAM, Operand.IFMAP, READ)
    shorter = words * (1 - coding) * tile.word_bits / tile.dram_bits_per_cycle
    assert dram_cycles(plain.accesses, tile) - dram_cycles(plain.accesses, tile, coding) == pytest.approx(
        shorter, abs=1
    )


@settings(max_examples=300, deadline=None)
@given(mapped_layers())
def test_conservation(case: Case) -> None:
    layer, tile, mapping = case
    cost = analyze(layer, tile, mapping)
    get = cost.accesses.get
    for operand in Operand:
        assert get(Level.RF, operand, READ) == layer.macs
    assert get(Level.RF, Operand.PSUM, WRITE) == layer.macs
    for operand in (Operand.IFMAP, Operand.FILTER):
        assert get(Level.RF, operand, WRITE) == get(Level.NOC, operand, READ)
        assert get(Level.NOC, operand, READ) >= get(Level.GLB, operand, READ)
        assert get(Level.GLB, operand, WRITE) >= get(Level.DRAM, operand, READ)
    assert get(Level.DRAM, Operand.FILTER, READ) % layer.filter_words == 0
    assert get(Level.DRAM, Operand.FILTER, READ) >= layer.filter_words
    assert get(Level.DRAM, Operand.PSUM, WRITE) == layer.ofmap_words
    written, read = get(Level.GLB, Operand.PSUM, WRITE), get(Level.GLB, Operand.PSUM, READ)
    # each written psum is read once, by the next pass or on its way out; a preload reads one more an output
    assert read - written == (layer.ofmap_words if tile.psum_preload else 0)
    assert cost.cycles * tile.pes >= layer.macs
    assert cost.active_pes <= tile.pes


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mapped_layers(largest=4), st.integers(0, 2**32))
def test_engines_equal_the_machine_that_moves_every_word(case: Case, seed: int) -> None:
    layer, tile, mapping = case
    ifmap, filters = tensors(layer, seed)
    machine = Machine(layer, tile, mapping, ifmap, filters)
    words = machine.run()
    run = execute(layer, tile, ifmap, filters, mapping)
    np.testing.assert_array_equal(run.accesses.words, words)
    assert run.passes == machine.passes
    assert run.overflows == machine.overflows
    np.testing.assert_array_equal(run.ofmap, machine.ofmap())
    assert run.operands is not None
    for name, value in operand_statistics(layer, tile, mapping, (ifmap, filters)).items():
        assert getattr(run.operands, name) == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("preload", [False, True])
def test_one_case_by_hand(preload: bool) -> None:
    """A 1 x 1 layer of 2 channels and 3 filters on one PE: every count can be written down."""
    layer = ConvLayer("hand", 2, 3, 1, 2, 1, 1)
    fields = {"array_rows": 1, "array_columns": 1, "psum_preload": preload}
    tile = accelerator("paper").model_copy(update=fields)
    cost = analyze(layer, tile, Mapping(m=3, n=1, e=1, f=2, p=3, q=1, r=1, t=1))
    extra = 6 if preload else 0
    assert cost.accesses.as_dict() == {
        "dram": {
            "ifmap": {"read": 4, "write": 0},
            "filter": {"read": 6, "write": 0},
            "psum": {"read": 0, "write": 6},
        },
        "glb": {
            "ifmap": {"read": 4, "write": 4},
            "filter": {"read": 6, "write": 6},
            "psum": {"read": 12 + extra, "write": 12},
        },
        "noc": {
            "ifmap": {"read": 4, "write": 0},
            "filter": {"read": 6, "write": 0},
            "psum": {"read": 6 + extra, "write": 12},
        },
        "rf": {
            "ifmap": {"read": 12, "write": 4},
            "filter": {"read": 12, "write": 6},
            "psum": {"read": 12, "write": 12},
        },
    }
