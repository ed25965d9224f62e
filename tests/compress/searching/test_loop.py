"""Any method in the loop: archive, phases, checkpoints, and continuing to the identical result."""

import contextlib
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from compress.methods.baselines.random_search import RandomSearch
from compress.methods.baselines.uniform import UniformGrid
from compress.methods.composite.agent import CompositeAgent, CompositeSpec
from compress.methods.composite.ddpg import DDPGSpec
from compress.methods.composite.rainbow import RainbowSpec
from compress.methods.refinement.local_search import Refinement, RefinementSpec
from compress.policy import LayerPolicy
from compress.searching.archive import Archive, candidate_from, candidate_state
from compress.searching.checkpoint import CURRENT, PREVIOUS, load_checkpoint, save_checkpoint
from compress.searching.loop import Observer, Phase, Progress, Row, SearchLoop
from compress.searching.method import EpisodeOutcome, SearchBudget, SearchMethod
from compress.searching.problem import AccuracyBudget, Candidate, SearchProblem
from compress.searching.reward import load_reward
from compress.searching.selection import Confirmation, select
from hwsim.errors import InputError, RunError
from tests.reference.finished_search import candidate as made_up
from tests.reference.toy_oracle import ToyOracle

DEPTH = 4
SMALL = CompositeSpec(
    ddpg=DDPGSpec(hidden=24, batch=16), rainbow=RainbowSpec(hidden=16, batch=16, start_transitions=16)
)


def _loop(
    folder: Path | None,
    method: str = "composite",
    episodes: int = 12,
    seed: int = 0,
    *,
    stop_at: float | None = None,
) -> SearchLoop:
    problem = SearchProblem(ToyOracle(DEPTH), load_reward(), AccuracyBudget(2.0, 100_000))
    archive = Archive()
    budget = SearchBudget(episodes, DEPTH)
    main: SearchMethod
    if method == "composite":
        main = CompositeAgent(problem, budget, SMALL.scaled(episodes), seed)
    elif method == "random":
        main = RandomSearch(problem, budget, seed)
    else:
        main = UniformGrid(problem, budget)
    refinement = Refinement(problem, archive, SearchBudget(3, DEPTH), RefinementSpec(), seed)
    return SearchLoop(problem, [Phase(main, episodes), Phase(refinement, 3)], archive, folder, stop_at=stop_at)


class _Stop(Exception):
    pass


def _stop_after(count: int) -> Observer:
    def observe(progress: Progress, row: Row, archive: Archive) -> None:
        if len(progress.rows) == count:
            raise _Stop

    return observe


def _ignore(progress: Progress, row: Row, archive: Archive) -> None:
    pass


@pytest.mark.parametrize("stop_at", [5.0, 20.0, 99.0])
def test_a_search_stops_at_the_first_policy_that_saves_what_was_asked_for(tmp_path: Path, stop_at: float) -> None:
    whole = _loop(None, "random")
    whole.run(_ignore)
    wanted = [row["episode"] for row in whole.progress.rows if row["best_gain_pct"] >= stop_at]
    assert bool(wanted) == (stop_at < 99.0)
    episodes = wanted[0] + 1 if wanted else len(whole.progress.rows)
    loop = _loop(tmp_path, "random", stop_at=stop_at)
    loop.run(_ignore)
    assert loop.progress.rows == whole.progress.rows[:episodes]
    assert loop.stopped() == bool(wanted)
    again = _loop(tmp_path, "random", stop_at=stop_at)  # killed before its result was written
    assert again.resume() is None
    again.run(_ignore)
    assert again.progress.rows == loop.progress.rows


def test_the_time_that_checkpoints_take_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compress.searching.loop.save_checkpoint", lambda folder, content: time.sleep(0.02))
    loop = _loop(tmp_path, "random", episodes=4)
    loop.run(_ignore)
    assert loop.progress.saving_s >= 7 * 0.02


