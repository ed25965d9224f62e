"""The exact integer model, against the closed form that MacInterface documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from characterize.mac.integer_model import MacBehaviour, MacInputs, MacModel
from characterize.mac.vectors import EXHAUSTIVE_VECTORS, load_vectors, verification_vectors
from hwsim.errors import InputError


@pytest.mark.parametrize("delays", [(1, 1, 0), (0, 0, 0), (2, 1, 1), (1, 3, 2)])
def test_model_equals_the_closed_form(delays: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    late_weight, late_activation, late_psum = delays
    unit = MacBehaviour(
        8, 8, 20, weight_delay=late_weight, activation_delay=late_activation, psum_delay=late_psum, weight_held=False
    )
    weight, activation = rng.integers(-128, 128, (2, 60)).tolist()
    psum = rng.integers(-(1 << 19), 1 << 19, 60).tolist()
    model = MacModel(unit)
    out = [model.edge(MacInputs(w, a, p)) for w, a, p in zip(weight, activation, psum, strict=True)]
    for n in range(max(delays), 60):
        exact = psum[n - late_psum] + weight[n - late_weight] * activation[n - late_activation]
        assert out[n] == exact % (1 << 20)


def test_weight_is_held_until_the_next_load() -> None:
    model = MacModel(MacBehaviour(8, 8, 32))
    model.edge(MacInputs(weight=7, activation=1))
    model.edge(MacInputs(weight=99, activation=2, weight_load=False))
    assert model.edge(MacInputs(weight=99, activation=0, weight_load=False)) == 14


def test_accumulator_adds_to_itself_and_reset_clears_it() -> None:
    model = MacModel(MacBehaviour(8, 8, 16, weight_delay=0, activation_delay=0, accumulates=True, weight_held=False))
    assert [model.edge(MacInputs(-128, 127)) for _ in range(3)] == [(-16256 * k) % (1 << 16) for k in (1, 2, 3)]
    assert model.edge(MacInputs(reset=True)) == 0
    assert model.edge(MacInputs(2, 3)) == 6


def test_vectors_hold_the_extremes_and_come_back_from_their_file(tmp_path: Path) -> None:
    unit = MacBehaviour(8, 8, 32)
    vectors = verification_vectors(unit, 3000, np.random.default_rng(0))
    corner = (vectors.weight == -128) & (vectors.activation == -128)
    assert corner.any()
    assert 3000 <= vectors.cycles < 3100
    assert set(np.unique(vectors.weight_load)) == {0, 1}
    vectors.save(tmp_path / "v.npz")
    again = load_vectors(tmp_path / "v.npz")
    assert np.array_equal(again.psum_in, vectors.psum_in)
    assert again.segment_names == vectors.segment_names == ("corners", "uniform", "dnn-like")


def test_long_vectors_hold_every_operand_pair() -> None:
    vectors = verification_vectors(MacBehaviour(8, 8, 32), EXHAUSTIVE_VECTORS, np.random.default_rng(0))
    assert len(set(zip(vectors.weight.tolist(), vectors.activation.tolist(), strict=True))) == 1 << 16


def test_too_few_vectors_are_refused() -> None:
    with pytest.raises(InputError, match="--vectors 10 is too few"):
        verification_vectors(MacBehaviour(8, 8, 32), 10, np.random.default_rng(0))
