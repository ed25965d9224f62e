import warnings
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from compress.policy import DENSE_8BIT, LayerPolicy
from compress.searching.actions import ActionSpec, policy_of
from compress.searching.environment import STATE_SIZE, CompressionEnv, static_features
from compress.searching.problem import AccuracyBudget, Candidate, SearchProblem
from compress.searching.reward import load_reward
from compress.vocabulary import Metric, RewardMode
from hwsim.errors import InputError
from tests.reference.toy_oracle import ToyOracle


def _problem(depth: int = 4, metric: Metric = Metric.ENERGY) -> SearchProblem:
    return SearchProblem(ToyOracle(depth), load_reward(), AccuracyBudget(2.0, 1000), metric=metric)


@pytest.mark.parametrize("mode", list(RewardMode))
@pytest.mark.parametrize("depth", [1, 4])
def test_gymnasium_accepts_the_environment(mode: RewardMode, depth: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(CompressionEnv(_problem(depth), mode), skip_render_check=True)


def test_the_state_is_equation_1() -> None:
    problem = _problem()
    env = CompressionEnv(problem)
    state, _ = env.reset()
    assert state.shape == (STATE_SIZE,)
    assert state[0] == 0.0 and state[11:].tolist() == [0.0, 0.0, 0.0]
    state, _, _, _, info = env.step(np.array([0.5, 0.25, 0.0], np.float32))
    layers = problem.oracle.layers
    assert state[0] == pytest.approx(1 / 3)  # layer 1 of 0..3
    energies = np.array([layer.energy_pj for layer in layers])
    assert state[8] == pytest.approx((energies[1] - energies.min()) / np.ptp(energies), abs=1e-6)
    assert state[9] == pytest.approx(1 / 3) and state[10] == pytest.approx(1 / 3)  # parameters 100, 200, 300, 400
    assert state[11] == pytest.approx(
        1 - info["candidate"].measurement.energy_pj / problem.oracle.baseline.energy_pj, abs=1e-6
    )
    assert state[12:].tolist() == [0.5, 0.25]


def test_static_features_lie_in_0_1_and_name_the_kind() -> None:
    oracle = ToyOracle(3)
    features = static_features(list(oracle.layers))
    assert features.min() >= 0.0 and features.max() <= 1.0
    assert (features[:, 1] == 0.0).all()
    object.__setattr__(oracle.layers[2], "kind", "fc")
    assert static_features(list(oracle.layers))[:, 1].tolist() == [0.0, 0.0, 1.0]


def test_the_reward_modes_pay_the_same_table() -> None:
    actions = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    paid: dict[RewardMode, list[float]] = {}
    candidates: list[Candidate]
    for mode in RewardMode:
        problem = _problem()
        env = CompressionEnv(problem, mode)
        env.reset()
        paid[mode], candidates = [], []
        for action in actions:
            _, reward, done, truncated, info = env.step(action)
            paid[mode].append(reward)
            candidates.append(info["candidate"])
        assert problem.oracle.evaluations == (1 if mode is RewardMode.TERMINAL else 4)
        assert done and not truncated
        low, high = env.return_bounds()
        assert low <= sum(paid[mode]) <= high
        if mode is RewardMode.STEP:
            assert paid[mode] == [candidate.reward for candidate in candidates]
    assert paid[RewardMode.TERMINAL] == [0.0, 0.0, 0.0, candidates[-1].reward]
    idle = load_reward().lookup(0.0, 0.0)
    assert sum(paid[RewardMode.DELTA]) == pytest.approx(candidates[-1].reward - idle)


@pytest.mark.parametrize("metric", list(Metric))
def test_the_metric_is_what_the_gain_is_of(metric: Metric) -> None:
    problem = _problem(metric=metric)
    choices = [LayerPolicy("level", 0.5, 4)] * 4
    candidate = problem.measure(choices, 0)
    found, base = candidate.measurement, problem.oracle.baseline
    ratio = {
        Metric.ENERGY: found.energy_pj / base.energy_pj,
        Metric.LATENCY: found.latency_ms / base.latency_ms,
        Metric.EDP: found.energy_pj * found.latency_ms / (base.energy_pj * base.latency_ms),
    }
    assert candidate.cost == pytest.approx(ratio[metric])


def test_bits_reach_both_ends_and_every_level_between() -> None:
    actions = ActionSpec(min_bits=2)
    values = np.linspace(0, 1, 6001)
    counts = np.bincount([actions.bits(value) for value in values], minlength=9)[2:]
    assert actions.bits(0.0) == 2 and actions.bits(1.0) == 8
    np.testing.assert_allclose(counts[1:-1], 1000, atol=1)
    np.testing.assert_allclose(counts[[0, -1]], 500, atol=1)


def test_pruners_share_the_interval_equally() -> None:
    actions = ActionSpec()
    counts = np.bincount([actions.pruner(value) for value in np.linspace(0, 1, 7001)])
    assert len(counts) == 7
    np.testing.assert_allclose(counts, 1000, atol=1)


@pytest.mark.parametrize(
    "wrong", [{"max_sparsity": 0.0}, {"max_sparsity": 1.2}, {"min_bits": 1}, {"min_bits": 9}, {"pruners": ()}]
)
def test_bounds_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--"):
        ActionSpec(**wrong)


def test_layers_beyond_the_choices_stay_dense() -> None:
    policy = policy_of(["a", "b"], [LayerPolicy("level", 0.5, 4)])
    assert policy.layer("b") == DENSE_8BIT


def test_the_margin_is_two_standard_errors_of_the_budget() -> None:
    assert AccuracyBudget(2.0, 10000).margin_pct == pytest.approx(200 * (0.02 / 10000) ** 0.5)
    assert AccuracyBudget(2.0, 10000).target_pct == pytest.approx(2.0 - 0.282843, abs=1e-5)
    with pytest.raises(InputError, match="--max-loss"):
        AccuracyBudget(-1.0, 10)
