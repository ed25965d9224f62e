"""The composite agent on networks whose best policy is known: it learns, keeps to the schedule, beats random search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compress.methods.baselines.random_search import RandomSearch
from compress.methods.composite.agent import CompositeAgent, CompositeSpec
from compress.methods.composite.ddpg import DDPGSpec
from compress.methods.composite.rainbow import RainbowSpec
from compress.methods.refinement.local_search import Refinement, RefinementSpec
from compress.oracle.measurement import Observation
from compress.policy import LayerPolicy
from compress.searching.archive import Archive
from compress.searching.loop import Phase, Progress, Row, SearchLoop
from compress.searching.method import SearchBudget
from compress.searching.problem import AccuracyBudget, SearchProblem
from compress.searching.reward import load_reward
from tests.reference.toy_oracle import ToyOracle

DEPTH = 4


def _quiet(progress: Progress, row: Row, archive: Archive) -> None:
    pass


def _trained(seed: int) -> SearchLoop:
    problem = SearchProblem(ToyOracle(DEPTH), load_reward(), AccuracyBudget(2.0, 100_000))
    spec = CompositeSpec(
        ddpg=DDPGSpec(hidden=64, batch=32, actor_rate=1e-4, critic_rate=1e-3),
        rainbow=RainbowSpec(hidden=32, batch=32, rate=1e-3),
    ).scaled(100)
    archive = Archive()
    agent = CompositeAgent(problem, SearchBudget(100, DEPTH), spec, seed)
    refinement = Refinement(problem, archive, SearchBudget(20, DEPTH), RefinementSpec(), seed)
    loop = SearchLoop(problem, [Phase(agent, 100), Phase(refinement, 20)], archive)
    loop.run(_quiet)
    return loop


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_composite_method_learns_and_beats_random_search_at_equal_evaluations(seed: int) -> None:
    loop = _trained(seed)
    returns = [row["return"] for row in loop.progress.rows[:100]]
    assert np.mean(returns[-25:]) > np.mean(returns[:25]) + 0.25
    assert loop.progress.rows[99]["rainbow_unlocked"] == 1.0
    problem = SearchProblem(ToyOracle(DEPTH), load_reward(), AccuracyBudget(2.0, 100_000))
    control = SearchLoop(problem, [Phase(RandomSearch(problem, SearchBudget(120, DEPTH), seed), 120)], Archive())
    control.run(_quiet)
    assert control.progress.evaluations == loop.progress.evaluations
    ours, theirs = loop.progress.phase_best[-1], control.progress.phase_best[-1]
    assert ours is not None and theirs is not None
    assert ours.cost < theirs.cost


def test_a_deep_network_is_led_neither_into_ruin_nor_into_doing_nothing() -> None:
    """Sixteen layers whose small losses multiply, as in ResNets: full noise in every layer only ever shows ruins, and
    an agent that has seen nothing else leaves the network alone (best gains 2.6 to 4.2 % over three seeds; now 20 to
    26 %)."""

    class Fragile(ToyOracle):
        def _measure(self, choices: list[LayerPolicy]) -> Observation:
            measured = super()._measure(choices)
            harm = (95.0 - measured.accuracy_pct) / 35.0
            return measured.model_copy(update={"accuracy_pct": 10.0 + 85.0 * float(np.exp(-harm * (1.0 + harm)))})

    problem = SearchProblem(Fragile(16), load_reward(), AccuracyBudget(2.0, 100_000))
    spec = replace(CompositeSpec(), rainbow=RainbowSpec(hidden=32, batch=32, rate=1e-3))
    spec = replace(spec, ddpg=replace(spec.ddpg, hidden=64, batch=32, actor_rate=1e-4, critic_rate=1e-3)).scaled(80)
    loop = SearchLoop(problem, [Phase(CompositeAgent(problem, SearchBudget(80, 16), spec, 0), 80)], Archive())
    loop.run(_quiet)
    rows = loop.progress.rows
    assert np.mean([row["accuracy_loss_pct"] for row in rows[:8]]) > 40.0  # the warm-up's
    assert np.mean([row["accuracy_loss_pct"] for row in rows[-8:]]) < 15.0
    assert np.mean([row["gain_pct"] for row in rows[-8:]]) > 15.0
    best = loop.archive.cheapest(problem.budget.target_pct)
    assert best is not None
    assert best.gain_pct > 15.0


def test_the_paper_budget_leaves_the_paper_settings() -> None:
    assert CompositeSpec().scaled(1100) == CompositeSpec()
    short = CompositeSpec().scaled(110)
    assert short.warmup_episodes == 11
    end = short.ddpg.sigma * short.ddpg.sigma_decay ** (110 - 11)
    assert end == pytest.approx(0.6 * 0.99**1000, rel=1e-6)


def test_rainbow_learns_once_in_a_replay_period(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = SearchProblem(ToyOracle(DEPTH), load_reward(), AccuracyBudget(2.0, 100_000))
    rainbow = RainbowSpec(hidden=16, batch=16, replay_period=3)
    spec = CompositeSpec(warmup_episodes=0, ddpg=DDPGSpec(hidden=24, batch=16), rainbow=rainbow)
    agent = CompositeAgent(problem, SearchBudget(3, DEPTH), spec, 0)
    agent.monitor.unlocked = True
    updates: list[int] = []

    def update(*_: object) -> float:
        updates.append(problem.oracle.evaluations)
        return 0.0

    monkeypatch.setattr(agent.rainbow, "update", update)
    for episode in range(3):
        agent.run_episode(episode)
    assert updates == [1, 4, 7, 10]  # across the episodes' ends


def test_a_short_search_lets_rainbow_learn_more_often() -> None:
    assert CompositeSpec().scaled(1100).rainbow.replay_period == 4  # Hessel et al.
    assert CompositeSpec().scaled(50).rainbow.replay_period == 1
