"""A quantized layer in float and in integers: the same sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.kernels.codes import finish_pixels, window_sums
from compress.network.window import Window
from compress.quantization.affine import ActivationStatistics, Affine, activation_affine, weight_affine
from compress.quantization.integer_layer import IntegerLayer, encode, int8_is_exact, reference_accumulators
from tests.reference.quantized_convolution import convolve_codes, encode_pixels_loop, finish_pixels_loop


def _layer(
    seed: int, bits: int, window: Window, groups: int, *, channels: int = 4, rectified: bool = False
) -> tuple[IntegerLayer, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ifmap = torch.randn((2, channels, 7, 6), generator=generator)
    ifmap = ifmap.relu() if rectified else ifmap
    weight = torch.randn((4, channels // groups, 3, 2), generator=generator) + 0.3
    weight[:, :, 0, 1] = 0.0
    return quantized(weight, ifmap, bits, window, groups), ifmap


def quantized(weight: torch.Tensor, ifmap: torch.Tensor, bits: int, window: Window, groups: int = 1) -> IntegerLayer:
    mean = ifmap.mean()
    statistics = ActivationStatistics(mean, (ifmap - mean).abs().mean(), ifmap.min(), ifmap.max())
    inputs, weights = activation_affine(statistics, bits), weight_affine(weight, bits)
    bias = torch.linspace(-1, 1, weight.shape[0])
    return IntegerLayer(weights.levels(weight), inputs, weights.scale * inputs.scale, bias, window, groups)


WINDOWS = st.builds(
    Window,
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 3)),
)
GROUPS = st.sampled_from([1, 2, 4])
TWO_WINDOWS = (
    Window(stride=(2, 3), padding=(4, 0), dilation=(1, 2)),
    Window(stride=(3, 1), padding=(2, 5), dilation=(2, 1)),
)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), bits=st.integers(2, 8), window=WINDOWS, groups=GROUPS, rectified=st.booleans())
def test_float_simulation_and_integers_have_the_same_sums(
    seed: int, bits: int, window: Window, groups: int, rectified: bool
) -> None:
    layer, ifmap = _layer(seed, bits, window, groups, rectified=rectified)
    sums = reference_accumulators(layer, ifmap)
    assert layer.exact_in_float32
    assert torch.equal(layer.sums(layer.ifmap.levels(ifmap)), sums.float())
    # what the numbers stand for, convolved in float64, is the sum times the scales
    gain = layer.gain.reshape(1, -1, 1, 1)
    meant = F.conv2d(
        layer.ifmap.fake_quantize(ifmap).double(),
        (layer.weight_levels * (layer.gain / layer.ifmap.scale).reshape(-1, 1, 1, 1)).double(),
        None, window.stride, window.padding, window.dilation, groups,
    )  # fmt: skip
    torch.testing.assert_close(meant.float(), sums * gain, rtol=1e-4, atol=1e-4)
    expected = sums * gain + layer.bias.reshape(1, -1, 1, 1)
    torch.testing.assert_close(layer.forward_float(ifmap), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_sums_equal_a_loop_over_codes(bits: int) -> None:
    window = Window(stride=(2, 1), padding=(1, 2), dilation=(1, 2))
    layer, ifmap = _layer(3, bits, window, groups=2)
    codes = layer.ifmap.codes(ifmap)
    expected = convolve_codes(
        codes.numpy(), int(layer.ifmap.zero_point), layer.weight_levels.numpy().astype(np.int64), window, 2
    )
    assert np.array_equal(reference_accumulators(layer, ifmap).numpy(), expected)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), bits=st.integers(2, 8), window=WINDOWS, groups=GROUPS, rectified=st.booleans())
def test_int8_multipliers_have_the_same_sums(
    seed: int, bits: int, window: Window, groups: int, rectified: bool
) -> None:
    if not int8_is_exact():
        pytest.skip("this CPU or PyTorch has no exact int8 convolution (needs VNNI)")
    layer, ifmap = _layer(seed, bits, window, groups, channels=8, rectified=rectified)
    plain = IntegerLayer(layer.weight_levels, layer.ifmap, torch.ones(4), torch.zeros(4), window, groups)
    assert torch.equal(plain.forward_int8(ifmap), reference_accumulators(layer, ifmap).float())
    assert torch.equal(layer.forward_int8(ifmap), layer.forward_float(ifmap)), "not the same bits"


def test_a_lopsided_8_bit_filter_needs_nine_bits_and_gets_them() -> None:
    if not int8_is_exact():
        pytest.skip("this CPU or PyTorch has no exact int8 convolution (needs VNNI)")
    weight = torch.rand((4, 8, 3, 3), generator=torch.Generator().manual_seed(0)) + 0.1
    weight[1] *= -1
    ifmap = torch.randn((2, 8, 6, 6), generator=torch.Generator().manual_seed(1))
    layer = quantized(weight, ifmap, 8, Window(padding=(1, 1)))
    assert layer.weight_levels.max() == 255
    assert layer.weight_levels.min() == -255
    plain = IntegerLayer(layer.weight_levels, layer.ifmap, torch.ones(4), torch.zeros(4), layer.window)
    assert torch.equal(plain.forward_int8(ifmap), reference_accumulators(layer, ifmap).float())


def test_a_fully_connected_layer() -> None:
    generator = torch.Generator().manual_seed(4)
    weight, ifmap = torch.randn((5, 12), generator=generator), torch.randn((3, 12), generator=generator)
    layer = quantized(weight, ifmap, 6, Window())
    sums = reference_accumulators(layer, ifmap)
    expected = sums * layer.gain + layer.bias
    torch.testing.assert_close(layer.forward_int8(ifmap), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(layer.forward_float(ifmap), expected, rtol=1e-6, atol=1e-6)


def test_an_accumulator_that_leaves_32_bits_is_said() -> None:
    mapping = Affine(torch.tensor(1.0), torch.tensor(0, dtype=torch.int32), 8)
    layer = IntegerLayer(torch.full((1, 40_000), 255.0), mapping, torch.ones(1), torch.zeros(1))
    assert not layer.exact_in_float32
    with pytest.raises(OverflowError):
        reference_accumulators(layer, torch.full((1, 40_000), 255.0))


@pytest.mark.parametrize("bits,zero", [(8, 0), (8, 37), (3, 4), (2, 0)])
def test_encoding_equals_its_loop(bits: int, zero: int) -> None:
    mapping = Affine(torch.tensor(0.37), torch.tensor(zero, dtype=torch.int32), bits)
    ifmap = torch.randn((2, 5, 4, 3), generator=torch.Generator().manual_seed(bits)) * 40
    ifmap[0, 0, 0, :3] = torch.tensor([0.5, 1.5, -2.5]) * 0.37  # half-way cases
    codes, sums = encode(ifmap, mapping)
    pixels = ifmap.permute(0, 2, 3, 1).reshape(-1, 5).numpy()
    expected_codes, expected_sums = encode_pixels_loop(pixels, mapping)
    assert np.array_equal(codes.permute(0, 2, 3, 1).reshape(-1, 5).numpy(), expected_codes)
    assert np.array_equal(sums.flatten().numpy(), expected_sums)
    assert torch.equal(codes.to(torch.int32), mapping.codes(ifmap))


@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (1, 1), (5, 2)])
@pytest.mark.parametrize(
    "window",
    [Window(), Window(padding=(1, 1)), *TWO_WINDOWS],
    ids=["plain", "padded", "far padded", "dilated"],
)
def test_sums_under_windows_equal_a_loop(kernel: tuple[int, int], window: Window) -> None:
    plane = np.random.default_rng(1).integers(-(2**16), 2**16, (2, 1, 9, 7)).astype(np.int32)
    expected = convolve_codes(plane, 0, np.ones((1, 1, *kernel), dtype=np.int64), window)[:, 0]
    covered = np.full(expected.shape, np.nan, dtype=np.float32)
    window_sums(plane[:, 0].astype(np.float32), kernel, window.stride, window.padding, window.dilation, covered)
    assert np.array_equal(covered, expected)


@pytest.mark.parametrize("shifted", [False, True])
def test_finishing_equals_its_loop(shifted: bool) -> None:
    rng = np.random.default_rng(0)
    sums = rng.integers(-(2**23), 2**23, (7, 5)).astype(np.float32)
    covered = rng.integers(-1000, 1000, 7 if shifted else 0).astype(np.float32)
    shift, gain, bias = (rng.integers(-128, 128, 5).astype(np.float32), *rng.normal(size=(2, 5)).astype(np.float32))
    expected = finish_pixels_loop(sums, covered, shift, gain, bias)
    finish_pixels(sums, covered, shift, gain, bias)
    assert np.array_equal(sums, expected)
