"""The baselines on the toy network, and their formulas against direct computation."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compress.methods.baselines.amc import AMC, LOWEST_KEEP
from compress.methods.baselines.budget_bisection import ROUNDS, BudgetLadder
from compress.methods.baselines.haq import HAQ
from compress.methods.baselines.nsga2 import NSGA2Search
from compress.methods.baselines.opq import OPQ
from compress.methods.baselines.random_search import RandomSearch
from compress.methods.baselines.terminal_agent import TerminalSpec
from compress.methods.baselines.uniform import UniformGrid, uniform_choices
from compress.policy import LayerPolicy
from compress.searching.archive import Archive
from compress.searching.loop import Phase, Progress, Row, SearchLoop
from compress.searching.method import SearchBudget, SearchMethod
from compress.searching.problem import AccuracyBudget, SearchProblem
from compress.searching.reward import load_reward
from compress.vocabulary import Objectives
from tests.reference.toy_oracle import ToyOracle

DEPTH = 4


def _problem(pruner: str = "l1_ranked") -> SearchProblem:
    return SearchProblem(ToyOracle(DEPTH, pruner), load_reward(), AccuracyBudget(2.0, 100_000))


def _weights() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.laplace(scale=0.02 * (i + 1), size=(8, 8, 3, 3)).astype(np.float32) for i in range(DEPTH)]


def _method(name: str, problem: SearchProblem, budget: SearchBudget, seed: int) -> SearchMethod:
    builders: dict[str, Callable[[], SearchMethod]] = {
        "amc": lambda: AMC(problem, budget, TerminalSpec().scaled(budget.episodes), seed),
        "haq": lambda: HAQ(problem, budget, TerminalSpec().scaled(budget.episodes), seed),
        "nsga2": lambda: NSGA2Search(problem, budget, Objectives.REWARD, seed),
        "nsga2-two": lambda: NSGA2Search(problem, budget, Objectives.TWO, seed),
        "opq": lambda: OPQ(problem, budget, _weights()),
        "random": lambda: RandomSearch(problem, budget, seed),
        "uniform": lambda: UniformGrid(problem, budget),
    }
    return builders[name]()


def _run(
    name: str, episodes: int, folder: Path | None = None, *, stop: int = 10**9, pruner: str = "l1_ranked"
) -> SearchLoop:
    problem = _problem(pruner)
    method = _method(name, problem, SearchBudget(episodes, DEPTH), 0)
    loop = SearchLoop(problem, [Phase(method, episodes)], Archive(), folder)
    loop.resume()

    def observe(progress: Progress, row: Row, archive: Archive) -> None:
        if len(progress.rows) == stop:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        loop.run(observe)
    return loop


@pytest.mark.parametrize("name", ["amc", "haq", "nsga2", "nsga2-two", "opq", "random", "uniform"])
def test_each_method_finds_a_policy_and_resumes_to_the_identical_result(tmp_path: Path, name: str) -> None:
    pruner = "fm_reconstruction" if name == "amc" else "l1_ranked"
    whole = _run(name, 30, pruner=pruner)
    _run(name, 30, tmp_path, stop=13, pruner=pruner)
    resumed = _run(name, 30, tmp_path, pruner=pruner)
    assert len(resumed.progress.rows) == {"opq": 25}.get(name, 30)  # its grid of 10 x 10 points ends before
    assert resumed.progress.rows == whole.progress.rows
    assert resumed.archive.state() == whole.archive.state()
    assert whole.archive.best_reward is not None and whole.archive.best_reward.reward > 0.0


@pytest.mark.parametrize("name", ["nsga2", "random"])
def test_the_controls_use_as_many_evaluations_as_the_agent(name: str) -> None:
    assert _run(name, 7).progress.evaluations == 7 * DEPTH


def test_nsga2_improves_over_its_first_generation() -> None:
    loop = _run("nsga2", 100)
    rewards = [row["reward"] for row in loop.progress.rows]
    assert np.mean(rewards[-10:]) > max(rewards[:5])


def test_two_objectives_find_a_wider_front_than_the_reward() -> None:
    fronts = {name: _run(name, 150).archive.front() for name in ("nsga2", "nsga2-two")}
    cheap = {name: min(candidate.cost for candidate in front) for name, front in fronts.items()}
    assert cheap["nsga2-two"] < cheap["nsga2"]


def test_amc_keeps_the_budget_reachable_and_rounds_channels() -> None:
    problem = _problem()
    for layer in problem.oracle.layers:
        object.__setattr__(layer, "in_channels", 64)
    amc = AMC(problem, SearchBudget(10, DEPTH), TerminalSpec(), 0)
    energy = np.array([layer.energy_pj for layer in problem.oracle.layers])
    share = (LOWEST_KEEP + 1.0) / 2
    keeps = [1.0]
    for index in range(1, DEPTH):
        keeps.append(amc.largest_keep(index, keeps) if amc.largest_keep(index, keeps) < 1 else 1.0)
    assert energy @ np.array(keeps) <= share * energy.sum() + 1e-9
    assert [amc.rounded(1, keep) for keep in (0.01, 0.2, 0.5, 0.57, 1.0)] == [0.125, 0.25, 0.5, 0.625, 1.0]


def test_haq_cuts_back_from_the_last_layer_and_leaves_the_ends_at_8_bits() -> None:
    problem = _problem()
    haq = HAQ(problem, SearchBudget(10, DEPTH), TerminalSpec(), 0)
    full = [8] * (2 * DEPTH)
    assert haq.within_budget(full, 1.0) == full
    just_below = haq.within_budget(full, 0.999999)
    assert just_below == [8, 8, 8, 8, 8, 7, 8, 8]
    lowest = haq.within_budget(full, 0.0)
    assert lowest == [8, 8, 2, 2, 2, 2, 8, 8]
    for share in (0.95, 0.9, 0.85, 0.8):
        bits = haq.within_budget(full, share)
        choices = [LayerPolicy(bits=w, activation_bits=a) for w, a in zip(bits[::2], bits[1::2], strict=True)]
        assert problem.price(choices) <= share
        assert max(bits[2:-2]) - min(bits[2:-2]) <= 1  # in rounds, not one layer to its end


def test_the_ladder_bisects_towards_the_tightest_budget_that_is_met() -> None:
    ladder = BudgetLadder(100, 0.2, 1.0)
    for episode in range(100):
        ladder.finish(episode, met=ladder.share >= 0.47)
    assert abs(ladder.share - 0.47) <= 0.8 / 2**ROUNDS


def test_the_uniform_grid_starts_with_the_precisions() -> None:
    grid = uniform_choices(_problem())
    assert [(layer.pruner, layer.bits) for layer in grid[:7]] == [("none", bits) for bits in range(8, 1, -1)]
    assert len(grid) == 7 + 7 * 9 * 7
    assert len({layer.action for layer in grid}) == len(grid)
