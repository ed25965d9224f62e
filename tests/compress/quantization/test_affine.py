"""Post-training quantization on plain tensors: ranges, zeros, edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.quantization.affine import (
    HISTOGRAM_BINS,
    ActivationStatistics,
    Affine,
    activation_affine,
    affine,
    laplace_clip,
    weight_affine,
)
from compress.vocabulary import Clipping
from hwsim.errors import InputError

BITS = range(2, 9)


def statistics(values: torch.Tensor) -> ActivationStatistics:
    """Return what calibration would collect of a tensor."""
    mean = values.mean()
    return ActivationStatistics(mean, (values - mean).abs().mean(), values.min(), values.max())


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bits", [1, 0, -3, 9, 16, 2.0, True, "8"])
def test_bits_outside_2_to_8_are_refused(bits: object) -> None:
    with pytest.raises(InputError, match="from 2 to 8"):
        weight_affine(torch.ones(2, 2), bits)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="from 2 to 8"):
        laplace_clip(bits)
    with pytest.raises(InputError, match="from 2 to 8"):
        activation_affine(statistics(torch.ones(3)), bits)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), bits=st.integers(2, 8), shift=st.floats(-5, 5), scale=st.floats(1e-6, 1e6))
def test_zero_stays_exactly_zero_and_errors_stay_within_half_a_step(
    seed: int, bits: int, shift: float, scale: float
) -> None:
    weight = (draw(seed, 4, 30) + shift) * scale
    weight[:, ::3] = 0.0
    mapping = weight_affine(weight, bits)
    restored = mapping.fake_quantize(weight)
    assert torch.count_nonzero(restored[:, ::3]) == 0
    codes = mapping.codes(weight)
    assert int(codes.min()) >= 0
    assert int(codes.max()) <= 2**bits - 1
    # a whole zero point moves the range by up to half a step, and rounding adds another
    step = mapping.scale[:, None]
    assert bool(((restored - weight).abs() <= step * 1.001).all())
    inside = (codes > 0) & (codes < 2**bits - 1)
    assert bool(((restored - weight).abs() <= step * 0.501)[inside].all())


@pytest.mark.parametrize("bits", BITS)
def test_codes_and_levels_tell_the_same(bits: int) -> None:
    weight = draw(3, 5, 4, 3, 3)
    mapping = weight_affine(weight, bits)
    levels = mapping.codes(weight) - mapping.zero_point.reshape(-1, 1, 1, 1)
    assert torch.equal(levels.float(), mapping.levels(weight))
    values = draw(4, 2, 5, 6)
    one = activation_affine(statistics(values), bits)
    assert torch.equal((one.codes(values) - one.zero_point).float(), one.levels(values))


def test_every_output_channel_uses_all_its_codes() -> None:
    weight = draw(1, 6, 50) * torch.logspace(-4, 3, 6)[:, None]
    codes = weight_affine(weight, 4).codes(weight)
    assert codes.min(dim=1).values.tolist() == [0] * 6
    assert codes.max(dim=1).values.tolist() == [15] * 6


def test_all_zero_and_constant_channels() -> None:
    weight = torch.stack([torch.zeros(9), torch.full((9,), 0.7), torch.full((9,), -0.2)])
    for bits in BITS:
        torch.testing.assert_close(weight_affine(weight, bits).fake_quantize(weight), weight)


def test_all_zero_activations() -> None:
    zeros = torch.zeros(2, 3, 4, 4)
    mapping = activation_affine(statistics(zeros), 3)
    assert torch.equal(mapping.fake_quantize(zeros), zeros)
    assert bool(torch.isfinite(mapping.inverse_scale))


def test_numbers_too_small_for_a_float32_reciprocal_count_as_zero() -> None:
    mapping = affine(torch.tensor(-1e-39), torch.tensor(1e-39), 8)
    assert float(mapping.fake_quantize(torch.tensor(1e-39))) == 0.0


def test_nan_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        weight_affine(torch.tensor([[1.0, float("nan")]]), 8)


# behind a ReLU the published b counts the zeros too and clips early, which pays up to 4 bits
@pytest.mark.parametrize(
    "bits,rectified", [(2, False), (3, False), (4, False), (6, False), (2, True), (3, True), (4, True)]
)
def test_laplace_clipping_beats_min_max_on_laplace_numbers(bits: int, rectified: bool) -> None:
    rng = np.random.default_rng(bits)
    values = torch.from_numpy(rng.laplace(size=200_000).astype(np.float32))
    values = values.relu() if rectified else values
    seen = statistics(values)
    errors = {
        clipping: float((activation_affine(seen, bits, clipping).fake_quantize(values) - values).pow(2).mean())
        for clipping in (Clipping.LAPLACE, Clipping.MINMAX)
    }
    assert errors[Clipping.LAPLACE] < 0.7 * errors[Clipping.MINMAX]


LAWS: dict[str, Callable[[np.random.Generator], npt.NDArray[np.float64]]] = {
    "laplace": lambda rng: rng.laplace(size=20_000),
    "rectified laplace": lambda rng: np.maximum(rng.laplace(size=20_000), 0),
    "rectified normal": lambda rng: np.maximum(rng.normal(-0.5, 1.0, size=20_000), 0),
    "swish": lambda rng: swish(rng.normal(0, 3, size=20_000)),
    "uniform": lambda rng: rng.uniform(-1, 3, size=20_000),
}


def swish(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values / (1.0 + np.exp(-values))


def histogram(values: torch.Tensor) -> torch.Tensor:
    return torch.histc(values, HISTOGRAM_BINS, float(values.min()), float(values.max())).double()


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("bits", BITS)
def test_least_error_clipping_is_never_behind_the_others_and_near_the_best_range(law: str, bits: int) -> None:
    values = torch.from_numpy(LAWS[law](np.random.default_rng(bits)).astype(np.float32))
    seen = replace(statistics(values), histogram=histogram(values))

    def error(mapping: Affine) -> float:
        return float((mapping.fake_quantize(values) - values).double().pow(2).mean())

    errors = {clipping: error(activation_affine(seen, bits, clipping)) for clipping in Clipping}
    # the histogram blurs values within a bin, a quarter of an 8-bit code
    assert errors[Clipping.MSE] <= 1.05 * min(errors.values())
    shares = torch.linspace(0.05, 1.0, 40)
    tried = [affine(values.min() * low, values.max() * high, bits) for low in shares for high in shares]
    assert errors[Clipping.MSE] <= 1.1 * min(error(mapping) for mapping in tried[:: 1 if bits < 4 else 7])


def test_least_error_clipping_needs_a_histogram_and_is_not_for_weights() -> None:
    with pytest.raises(ValueError, match="histogram"):
        activation_affine(statistics(draw(1, 50)), 4, Clipping.MSE)
    with pytest.raises(ValueError, match="for activations"):
        weight_affine(draw(1, 5, 5), 4, Clipping.MSE)


def test_channels_are_clipped_each_for_itself() -> None:
    values = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)).relu() * torch.tensor([0.1, 1.0, 20.0])
    mean = values.mean(dim=0)
    parted = ActivationStatistics(
        mean, (values - mean).abs().mean(dim=0), values.amin(dim=0), values.amax(dim=0),
        torch.stack([histogram(channel) for channel in values.T]), Clipping.MSE,
    )  # fmt: skip
    for channel, column in enumerate(values.T):
        alone = replace(statistics(column), histogram=histogram(column))
        for bits in (2, 5):
            low, high = alone.least_error_range(bits)
            assert [float(low), float(high)] == [float(end[channel]) for end in parted.least_error_range(bits)]


def test_ranges_are_those_of_the_formula() -> None:
    def figure(value: float) -> torch.Tensor:
        return torch.tensor(value)

    two_sided = ActivationStatistics(figure(1.0), figure(0.5), figure(-100.0), figure(100.0))
    mapping = activation_affine(two_sided, 4)
    alpha = 5.029 * 0.5
    assert float(mapping.scale) * 15 == pytest.approx(2 * alpha, rel=1e-3)
    assert int(mapping.zero_point) == round((alpha - 1.0) / float(mapping.scale))
    one_sided = ActivationStatistics(figure(1.0), figure(0.5), figure(0.0), figure(100.0))
    mapping = activation_affine(one_sided, 4)
    assert float(mapping.scale) * 15 == pytest.approx(1.0 + 6.205 * 0.5, rel=1e-3)
    assert int(mapping.zero_point) == 0


def test_no_code_stands_for_a_number_beyond_what_was_seen() -> None:
    values = draw(7, 1000).clamp(-1, 1)
    for bits in BITS:
        mapping = activation_affine(statistics(values), bits)
        assert float(mapping.scale) * mapping.largest_code <= 2.0 + 1e-5


def test_a_channel_with_its_own_scale_keeps_its_range() -> None:
    values = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)).relu() * torch.tensor([0.1, 1.0, 20.0])
    mean = values.mean(dim=0)
    seen = ActivationStatistics(mean, (values - mean).abs().mean(dim=0), values.amin(dim=0), values.amax(dim=0))
    mapping = activation_affine(seen, 4)
    torch.testing.assert_close(mapping.scale * mapping.largest_code, seen.maximum)
    assert (mapping.zero_point == 0).all()
    clipped, whole = (activation_affine(seen, 2, how) for how in (Clipping.LAPLACE, None))
    assert bool((clipped.scale < whole.scale).all())
