"""DDPG, Rainbow and the monitor on tiny problems whose best answer is known."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from compress.methods.composite.ddpg import DDPG, DDPGSpec, check_finite
from compress.methods.composite.noisy_linear import NoisyLinear
from compress.methods.composite.rainbow import Rainbow, RainbowSpec
from compress.methods.composite.reward_monitor import MonitorSpec, RewardMonitor
from hwsim.errors import RunError

SMALL = DDPGSpec(hidden=32, actor_rate=1e-3, critic_rate=3e-3, batch=32)


def _state(step: int) -> np.ndarray:
    state = np.zeros(2, np.float32)
    state[step] = 1.0
    return state


def _train_ddpg(learner: DDPG, episodes: int, best: np.ndarray) -> None:
    """Two steps an episode; each pays minus the squared distance from the step's own best action."""
    for episode in range(episodes):
        sigma = 0.6 * 0.98**episode
        for step in range(2):
            action = learner.act(_state(step), sigma)
            reward = -float(((action - best[step]) ** 2).sum())
            following = _state(min(step + 1, 1))
            learner.replay.add(
                state=_state(step), action=action, reward=reward, next_state=following, done=float(step == 1)
            )
            learner.update(0.5)


def test_ddpg_finds_the_best_action_of_each_state() -> None:
    best = np.array([[0.2, 0.8], [0.7, 0.3]])
    learner = DDPG(2, 2, SMALL, 0, np.random.default_rng(0))
    _train_ddpg(learner, 250, best)
    for step in range(2):
        np.testing.assert_allclose(learner.act(_state(step)), best[step], atol=0.1)


def test_an_actor_begins_where_its_spec_says() -> None:
    learner = DDPG(2, 2, DDPGSpec(hidden=16, start=(0.12, 0.88)), 0, np.random.default_rng(0))
    for step in range(2):
        np.testing.assert_allclose(learner.act(_state(step)), [0.12, 0.88], atol=0.01)
    middle = DDPG(2, 2, DDPGSpec(hidden=16), 0, np.random.default_rng(0))
    np.testing.assert_allclose(middle.act(_state(0)), [0.5, 0.5], atol=0.01)


def test_the_saturation_penalty_keeps_an_actor_off_the_ends() -> None:
    """The best actions are corners: without the penalty the sigmoid runs into its ends, where gradients vanish."""
    best = np.array([[0.0, 1.0], [1.0, 0.0]])
    reached = {}
    for penalty in (0.0, 0.05):
        learner = DDPG(2, 2, replace(SMALL, saturation_penalty=penalty), 0, np.random.default_rng(0))
        _train_ddpg(learner, 150, best)
        reached[penalty] = np.abs(np.array([learner.act(_state(step)) for step in range(2)]) - best).mean()
    assert 1.5 * reached[0.0] < reached[0.05] < 0.3


def test_ddpg_targets_follow_by_tau() -> None:
    learner = DDPG(2, 1, DDPGSpec(hidden=8, batch=4, tau=0.25), 0, np.random.default_rng(0))
    for _ in range(4):
        learner.replay.add(state=[0, 1], action=[0.5], reward=1.0, next_state=[0, 1], done=1.0)
    before = [parameter.clone() for parameter in learner.target_critic.parameters()]
    learner.update(0.0)
    for old, new, online in zip(before, learner.target_critic.parameters(), learner.critic.parameters(), strict=True):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * online)


def test_ddpg_is_deterministic_and_continues_exactly() -> None:
    best = np.array([[0.2, 0.8], [0.7, 0.3]])
    runs = []
    for _ in range(2):
        learner = DDPG(2, 2, SMALL, 3, np.random.default_rng(3))
        _train_ddpg(learner, 30, best)
        runs.append(learner)
    restored = DDPG(2, 2, SMALL, 99, np.random.default_rng(3))
    restored.load(_through_a_file(runs[0].state()))
    restored.rng.bit_generator.state = runs[0].rng.bit_generator.state
    for learner in (*runs, restored):
        _train_ddpg(learner, 3, best)
    answers = [learner.act(_state(0)) for learner in (*runs, restored)]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def test_a_reward_that_is_not_a_number_stops_the_run_before_the_weights_are_touched() -> None:
    learner = DDPG(2, 1, DDPGSpec(hidden=8, batch=4), 0, np.random.default_rng(0))
    for _ in range(4):
        learner.replay.add(state=[0, 1], action=[0.5], reward=float("nan"), next_state=[0, 1], done=1.0)
    before = [parameter.clone() for parameter in learner.critic.parameters()]
    with pytest.raises(RunError, match="loss became nan"):
        learner.update(0.0)
    for old, new in zip(before, learner.critic.parameters(), strict=True):
        assert torch.equal(old, new)
    with pytest.raises(RunError):
        check_finite(float("inf"), "any")


