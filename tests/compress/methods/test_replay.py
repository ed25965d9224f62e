import numpy as np
import pytest
import torch

from compress.methods.composite.distributional import MultiStepWindow, project
from compress.methods.composite.exploration import truncated_normal
from compress.methods.composite.replay import PrioritizedReplay
from compress.searching.generator_state import generator_state, restore_generator


def _filled(count: int, capacity: int = 8, alpha: float = 1.0) -> PrioritizedReplay:
    replay = PrioritizedReplay(capacity, {"state": 2, "reward": 0}, alpha)
    for value in range(count):
        replay.add(state=[value, -value], reward=value)
    return replay


def test_the_ring_keeps_the_newest() -> None:
    replay = _filled(11)
    assert len(replay) == 8
    drawn = replay.sample(800, 0.0, np.random.default_rng(0)).fields["reward"]
    assert set(drawn.tolist()) == set(range(3, 11))


def test_transitions_are_drawn_in_proportion_to_priority_to_the_alpha() -> None:
    replay = _filled(4, alpha=0.5)
    replay.update(np.arange(4), np.array([1.0, 4.0, 9.0, 16.0]))
    drawn = replay.sample(20000, 0.0, np.random.default_rng(0)).slots
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(shares, np.array([1, 2, 3, 4]) / 10, atol=0.002)


def test_full_correction_undoes_the_drawing() -> None:
    """With beta 1 the weighted mean of any field is its plain mean."""
    replay = _filled(4, alpha=0.7)
    replay.update(np.arange(4), np.array([0.5, 3.0, 1.0, 10.0]))
    batch = replay.sample(50000, 1.0, np.random.default_rng(1))
    mean = (batch.weights * batch.fields["reward"]).sum() / batch.weights.sum()
    assert float(mean) == pytest.approx(1.5, abs=0.02)
    assert float(batch.weights.max()) == 1.0


def test_a_new_transition_has_the_highest_priority() -> None:
    replay = _filled(3)
    replay.update(np.arange(3), np.array([1.0, 5.0, 2.0]))
    replay.add(state=[9, 9], reward=9)
    drawn = replay.sample(13000, 0.0, np.random.default_rng(0)).slots
    assert np.mean(drawn == 3) == pytest.approx(5 / 13, abs=0.005)


def test_a_replay_continues_exactly() -> None:
    first = _filled(13, alpha=0.6)
    first.update(np.arange(8), np.linspace(0.1, 2.0, 8))
    second = PrioritizedReplay(8, {"state": 2, "reward": 0}, 0.6)
    second.load(first.state())
    for replay in (first, second):
        replay.add(state=[1, 1], reward=100)
    drawn = [replay.sample(64, 0.5, np.random.default_rng(3)) for replay in (first, second)]
    np.testing.assert_array_equal(drawn[0].slots, drawn[1].slots)
    assert torch.equal(drawn[0].fields["state"], drawn[1].fields["state"])


@pytest.mark.parametrize("mean", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sigma", [0.05, 0.6])
def test_the_noise_is_the_truncated_normal(mean: float, sigma: float) -> None:
    from scipy.stats import kstest, truncnorm

    drawn = truncated_normal(np.full(4000, mean), sigma, np.random.default_rng(0))
    assert drawn.min() >= 0.0 and drawn.max() <= 1.0
    expected = truncnorm((0 - mean) / sigma, (1 - mean) / sigma, loc=mean, scale=sigma)
    assert kstest(drawn, expected.cdf).pvalue > 0.001


def test_no_noise_is_the_action_itself() -> None:
    np.testing.assert_array_equal(truncated_normal(np.array([0.2, 0.9]), 0.0, np.random.default_rng(0)), [0.2, 0.9])


def test_a_generator_continues_exactly() -> None:
    rng = np.random.default_rng(7)
    rng.integers(5, size=3)  # leaves half of a 64-bit draw behind
    other = np.random.default_rng(0)
    restore_generator(other, generator_state(rng))
    np.testing.assert_array_equal(rng.integers(1000, size=9), other.integers(1000, size=9))
    assert rng.random() == other.random()


def test_projection_keeps_the_mean_inside_the_support() -> None:
    rng = np.random.default_rng(0)
    support = torch.linspace(-5, 5, 51)
    probabilities = torch.from_numpy(rng.dirichlet(np.ones(51) * 0.1, size=32).astype(np.float32))
    returns = torch.from_numpy(rng.uniform(-1, 1, 32).astype(np.float32))
    discounts = torch.full((32,), 0.5)
    projected = project(probabilities, returns, discounts, support)
    torch.testing.assert_close(projected.sum(dim=1), torch.ones(32))
    torch.testing.assert_close(projected @ support, returns + 0.5 * (probabilities @ support), atol=1e-4, rtol=1e-4)


def test_projection_of_an_end_is_the_return_between_its_neighbours() -> None:
    support = torch.linspace(0, 10, 11)
    anything = torch.full((3, 11), 1 / 11)
    projected = project(anything, torch.tensor([2.25, 30.0, -1.0]), torch.zeros(3), support)
    expected = torch.zeros(3, 11)
    expected[0, 2], expected[0, 3] = 0.75, 0.25
    expected[1, 10] = 1.0  # clipped at the ends
    expected[2, 0] = 1.0
    torch.testing.assert_close(projected, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_every_step_becomes_one_transition_tails_included(length: int) -> None:
    window = MultiStepWindow(3, 0.5)
    ready = []
    for step in range(length):
        state, following = np.array([step], np.float32), np.array([step + 1], np.float32)
        ready += window.push(state, step, float(step + 1), following, step == length - 1)
    assert [int(transition.state[0]) for transition in ready] == list(range(length))
    for transition in ready:
        first = transition.action
        last = min(first + 3, length)
        assert transition.steps == last - first
        assert transition.done == (last == length)
        assert int(transition.next_state[0]) == last
        assert transition.reward_sum == sum((k + 1) * 0.5 ** (k - first) for k in range(first, last))
    again = window.push(np.zeros(1, np.float32), 0, 1.0, np.zeros(1, np.float32), False)
    assert again == []  # nothing leaks into the next episode