@pytest.mark.parametrize("method", ["composite", "random", "uniform"])
@pytest.mark.parametrize("stop", [1, 5, 12, 13])
def test_a_resumed_search_ends_as_an_uninterrupted_one(tmp_path: Path, method: str, stop: int) -> None:
    whole = _loop(None, method)
    whole.run(_ignore)
    first = _loop(tmp_path, method)
    with pytest.raises(_Stop):
        first.run(_stop_after(stop))
    second = _loop(tmp_path, method, seed=0)
    assert second.resume() is None
    second.run(_ignore)
    assert second.progress.rows == whole.progress.rows
    assert second.archive.state() == whole.archive.state()
    assert second.progress.phase_best == whole.progress.phase_best
    assert second.progress.evaluations == whole.progress.evaluations == 15 * DEPTH


def test_the_same_seed_gives_the_same_search_and_another_seed_another() -> None:
    loops = [_loop(None, seed=seed) for seed in (3, 3, 4)]
    for loop in loops:
        loop.run(_ignore)
    assert loops[0].progress.rows == loops[1].progress.rows
    assert loops[0].progress.rows != loops[2].progress.rows


def test_a_corrupt_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path: Path) -> None:
    whole = _loop(None)
    whole.run(_ignore)
    with pytest.raises(_Stop):
        _loop(tmp_path).run(_stop_after(6))
    content = bytearray((tmp_path / CURRENT).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / CURRENT).write_bytes(bytes(content))
    second = _loop(tmp_path)
    warning = second.resume()
    assert warning is not None and CURRENT in warning and "corrupt" in warning
    assert len(second.progress.rows) == 5
    second.run(_ignore)
    assert second.progress.rows == whole.progress.rows


@pytest.mark.parametrize("missing", ["measurement", "choices"])
def test_a_checkpoint_of_another_version_is_refused_in_one_line(tmp_path: Path, missing: str) -> None:
    with pytest.raises(_Stop):
        _loop(tmp_path).run(_stop_after(2))
    content = load_checkpoint(tmp_path).content
    for candidate in content["archive"]["front"]:
        del candidate[missing]
    save_checkpoint(tmp_path, content)
    with pytest.raises(InputError, match="another version") as caught:
        _loop(tmp_path).resume()
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_two_corrupt_checkpoints_are_one_line(tmp_path: Path) -> None:
    for _ in range(2):
        save_checkpoint(tmp_path, {"x": 1})
    (tmp_path / CURRENT).write_bytes(b"")
    (tmp_path / PREVIOUS).write_bytes(b"not a checkpoint at all")
    with pytest.raises(InputError, match="corrupt") as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_wants_to_execute_code_is_refused(tmp_path: Path) -> None:
    import hashlib
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "executed",))

    payload = pickle.dumps({"x": Evil()}, protocol=2)
    (tmp_path / CURRENT).write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    with pytest.raises(InputError, match="is not a checkpoint"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_a_kill_between_the_two_renames_leaves_the_one_before(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"episode": 1})
    (tmp_path / CURRENT).replace(tmp_path / PREVIOUS)
    assert load_checkpoint(tmp_path).content == {"episode": 1}


def test_a_full_disk_is_one_line_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import compress.searching.checkpoint as module

    save_checkpoint(tmp_path, {"episode": 1})

    def full(path: Path, content: bytes) -> None:
        raise InputError(f"cannot write '{path}': No space left on device; free space or choose another folder")

    monkeypatch.setattr(module, "write_bytes", full)
    with pytest.raises(RunError, match=r"No space left.*--resume") as caught:
        save_checkpoint(tmp_path, {"episode": 2})
    assert "\n" not in str(caught.value)
    assert load_checkpoint(tmp_path).content == {"episode": 1}


def test_not_a_number_in_the_reward_ends_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    loop = _loop(tmp_path)
    with pytest.raises(_Stop):
        loop.run(_stop_after(8))
    agent = loop.phases[0].method
    assert isinstance(agent, CompositeAgent)
    agent.ddpg.replay._arrays["reward"][:] = np.nan
    with pytest.raises(RunError, match=r"loss became nan.*--resume"):
        loop.run(_ignore)
    second = _loop(tmp_path)
    second.resume()
    assert len(second.progress.rows) == 8
    second.run(_ignore)


def _candidate(loss: float, cost: float, reward: float = 0.0, distortion: float | None = None) -> Candidate:
    distortion = (1.0 + loss) / 100.0 if distortion is None else distortion
    choices = (LayerPolicy("level", 0.5, 4),)
    return made_up(loss, cost, reward=reward, distortion=distortion, choices=choices)