def test_rainbow_learns_the_pruner_of_each_state_over_several_steps() -> None:
    """Two steps; only the pair (2 at the first, 0 at the second) pays, and it pays at the end."""
    spec = RainbowSpec(hidden=32, rate=2e-3, batch=32, start_transitions=64, target_sync_episodes=5)
    learner = Rainbow((2, 2, 4), (-1.0, 2.0), spec, 0, np.random.default_rng(0))
    rng = np.random.default_rng(5)
    for episode in range(300):
        explore = episode < 60
        actions = [int(rng.integers(4)) if explore else learner.act(_state(step), _identity) for step in range(2)]
        paid = 1.0 if actions == [2, 0] else 0.0
        for step, action in enumerate(actions):
            reward = paid if step == 1 else 0.0
            learner.remember(_state(step), action, reward, _state(1), step == 1)
            learner.update(_identity, _identity, episode / 300)
        if episode % 5 == 0:
            learner.sync()
    assert [learner.act(_state(step), _identity, noisy=False) for step in range(2)] == [2, 0]


def _through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def _identity(states: torch.Tensor) -> torch.Tensor:
    return states


def test_rainbow_never_trains_the_features_it_reads() -> None:
    body = torch.nn.Linear(2, 3)
    learner = Rainbow((2, 3, 4), (-1.0, 1.0), RainbowSpec(hidden=8, batch=4, start_transitions=4), 0, _rng())
    for _ in range(8):
        learner.remember(_state(0), 1, 1.0, _state(1), True)
    assert learner.update(body, body, 0.0) > 0.0
    assert all(parameter.grad is None for parameter in body.parameters())


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_rainbow_waits_for_its_first_transitions() -> None:
    learner = Rainbow((2, 2, 4), (-1.0, 1.0), RainbowSpec(hidden=8, batch=4, start_transitions=10), 0, _rng())
    for _ in range(9):
        learner.remember(_state(0), 1, 1.0, _state(1), True)
    assert learner.update(_identity, _identity, 0.0) == 0.0
    learner.remember(_state(0), 1, 1.0, _state(1), True)
    assert learner.update(_identity, _identity, 0.0) > 0.0


def test_noisy_layer_is_its_mean_plus_the_outer_product_of_its_noise() -> None:
    torch.manual_seed(0)
    layer = NoisyLinear(3, 2)
    layer.draw(torch.Generator().manual_seed(0))
    x = torch.randn(5, 3)
    weight = layer.weight + layer.weight_sigma * torch.outer(layer.noise_out, layer.noise_in)
    bias = layer.bias + layer.bias_sigma * layer.noise_out
    torch.testing.assert_close(layer(x), x @ weight.T + bias)
    torch.testing.assert_close(layer(x, noisy=False), x @ layer.weight.T + layer.bias)


def _unlocked_at(rewards: list[float], spec: MonitorSpec) -> int | None:
    monitor = RewardMonitor(spec)
    for episode, reward in enumerate(rewards):
        if monitor.observe(episode, reward):
            return episode
    return None


def test_the_monitor_unlocks_on_consistent_improvement_only() -> None:
    spec = MonitorSpec(window=4, wins=3, span=5, latest_episode=1000)
    rising = [float(i) for i in range(30)]
    assert _unlocked_at(rising, spec) == 6  # the average exists from episode 3 on, then three new bests
    assert _unlocked_at([1.0] * 100, spec) is None
    assert _unlocked_at([float(-i) for i in range(100)], spec) is None
    bumps = [1.0 if i % 20 == 0 else 0.0 for i in range(200)]
    assert _unlocked_at(bumps, spec) is None


def test_the_monitor_unlocks_at_the_latest_at_its_cap() -> None:
    assert _unlocked_at([0.0] * 50, MonitorSpec(latest_episode=30)) == 29


def test_the_monitor_continues_exactly() -> None:
    first, second = RewardMonitor(MonitorSpec(window=3, wins=2)), RewardMonitor(MonitorSpec(window=3, wins=2))
    for episode, reward in enumerate([1.0, 2.0, 1.0, 3.0]):
        first.observe(episode, reward)
    second.load(first.state())
    assert [m.observe(4, 9.0) for m in (first, second)] == [first.unlocked, first.unlocked]
    assert first.state() == second.state()
