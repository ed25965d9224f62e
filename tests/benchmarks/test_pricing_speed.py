"""How fast a search is answered: prices of shapes never seen and seen, and a whole simulation as a user starts it."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count

import pytest

from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network

pytestmark = pytest.mark.slow


def _pruned_shapes() -> Iterator[ConvLayer]:
    """Yield layers of ResNet18 on CIFAR with ever other channel counts, each shape once."""
    layers = network("resnet18-cifar").layers
    convs = [layer for layer in layers if isinstance(layer, ConvLayer) and layer.kind == "conv"]
    wide = [layer for layer in convs if layer.in_channels > 3]
    distinct = {(layer.in_channels, layer.out_channels, layer.in_height, layer.stride): layer for layer in wide}
    for removed in count(1):
        for layer in distinct.values():
            yield ConvLayer(
                "pruned",
                layer.in_channels - removed % layer.in_channels,
                layer.out_channels - removed % layer.out_channels,
                *(layer.in_height, layer.in_width, layer.kernel_height, layer.kernel_width),
                stride=layer.stride,
                padding=layer.padding,
            )


@pytest.fixture
def pricer() -> LayerPricer:
    warm = LayerPricer("paper")
    warm.price(ConvLayer("warm", 3, 3, 8, 8, 3, 3))
    return warm


def test_unseen_shape(benchmark: pytest.FixtureRequest, pricer: LayerPricer) -> None:
    """Target: below 1 ms, the mapping search included."""
    shapes = _pruned_shapes()
    benchmark.pedantic(lambda: pricer.price(next(shapes)), rounds=200, warmup_rounds=5)  # type: ignore[attr-defined]


def test_seen_shape(benchmark: pytest.FixtureRequest, pricer: LayerPricer) -> None:
    """Target: microseconds."""
    layer = network("resnet18-cifar").layers[5]
    benchmark(pricer.price, layer, 5, 5, 0.3)  # type: ignore[operator]


def test_a_seen_shape_is_far_cheaper_than_an_unseen_one(pricer: LayerPricer) -> None:
    shapes = [layer for _, layer in zip(range(60), _pruned_shapes(), strict=False)]

    def seconds() -> float:
        start = time.process_time()
        for layer in shapes:
            pricer.price(layer)
        return time.process_time() - start

    first, second = seconds(), seconds()
    assert first > 10 * second


def test_whole_process_within_two_cpu_seconds() -> None:
    """Target of the command: a warm `hwsim simulate resnet50` within 2 s; processor time, as clocks are shared."""
    command = [sys.executable, "-m", "hwsim", "simulate", "resnet50"]
    for _ in range(2):  # the first run may compile
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0
