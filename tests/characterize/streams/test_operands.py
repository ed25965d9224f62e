"""Operand distributions: on the integer grid, clipped where ACIQ says, and checked where they come from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from characterize.mac.operands import integer_range
from characterize.streams.operands import (
    CorrelatedGaussian,
    LaplaceWeights,
    RectifiedActivations,
    TensorValues,
    UniformIntegers,
    laplace_clip,
    read_tensors,
)
from hwsim.errors import InputError


@pytest.mark.parametrize(
    ("bits", "ratio"), [(2, 2.831), (3, 3.897), (4, 5.029), (5, 6.205), (6, 7.413), (7, 8.646), (8, 9.897), (9, 11.163)]
)
def test_clipping_ratio_is_that_of_aciq(bits: int, ratio: float) -> None:
    assert laplace_clip(bits) == pytest.approx(ratio, abs=6e-4)


@pytest.mark.parametrize("bits", range(2, 9))
def test_values_stay_in_the_precision(bits: int) -> None:
    uniform = np.random.default_rng(1).random((50, 400))
    for operand, signed in (
        (LaplaceWeights(), True),
        (UniformIntegers(signed=True), True),
        (UniformIntegers(signed=False), False),
        (RectifiedActivations(0.4, signed_port=True), True),
        (RectifiedActivations(0.4, signed_port=False), False),
        (CorrelatedGaussian(0.5, signed_port=True, rectified=True), True),
    ):
        values = operand.draw(uniform, bits)
        low, high = integer_range(bits, signed)
        assert values.dtype == np.int64
        assert low <= values.min() <= values.max() <= high


def test_laplace_weights_have_the_spread_of_their_step() -> None:
    values = LaplaceWeights().draw(np.random.default_rng(2).random(200_000), 8)
    scale = 128 / laplace_clip(8)  # b in units of the step
    assert np.abs(values).mean() == pytest.approx(scale, rel=0.02)
    assert values.mean() == pytest.approx(0, abs=0.2)


def test_activations_hold_the_asked_share_of_zeros() -> None:
    uniform = np.random.default_rng(3).random(100_000)
    rounded_to_zero = 1 - np.exp(-0.5 * laplace_clip(8) / 128)
    share = (RectifiedActivations(0.45, signed_port=True).draw(uniform, 8) == 0).mean()
    assert share == pytest.approx(0.45 + 0.55 * rounded_to_zero, abs=0.005)


def test_precisions_share_their_random_numbers() -> None:
    uniform = np.random.default_rng(4).random(5_000)
    wide, narrow = LaplaceWeights().draw(uniform, 8), LaplaceWeights().draw(uniform, 4)
    assert np.corrcoef(wide, narrow)[0, 1] > 0.95


def test_tensor_runs_keep_their_order_and_narrow_by_rounding() -> None:
    tensor = TensorValues({8: np.arange(-100, 100)}, signed=True)
    drawn = tensor.draw(np.array([[0.25, 0.9, 0.1]]), 8)
    assert drawn.tolist() == [[-50, -49, -48]]
    assert tensor.at(4).tolist() == [int(np.rint(v / 16)) if np.rint(v / 16) < 8 else 7 for v in range(-100, 100)]


def _file(folder: Path, **arrays: object) -> Path:
    path = folder / "operands.npz"
    content: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez(path, **content)
    return path


def test_tensors_of_a_network_are_read(tmp_path: Path) -> None:
    weights = np.arange(-64, 64, dtype=np.int8).reshape(2, 4, 4, 4)
    path = _file(tmp_path, weights=weights, activations=np.arange(120), weights_4=np.arange(-8, 8))
    read, activations = read_tensors(path, signed_activations=True)
    assert read.at(8).tolist() == list(range(-64, 64))
    assert read.at(4).tolist() == list(range(-8, 8))
    assert activations.at(8).max() == 119


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weights": np.arange(32)}, "array 'activations' is missing"),
        ({"weights": np.arange(32.0), "activations": np.arange(32)}, "array 'weights' has type float64"),
        ({"weights": np.arange(120, 150), "activations": np.arange(32)}, "holds 149, beyond 8 signed bits"),
        ({"weights": np.arange(32), "activations": np.arange(3)}, r"array 'activations' has shape \(3,\)"),
        (
            {"weights": np.arange(32), "activations": np.arange(32), "weights_3": np.arange(-20, 0)},
            "'weights_3' holds -20, beyond 3 signed bits",
        ),
    ],
)
def test_wrong_tensors_are_refused(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_tensors(_file(tmp_path, **arrays), signed_activations=True)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_text("no archive")
    with pytest.raises(InputError, match="is not an"):
        read_tensors(path, signed_activations=True)
    with pytest.raises(InputError, match="cannot read --operands"):
        read_tensors(tmp_path / "absent.npz", signed_activations=True)
