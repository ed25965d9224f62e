"""A whole search in its folder: from options to results, resumable at any point."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
from torch import Tensor

from compress.methods.baselines.weight_training import frozen_with
from compress.methods.laplace_allocation import Allocation
from compress.methods.refinement.local_search import Refinement, RefinementSpec
from compress.methods.registry import build_method
from compress.policy import Policy
from compress.reports.html_report import write_report
from compress.reports.terminal_progress import SearchDisplay
from compress.search.actions import policy_of
from compress.search.archive import Archive
from compress.search.checkpoint import has_checkpoint
from compress.search.loop import Phase, Progress, Row, SearchLoop
from compress.search.method import SearchBudget, SearchMethod, TrainingMethod
from compress.search.problem import AccuracyBudget, Candidate
from compress.search.result_files import (
    ARCHIVE_FILE,
    EPISODES_FILE,
    POLICY_FILE,
    RESULT_FILE,
    TestFigures,
    archive_content,
    baseline_content,
    best_content,
    episodes_csv,
    final_policy,
    plain,
    read_archive,
    read_result,
    versions,
    write_outcome,
)
from compress.search.run_folder import create, locked, withdraw, write_run
from compress.search.selection import Confirmation, Selection, select
from compress.search.setup import SearchTask, build_task
from compress.search.spec import TRAINING_METHODS, SearchSpec, default_refinement
from hwsim.files.writing import write_bytes

if TYPE_CHECKING:
    from compress.oracle.oracle import Oracle

WEIGHTS_FILE = "weights.safetensors"
"""The weights that a method trained; policy.json holds for these then."""

_SHARING_METHODS = ("random", "nsga2")
"""Controls that get the refinement's evaluations for themselves, so that all are equal."""


@dataclass(frozen=True)
class SessionResult:
    """A finished search: its result.json, and the selection it rests on."""

    content: dict[str, Any]
    selection: Selection | None


def run_session(spec: SearchSpec, folder: Path, display: SearchDisplay, *, resume: bool = False) -> SessionResult:
    """Run or continue a search in its folder and write its results there.

    Raises InputError for wrong options or folders, RunError for a search that failed, KeyboardInterrupt (with a line
    that says how to continue) when it was interrupted.
    """
    if not resume:
        create(folder)
    with locked(folder):
        if resume and (folder / RESULT_FILE).exists():
            display.say(f"'{folder}' is finished; nothing is left to do")
            return SessionResult(read_result(folder), None)
        if not resume:
            write_run(folder, spec.as_dict())
        return _search(spec, folder, display, resume)


def _search(spec: SearchSpec, folder: Path, display: SearchDisplay, resume: bool) -> SessionResult:
    display.say(f"preparing {spec.model} on {spec.data}")
    try:
        task = build_task(spec)
        archive = Archive(task.problem.budget.margin_pct)
        if task.proof is not None:
            display.say(task.proof)
        loop = SearchLoop(task.problem, plan(task, spec, archive), archive, folder, stop_at=spec.stop_at)
        if spec.warm_start is not None and not has_checkpoint(folder):  # a checkpoint holds what came of it
            _warm_start(task, archive, Path(spec.warm_start))
    except BaseException:
        if not resume:
            withdraw(folder)
        raise
    warning = loop.resume() if resume else None
    if warning:
        display.say(f"warning: {warning}")
    with _Events(folder, len(loop.progress.rows)) as events, display.running(_total_episodes(spec), loop.progress):

        def observe(progress: Progress, row: Row, front: Archive) -> None:
            events.write(row)
            display.update(progress, row)

        try:
            loop.run(observe)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted after episode {len(loop.progress.rows)}; continue with"
                f" `compress search --resume --out {folder}`"
            ) from None
    return _finish(spec, folder, task, loop, display)


def plan(task: SearchTask, spec: SearchSpec, archive: Archive) -> list[Phase]:
    """Return the phases of a search: the method, then the refinement where there is one."""
    per_episode = task.problem.depth
    if spec.method in _SHARING_METHODS and spec.refine == -1:
        episodes = spec.episodes + default_refinement(spec.episodes)
        return [Phase(build_method(task, SearchBudget(episodes, per_episode), spec), episodes)]
    method: SearchMethod = build_method(task, SearchBudget(spec.episodes, per_episode), spec)
    phases = [Phase(method, spec.episodes)]
    if spec.refine_episodes:
        budget = SearchBudget(spec.refine_episodes, per_episode)
        weights = [task.graph.weight(layer.name).detach().numpy() for layer in task.graph.layers]
        starts = Allocation(weights, task.problem.actions).starts()
        refinement = Refinement(task.problem, archive, budget, RefinementSpec(), spec.seed, starts=starts)
        phases.append(Phase(refinement, spec.refine_episodes))
    return phases


def _total_episodes(spec: SearchSpec) -> int:
    if spec.method in _SHARING_METHODS and spec.refine == -1:
        return spec.episodes + default_refinement(spec.episodes)
    return spec.episodes + spec.refine_episodes


def _warm_start(task: SearchTask, archive: Archive, folder: Path) -> None:
    """Measure the policies of another run's archive here, where budget or accelerator differ, and start from them."""
    for candidate in read_archive(folder, task.problem.names):
        archive.add(task.problem.measure(candidate.choices, -1))