def test_the_archive_keeps_exactly_the_non_dominated() -> None:
    rng = np.random.default_rng(0)
    points = [_candidate(float(loss), float(cost)) for loss, cost in rng.integers(0, 12, (200, 2))]
    archive = Archive()
    archive.extend(points)

    def dominated(point: Candidate) -> bool:
        return any(
            other.loss_pct <= point.loss_pct
            and other.cost <= point.cost
            and (other.loss_pct, other.cost) != (point.loss_pct, point.cost)
            for other in points
        )

    expected = {(point.loss_pct, point.cost) for point in points if not dominated(point)}
    front = archive.front()
    assert {(point.loss_pct, point.cost) for point in front} == expected
    assert len(front) == len(expected)
    assert [point.loss_pct for point in front] == sorted(point.loss_pct for point in front)
    assert archive.seen == 200


def test_a_candidate_survives_its_state() -> None:
    candidate = _candidate(1.0, 0.5)
    assert candidate_from(candidate_state(candidate)) == candidate


def test_selection_keeps_the_margin_then_the_budget_then_the_reward() -> None:
    budget = AccuracyBudget(2.0, 1600)  # a margin of 0.71 points
    archive = Archive()
    archive.extend([_candidate(3.0, 0.3, 0.9)])
    nothing = select(archive, budget)
    assert not nothing.feasible and nothing.candidate.loss_pct == 3.0
    assert [candidate.loss_pct for candidate in nothing.closest] == [3.0]
    archive.extend([_candidate(1.9, 0.5), _candidate(-1.0, 1.0)])
    assert select(archive, budget).candidate.loss_pct == 1.9
    archive.extend([_candidate(1.2, 0.6)])
    assert select(archive, budget).candidate.loss_pct == 1.2
    assert select(archive, budget).feasible


def test_the_choice_is_confirmed_on_images_that_the_search_did_not_look_at() -> None:
    """Each policy flatters itself by a point: the cheapest that really keeps the budget is the one three before."""
    archive = Archive()
    archive.extend([_candidate(0.1 * step, 1.0 - 0.02 * step) for step in range(1, 31)])
    looked: list[float] = []

    def loss_pct(candidate: Candidate) -> float:
        looked.append(candidate.loss_pct)
        return candidate.loss_pct + 1.0

    confirmation = Confirmation(loss_pct, AccuracyBudget(2.0, 20_000))  # a margin of 0.2 points
    selection = select(archive, AccuracyBudget(2.0, 500, 1.0), confirmation)
    assert selection.feasible and selection.candidate.loss_pct == pytest.approx(0.8)
    assert selection.confirmed_loss_pct == pytest.approx(1.8)
    assert len(looked) == len(set(looked)) <= 24


def test_lucky_policies_do_not_lead_the_search_for_the_choice_astray() -> None:
    """The agent of a long search leaves hundreds of policies that save little and distort much, but were lucky."""
    ruins = [_candidate(2.5 - 0.001 * step, 0.3 + 0.0005 * step, distortion=0.04) for step in range(64)]
    good = [_candidate(1.0 - 0.05 * step, 0.4 + 0.01 * step, distortion=0.017 - 0.001 * step) for step in range(6)]
    lucky = [_candidate(0.5 - 0.002 * step, 0.5 + 0.003 * step, distortion=0.03) for step in range(60)]
    mild = [_candidate(0.2 - 0.002 * step, 0.8 + 0.002 * step, distortion=0.01) for step in range(20)]
    archive = Archive(tolerance_pct=1.0)
    archive.extend([*ruins, *good, *lucky, *mild])
    confirmation = Confirmation(lambda known: 100.0 * known.distortion, AccuracyBudget(2.0, 20_000))
    selection = select(archive, AccuracyBudget(2.0, 500, 1.0), confirmation)
    assert selection.candidate == good[0]  # the first strides miss it


