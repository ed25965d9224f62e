from __future__ import annotations

import numpy as np
import pytest

from hwsim.engines.analytic import analyze
from hwsim.engines.cycle_execution import execute
from hwsim.engines.operand_statistics import run_length_bits, typical_coding
from hwsim.errors import InputError
from hwsim.hardware.accelerator import accelerator
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, PoolLayer, fc_layer
from tests.reference.operands import run_length_pairs

PAPER = accelerator("paper")


def words(shape: tuple[int, ...], seed: int = 0, low: int = -128, high: int = 127) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(np.int8)


def convolution(layer: ConvLayer, ifmap: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """The definition, one multiplication after the other in 64 bits."""
    u, pad, d = layer.stride, layer.padding, layer.dilation
    x = np.pad(ifmap.astype(np.int64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((layer.batch, layer.out_channels, layer.out_height, layer.out_width), np.int64)
    per_group, filters_a_group = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    for m, e, f in np.ndindex(out.shape[1:]):
        c = m // filters_a_group * per_group
        rows = slice(e * u, e * u + d * (layer.kernel_height - 1) + 1, d)
        columns = slice(f * u, f * u + d * (layer.kernel_width - 1) + 1, d)
        out[:, m, e, f] = (x[:, c : c + per_group, rows, columns] * filters[m].astype(np.int64)).sum(axis=(1, 2, 3))
    return out


@pytest.mark.parametrize(
    "layer",
    [
        ConvLayer("plain", 5, 7, 12, 11, 3, 3, padding=1, batch=2),
        ConvLayer("strided", 3, 9, 23, 21, 7, 7, stride=2, padding=3),
        ConvLayer("dilated", 4, 6, 17, 17, 3, 3, dilation=3, padding=2),
        ConvLayer("depthwise", 10, 10, 14, 14, 3, 3, padding=1, groups=10),
        ConvLayer("grouped", 8, 12, 9, 9, 3, 3, stride=2, groups=4),
        ConvLayer("pointwise strided", 6, 5, 9, 9, 1, 1, stride=2),
        ConvLayer("one row", 3, 4, 1, 50, 1, 5),
        ConvLayer("taller than the array", 2, 3, 80, 4, 70, 2),
        ConvLayer("wide", 3, 6, 60, 70, 3, 3),
        fc_layer("fc", 300, 70, batch=3),
    ],
    ids=lambda layer: layer.name,
)
def test_results_are_exact(layer: ConvLayer) -> None:
    ifmap = words((layer.batch, layer.in_channels, layer.in_height, layer.in_width))
    shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel_height, layer.kernel_width)
    filters = words(shape, 1)
    run = execute(layer, PAPER, ifmap, filters)
    assert run.ofmap.dtype == np.int32
    np.testing.assert_array_equal(run.ofmap, convolution(layer, ifmap, filters))
    assert run.overflows == 0
    bound = analyze(layer, PAPER)
    assert run.accesses == bound.accesses
    assert run.cycles >= bound.cycles


@pytest.mark.parametrize(("overflow", "kept"), [("saturate", 2**31 - 1), ("wrap", 140000 * 128 * 128 - 2**32)])
def test_32_bit_overflow_is_counted_and_never_silent(overflow: str, kept: int) -> None:
    layer = fc_layer("deep", 140000, 2)
    ifmap = np.full((1, 140000, 1, 1), -128, np.int8)
    filters = np.stack([np.full((140000, 1, 1), -128, np.int8), np.zeros((140000, 1, 1), np.int8)])
    run = execute(layer, PAPER.model_copy(update={"overflow": overflow}), ifmap, filters)
    assert run.ofmap[0, :, 0, 0].tolist() == [kept, 0]
    assert run.overflows > 0
    in_range = execute(layer, PAPER, ifmap // 2, filters)
    assert (in_range.ofmap[0, 0, 0, 0], in_range.overflows) == (140000 * 64 * 128, 0)


def test_pooling_and_elementwise_layers_run() -> None:
    pool = PoolLayer("pool", 3, 7, 7, 3, 3, stride=2, padding=1)
    ifmap = words((1, 3, 7, 7), 2)
    out = execute(pool, PAPER, ifmap)
    padded = np.pad(ifmap.astype(int), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-1000)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    np.testing.assert_array_equal(out.ofmap, windows.max(axis=(4, 5)))
    assert out.accesses == analyze(pool, PAPER).accesses
    add = ElementwiseLayer("add", 3, 5, 5, operands=3, batch=2)
    operands = words((3, 2, 3, 5, 5), 3)
    out = execute(add, PAPER, operands)
    np.testing.assert_array_equal(out.ofmap, operands.astype(int).sum(axis=0))
    assert out.accesses == analyze(add, PAPER).accesses


LAYER = ConvLayer("l", 2, 3, 6, 6, 3, 3)


@pytest.mark.parametrize(
    ("ifmap", "filters", "message"),
    [
        (words((1, 2, 6, 5)), words((3, 2, 3, 3)), r"'l': ifmap has shape \(1, 2, 6, 5\), must be \(1, 2, 6, 6\)"),
        (words((1, 2, 6, 6)), words((3, 1, 3, 3)), r"'l': filters has shape \(3, 1, 3, 3\), must be \(3, 2, 3, 3\)"),
        (
            words((1, 2, 6, 6)).astype(np.float32),
            words((3, 2, 3, 3)),
            "ifmap is float32, must be a NumPy array of int8",
        ),
        (words((1, 2, 6, 6)).tolist(), words((3, 2, 3, 3)), "ifmap is list"),
        (words((1, 2, 6, 6)).astype(np.int16) * 4, words((3, 2, 3, 3)), "a 8-bit word holds -128 to 127"),
        (words((1, 2, 6, 6)), None, "filters are missing"),
    ],
)
def test_wrong_tensors_are_refused(ifmap: np.ndarray, filters: np.ndarray | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        execute(LAYER, PAPER, ifmap, filters)


def test_16_bit_words_on_the_chip() -> None:
    tile = accelerator("eyeriss-v1")
    ifmap = np.random.default_rng(0).integers(-40, 40, (1, 2, 6, 6)).astype(np.int16) * (words((1, 2, 6, 6)) > 0)
    filters = words((3, 2, 3, 3), 5, -20, 20).astype(np.int16)
    run = execute(LAYER, tile, ifmap, filters)
    np.testing.assert_array_equal(run.ofmap, convolution(LAYER, ifmap, filters))
    assert run.operands is not None
    assert run.operands.gated_macs == round(run.operands.zero_ifmap * LAYER.macs) > 0
    assert run.operands.ifmap_coded_bits == run_length_bits(ifmap, 16)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
def test_run_length_coding(density: float) -> None:
    rng = np.random.default_rng(7)
    data = np.where(rng.random(2000) < density, rng.integers(1, 99, 2000), 0)
    pairs = run_length_pairs(data.tolist())
    restored = [word for run, value in pairs for word in [0] * run + [value]]
    assert restored == data.tolist()
    assert run_length_bits(data, 16) == -(-len(pairs) // 3) * 64
    assert run_length_bits(data, 8) == -(-len(pairs) // 3) * 40


@pytest.mark.parametrize("zero_share", [0.0, 0.45, 0.8, 0.99])
def test_typical_coding_is_what_random_zeros_take(zero_share: float) -> None:
    rng = np.random.default_rng(1)
    data = (rng.integers(1, 100, 200_000) * (rng.random(200_000) >= zero_share)).astype(np.int16)
    share = min(1.0, run_length_bits(data, 16) / (data.size * 16))
    assert typical_coding(zero_share, 16) == pytest.approx(share, rel=0.02)