class _Events:
    """The TensorBoard events of a search; a resumed one continues at its episode."""

    def __init__(self, folder: Path, first: int) -> None:
        self._folder, self._first = folder, first

    def __enter__(self) -> _Events:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=self._first)
        return self

    def write(self, row: Row) -> None:
        """Add the figures of an episode."""
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != "episode":
                self._writer.add_scalar(f"search/{name}", value, row["episode"])

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _finish(
    spec: SearchSpec, folder: Path, task: SearchTask, loop: SearchLoop, display: SearchDisplay
) -> SessionResult:
    start = time.perf_counter()
    problem = task.problem
    if loop.stopped():
        display.say(f"stopped after episode {len(loop.progress.rows)}: a policy saves {spec.stop_at:g} % or more")
    selection = select(loop.archive, problem.budget, _confirmation(spec, task, display))
    display.say("measuring the chosen policy on the test set")
    chosen = policy_of(problem.names, selection.candidate.choices)
    weights = _trained_weights(loop.phases[0].method, selection.candidate)
    judge = task.oracle if weights is None else task.oracle_of(frozen_with(task.model, weights))
    figures = TestFigures(task.oracle.baseline_on("test"), judge.evaluate(chosen, split="test"))
    policy = final_policy(spec, judge.realised(chosen), None if weights is None else WEIGHTS_FILE)
    episodes = sum(row["phase"] == loop.phases[0].method.name for row in loop.progress.rows)
    content = {
        "schema": 1,
        "method": spec.method,
        "model": spec.model,
        "data": spec.data,
        "baseline": baseline_content(figures),
        "best": best_content(figures, policy),
        "episodes": min(spec.episodes, episodes),
        "evaluations": loop.progress.evaluations,
        "wall_s": loop.progress.elapsed_s + loop.progress.saving_s + time.perf_counter() - start,
        "seed": spec.seed,
        "versions": versions(),
        "feasible": selection.feasible,
        "max_loss_pct": spec.max_loss,
        "stop_at_pct": spec.stop_at,
        "margin_pct": problem.budget.margin_pct,
        "metric": spec.metric,
        "energy": spec.energy,
        "accelerator": spec.accelerator,
        "validation": _validation_content(task, selection, loop),
        "layers": _layer_energies(task, judge, chosen),
        "closest": [_figures(candidate) for candidate in selection.closest],
        "overhead_pct": _overhead_pct(loop.progress),
        "episode_s": loop.progress.method_s / episodes,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "hyperparameters": {phase.method.name: phase.method.hyperparameters() for phase in loop.phases},
    }
    content = plain(content)
    contents: dict[str, Any] = {
        EPISODES_FILE: episodes_csv(loop.progress.rows),
        POLICY_FILE: policy.as_json(),
        ARCHIVE_FILE: plain(archive_content(problem.names, loop.archive.front())),
        RESULT_FILE: content,
    }
    if weights is not None:
        write_bytes(folder / WEIGHTS_FILE, safetensors.torch.save({k: v.contiguous() for k, v in weights.items()}))
    write_outcome(folder, contents)
    write_report(folder)
    return SessionResult(content, selection)


def _figures(candidate: Candidate) -> dict[str, float]:
    return {
        "accuracy_pct": candidate.accuracy_pct,
        "accuracy_loss_pct": candidate.loss_pct,
        "gain_pct": candidate.gain_pct,
        "energy_pj": candidate.energy_pj,
        "latency_ms": candidate.latency_ms,
    }


def _confirmation(spec: SearchSpec, task: SearchTask, display: SearchDisplay) -> Confirmation | None:
    """Return what measures on the validation images that the search did not look at; None where it looked at all, and
    for methods that keep the weights of few policies only."""
    images = task.oracle.images_of("unseen")
    if not images or spec.method in TRAINING_METHODS:
        return None
    display.say(f"confirming the best policies on {images} validation images that the search did not look at")
    baseline = task.oracle.baseline_on("unseen").accuracy_pct

    def loss_pct(candidate: Candidate) -> float:
        policy = policy_of(task.problem.names, candidate.choices)
        return baseline - task.oracle.evaluate(policy, split="unseen").accuracy_pct

    # one standard error: these images hardly flatter a policy, since only the last few looks choose on them
    return Confirmation(loss_pct, AccuracyBudget(spec.max_loss, images, 1.0))


def _validation_content(task: SearchTask, selection: Selection, loop: SearchLoop) -> dict[str, Any]:
    method_best = loop.progress.phase_best[0]
    return {
        "images": task.oracle.images_of("validation"),
        "wider_images": task.oracle.images_of("wider"),
        "baseline_accuracy_pct": task.problem.oracle.baseline.accuracy_pct,
        **_figures(selection.candidate),
        "confirming_images": task.oracle.images_of("unseen"),
        "confirmed_loss_pct": selection.confirmed_loss_pct,
        "before_refinement": None if method_best is None else _figures(method_best),
    }


def _trained_weights(method: SearchMethod, candidate: Candidate) -> dict[str, Tensor] | None:
    """Return the weights that a method trained for a candidate; None where it trains none."""
    if not method.needs_training_data:
        return None
    assert isinstance(method, TrainingMethod)
    return method.trained_weights(candidate)


def _layer_energies(task: SearchTask, judge: Oracle, chosen: Policy) -> list[dict[str, Any]]:
    before = task.oracle.price(Policy({})).layer_energy_pj
    after = judge.price(chosen).layer_energy_pj
    return [
        {"name": name, "energy_before_pj": before[name], "energy_after_pj": energy_pj}
        for name, energy_pj in after.items()
    ]


def _overhead_pct(progress: Progress) -> float:
    """Return the share of the search that was not spent measuring: the agent's own updates and bookkeeping."""
    return 100.0 * (1.0 - progress.measuring_s / progress.elapsed_s) if progress.elapsed_s > 0 else 0.0