def test_policies_that_promise_too_much_do_not_hide_a_cheaper_one_that_keeps_the_budget() -> None:
    """Those that save little were measured on one sample and lose 2 points more than they say, the others 0.5."""
    archive = Archive()
    archive.extend([_candidate(0.1 * step, 1.0 - 0.02 * step) for step in range(1, 31)])

    def loss_pct(candidate: Candidate) -> float:
        return candidate.loss_pct + (2.0 if candidate.loss_pct < 1.05 else 0.5)

    selection = select(archive, AccuracyBudget(2.0, 500, 1.0), Confirmation(loss_pct, AccuracyBudget(2.0, 20_000)))
    assert selection.candidate.loss_pct == pytest.approx(1.3)


def test_what_is_beaten_by_less_than_the_tolerance_still_contends() -> None:
    archive = Archive(tolerance_pct=0.5)
    archive.extend([_candidate(1.0, 0.6), _candidate(1.4, 0.65), _candidate(1.6, 0.61), _candidate(1.2, 0.5)])
    assert [known.loss_pct for known in archive.front()] == [1.0, 1.2]
    assert [known.loss_pct for known in archive.contenders()] == [1.4, 1.0, 1.2]
    again = Archive(tolerance_pct=0.5)
    again.load(archive.state())
    assert again.contenders() == archive.contenders() and again.front() == archive.front()
    archive.add(_candidate(0.6, 0.55))
    assert [known.loss_pct for known in archive.contenders()] == [1.0, 0.6, 1.2]


def test_a_choice_that_nothing_confirms_is_not_feasible() -> None:
    archive = Archive()
    archive.extend([_candidate(0.1 * step, 1.0 - 0.02 * step, reward=step) for step in range(1, 11)])
    confirmation = Confirmation(lambda candidate: candidate.loss_pct + 5.0, AccuracyBudget(2.0, 20_000))
    selection = select(archive, AccuracyBudget(2.0, 500, 1.0), confirmation)
    assert not selection.feasible and len(selection.closest) == 5
    assert selection.confirmed_loss_pct is None


def test_few_confirming_images_leave_no_margin_but_keep_the_budget() -> None:
    archive = Archive()
    archive.extend([_candidate(0.1 * step, 1.0 - 0.02 * step) for step in range(1, 31)])
    confirmation = Confirmation(lambda candidate: candidate.loss_pct + 0.5, AccuracyBudget(2.0, 100))
    selection = select(archive, AccuracyBudget(2.0, 500, 1.0), confirmation)
    assert confirmation.budget.target_pct == 0.0
    assert selection.feasible and 0.5 < (selection.confirmed_loss_pct or 0.0) <= 2.0


def test_refinement_comes_near_the_known_optimum() -> None:
    oracle = ToyOracle(DEPTH)
    problem = SearchProblem(oracle, load_reward(), AccuracyBudget(0.0, 100_000))
    archive = Archive()
    refinement = Refinement(problem, archive, SearchBudget(80, DEPTH), RefinementSpec(), 0)
    loop = SearchLoop(problem, [Phase(refinement, 80)], archive)
    loop.run(_ignore)
    best = archive.cheapest(0.0)
    assert best is not None
    assert best.cost < oracle.cheapest_cost() + 0.05


def test_a_network_of_one_layer_is_searched() -> None:
    problem = SearchProblem(ToyOracle(1), load_reward(), AccuracyBudget(2.0, 100_000))
    archive = Archive()
    budget = SearchBudget(20, 1)
    agent = CompositeAgent(problem, budget, SMALL.scaled(20), 0)
    refinement = Refinement(problem, archive, SearchBudget(20, 1), RefinementSpec(), 0)
    SearchLoop(problem, [Phase(agent, 20), Phase(refinement, 20)], archive).run(_ignore)
    assert select(archive, problem.budget).feasible


def test_ctrl_c_that_something_swallows_stops_after_the_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = _loop(tmp_path, "random", episodes=6)
    method, run_episode = loop.phases[0].method, loop.phases[0].method.run_episode

    def swallowing(episode: int) -> EpisodeOutcome:
        if episode == 2:
            with contextlib.suppress(KeyboardInterrupt):  # as Python does where a finalizer is running
                signal.raise_signal(signal.SIGINT)
        return run_episode(episode)

    monkeypatch.setattr(method, "run_episode", swallowing)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(_ignore)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(loop.progress.rows) == 3
