"""Both engines on real layers: the same words, and the bound below the execution; a sample fast, the rest slow."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from hwsim.engines.analytic import Analysis, analyze, dram_cycles
from hwsim.engines.cycle_execution import execute
from hwsim.engines.cycle_timeline import run_cycles
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.mapping.mapper import best_mapping
from hwsim.vocabulary import Direction, Level, Objective, Operand
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network


def without_overlap(run: Analysis, tile: AcceleratorSpec) -> float:
    """Return the cycles if the array stood still in every transfer: filters, ifmap rows and ofmap words of each pass.

    A transfer waits for its latency and is rounded up to bursts. Mappings that fill the GLB leave no room for a second
    block and come close; those of many small transfers stay far above the analytic bound, which knows neither.
    """
    burst = tile.dram_burst_bytes * 8 / tile.dram_bits_per_cycle
    return (
        run.processing_cycles
        + dram_cycles(run.accesses, tile)
        + 3 * run.passes * (burst + 1 + tile.dram_latency_cycles)
    )


def agree(name: str, tile_name: str, batch: int, objective: Objective) -> None:
    tile = accelerator(tile_name)
    for layer in network(name, batch=batch).layers:
        mapping = best_mapping(layer, tile, objective=objective)
        bound = analyze(layer, tile, mapping)
        run, _ = run_cycles(layer, tile, mapping)
        assert run.accesses == bound.accesses, layer.name
        assert run.cycles >= bound.cycles, layer.name
        assert run.processing_cycles >= bound.processing_cycles, layer.name
        assert run.cycles <= without_overlap(run, tile), layer.name
        get = bound.accesses.get
        if layer.macs:
            assert all(get(Level.RF, operand, Direction.READ) == layer.macs for operand in Operand)
            assert get(Level.DRAM, Operand.FILTER, Direction.READ) >= layer.filter_words
        assert get(Level.DRAM, Operand.PSUM, Direction.WRITE) == layer.ofmap_words


@pytest.mark.parametrize("tile", ["paper", "eyeriss-v1"])
@pytest.mark.parametrize("name", ["alexnet", "resnet20-cifar", "mobilenet_v2-cifar"])
def test_a_sample_of_networks(name: str, tile: str) -> None:
    agree(name, tile, 1, Objective.ENERGY)


@pytest.mark.slow
@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("tile", ["paper", "eyeriss-v1"])
@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet50", "mobilenet_v2", "googlenet", "squeezenet1_0"])
def test_whole_networks(name: str, tile: str, batch: int, objective: Objective) -> None:
    agree(name, tile, batch, objective)


@pytest.mark.slow
def test_vgg16_is_exact_layer_by_layer() -> None:
    """Float64 convolutions of integers this small are exact: an independent witness."""
    import torch

    rng = np.random.default_rng(0)
    tile = accelerator("paper")
    for layer in network("vgg16").layers:
        if not isinstance(layer, ConvLayer):
            continue
        ifmap = rng.integers(-128, 128, (1, layer.in_channels, layer.in_height, layer.in_width)).astype(np.int8)
        shape = (layer.out_channels, layer.in_channels, layer.kernel_height, layer.kernel_width)
        filters = rng.integers(-128, 128, shape).astype(np.int8)
        x, w = (torch.from_numpy(a.astype(np.float64)) for a in (ifmap, filters))
        witness = torch.nn.functional.conv2d(x, w, stride=layer.stride, padding=layer.padding).numpy()
        np.testing.assert_array_equal(execute(layer, tile, ifmap, filters).ofmap, witness, err_msg=layer.name)


CHECKED = """
import numpy as np
from hwsim.hardware.accelerator import accelerator
from hwsim.engines.cycle_execution import execute
from hwsim.workload.layer import ConvLayer, PoolLayer, fc_layer

rng = np.random.default_rng(0)
layers = [
    ConvLayer("a", 4, 6, 9, 8, 3, 3, stride=2, padding=1, dilation=2, groups=2, batch=2),
    ConvLayer("b", 5, 5, 7, 7, 3, 3, groups=5),
    fc_layer("c", 40, 9),
]
for layer in layers:
    shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel_height, layer.kernel_width)
    ifmap = rng.integers(-128, 128, (layer.batch, layer.in_channels, layer.in_height, layer.in_width)).astype(np.int8)
    for tile in ("paper", "eyeriss-v1"):
        run = execute(layer, accelerator(tile), ifmap, rng.integers(-128, 128, shape).astype(np.int8))
        print(int(run.ofmap.astype(np.int64).sum()), run.cycles, run.overflows, run.operands)
"""


@pytest.mark.slow
@pytest.mark.parametrize("switch", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_kernels_read_within_bounds_and_equal_their_python(switch: str, tmp_path: object) -> None:
    """An out-of-bounds read is silent in compiled code; without the compiler each kernel is its own plain twin."""
    outputs = []
    for extra in ({}, {switch: "1", "NUMBA_CACHE_DIR": str(tmp_path)}):
        done = subprocess.run(
            [sys.executable, "-c", CHECKED], env={**os.environ, **extra}, check=True, capture_output=True, text=True
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
