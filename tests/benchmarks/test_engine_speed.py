"""How fast the mapper and the engines are; targets in processor seconds, since clocks are shared."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from hwsim.engines.cycle_execution import execute
from hwsim.engines.cycle_timeline import run_cycles
from hwsim.hardware.accelerator import accelerator
from hwsim.mapping.mapper import best_mapping, clear_memory
from hwsim.workload.layer import ConvLayer, fc_layer
from hwsim.workload.load import network

pytestmark = pytest.mark.slow

TILE = accelerator("paper")


def cpu_seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """The best of a few rounds, after one that compiles."""
    work()
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    ("name", "batch", "target_s"), [("vgg16", 1, 0.1), ("resnet50", 1, 0.2), ("resnet152", 16, 1.0)]
)
def test_mapping_search(name: str, batch: int, target_s: float) -> None:
    layers = network(name, batch=batch).layers

    def search() -> None:
        clear_memory()
        for layer in layers:
            best_mapping(layer, TILE)

    assert cpu_seconds(search) < target_s


def test_timing_of_vgg16_without_data() -> None:
    layers = network("vgg16").layers
    assert cpu_seconds(lambda: [run_cycles(layer, TILE) for layer in layers]) < 5


def tensors(layer: ConvLayer) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    ifmap = rng.integers(-128, 128, (layer.batch, layer.in_channels, layer.in_height, layer.in_width), np.int8)
    shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel_height, layer.kernel_width)
    return ifmap, rng.integers(-128, 128, shape, np.int8)


def test_vgg16_bit_exact_within_a_minute() -> None:
    start = time.process_time()
    for layer in network("vgg16").layers:
        if isinstance(layer, ConvLayer):
            execute(layer, TILE, *tensors(layer))
    assert time.process_time() - start < 60


def test_time_grows_with_the_work() -> None:
    """From 1 MMAC to 10 GMAC: ten times the MACs never cost more than fifteen times as much."""
    seconds = []
    for channels, size in ((10, 34), (32, 34), (32, 106), (100, 106), (320, 106)):
        layer = ConvLayer("grown", channels, channels, size, size, 3, 3, padding=1)
        data = tensors(layer)
        seconds.append((layer.macs, cpu_seconds(partial(execute, layer, TILE, *data), 2)))
    for (macs, small), (more_macs, large) in pairwise(seconds):
        assert large / small < 1.5 * more_macs / macs, seconds
    print([f"{macs / 1e6:.0f} MMAC {s:.3f} s" for macs, s in seconds])


def test_one_fully_connected_layer(benchmark: pytest.FixtureRequest) -> None:
    layer = fc_layer("fc", 4096, 1000)
    data = tensors(layer)
    benchmark(execute, layer, TILE, *data)  # type: ignore[operator]
