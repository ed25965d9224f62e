"""What distortion costs in points: learned, never nothing."""

import pytest

from compress.methods.refinement.loss_model import LossModel
from compress.searching.problem import Candidate
from tests.reference.finished_search import candidate as made_up


def candidate(loss_pct: float, distortion: float) -> Candidate:
    return made_up(loss_pct, distortion=distortion)


def test_the_ratio_is_learned() -> None:
    harm = LossModel(6.0)
    for distortion in (0.01, 0.02, 0.05, 0.1, 0.15):
        harm.note(candidate(30.0 * distortion, distortion))
    assert harm.points(0.1) == pytest.approx(3.0, rel=0.02)
    harm.note(candidate(80.0, 0.2))  # a ruin says nothing about small changes
    assert harm.points(0.1) == pytest.approx(3.0, rel=0.02)


def test_a_lucky_sample_does_not_make_distortion_free() -> None:
    harm = LossModel(6.0)
    for _ in range(50):
        harm.note(candidate(-0.5, 0.01))
    assert harm.points(0.1) == pytest.approx(0.5)


def test_its_state_is_complete() -> None:
    harm, other = LossModel(6.0), LossModel(6.0)
    harm.note(candidate(1.0, 0.05))
    other.load(harm.state())
    assert other.points(0.3) == harm.points(0.3)
