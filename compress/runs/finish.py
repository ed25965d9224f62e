"""The end of a search: the choice, its test figures, and the files that hold them."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
from torch import Tensor

from compress.images.split import Split
from compress.methods.baselines.weight_training import frozen_with
from compress.policy import Policy
from compress.reports.html_report import write_report
from compress.reports.terminal_progress import SearchDisplay
from compress.runs.plan import Plan
from compress.searching.actions import policy_of
from compress.searching.loop import Progress, SearchLoop
from compress.searching.method import SearchMethod, TrainingMethod
from compress.searching.problem import AccuracyBudget, Candidate
from compress.searching.result_files import (
    ARCHIVE_FILE,
    EPISODES_FILE,
    POLICY_FILE,
    ArchiveFile,
    BestPolicy,
    CandidateFigures,
    LayerEnergy,
    Result,
    ValidationFigures,
    episodes_csv,
    final_policy,
    versions,
    write_outcome,
)
from compress.searching.run_folder import RESULT_FILE
from compress.searching.selection import Confirmation, Selection, select
from compress.searching.setup import SearchTask
from hwsim.files.writing import write_bytes

if TYPE_CHECKING:
    from compress.oracle.oracle import Oracle

WEIGHTS_FILE = "weights.safetensors"
"""The weights that a method trained; policy.json holds for these then."""


def finish(plan: Plan, folder: Path, task: SearchTask, loop: SearchLoop, display: SearchDisplay) -> Result:
    """Choose a policy, measure it on the test set, and write the run's files; raises RunError where none was found."""
    start, spec, problem = time.perf_counter(), task.spec, task.problem
    if loop.stopped():
        display.say(f"stopped after episode {len(loop.progress.rows)}: a policy saves {spec.stop_at:g} % or more")
    selection = select(loop.archive, problem.budget, _confirmation(plan, task, display))
    display.say("measuring the chosen policy on the test set")
    chosen = policy_of(problem.names, selection.candidate.choices)
    weights = _trained_weights(loop.phases[0].method, selection.candidate)
    judge = task.oracle if weights is None else task.oracle_of(frozen_with(task.model, weights))
    baseline, measured = task.oracle.baseline_on(Split.TEST).figures, judge.evaluate(chosen, split=Split.TEST).figures
    policy = final_policy(spec, judge.completed(chosen), None if weights is None else WEIGHTS_FILE)
    episodes = sum(row["phase"] == loop.phases[0].method.name for row in loop.progress.rows)
    result = Result(
        method=spec.method,
        model=task.source.model,
        data=task.source.data,
        baseline=baseline,
        best=BestPolicy.of(measured, baseline, policy),
        episodes=min(spec.episodes, episodes),
        evaluations=loop.progress.evaluations,
        wall_s=loop.progress.elapsed_s + loop.progress.saving_s + time.perf_counter() - start,
        seed=spec.seed,
        versions=versions(),
        feasible=selection.feasible,
        max_loss_pct=spec.max_loss,
        stop_at_pct=spec.stop_at,
        margin_pct=problem.budget.margin_pct,
        metric=spec.metric,
        energy=spec.energy,
        accelerator=spec.accelerator,
        validation=_validation(task, selection, loop),
        layers=_layer_energies(task, judge, chosen),
        closest=tuple(CandidateFigures.of(candidate) for candidate in selection.closest),
        overhead_pct=_overhead_pct(loop.progress),
        episode_s=loop.progress.method_s / episodes if episodes else 0.0,
        peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        hyperparameters={phase.method.name: phase.method.hyperparameters() for phase in loop.phases},
    )
    archive = ArchiveFile(layers=tuple(problem.names), front=tuple(loop.archive.front()))
    if weights is not None:
        write_bytes(folder / WEIGHTS_FILE, safetensors.torch.save({k: v.contiguous() for k, v in weights.items()}))
    contents = {
        EPISODES_FILE: episodes_csv(loop.progress.rows),
        POLICY_FILE: policy.to_json(),
        ARCHIVE_FILE: archive.to_json(),
        RESULT_FILE: result.to_json(),
    }
    write_outcome(folder, contents)
    write_report(folder)
    return result


def _confirmation(plan: Plan, task: SearchTask, display: SearchDisplay) -> Confirmation | None:
    """Return what measures on the validation images that the search did not look at; None where it looked at all, and
    for methods that keep the weights of few policies only."""
    images = task.oracle.images_of(Split.UNSEEN)
    if not images or plan.entry.trains_weights:
        return None
    display.say(f"confirming the best policies on {images} validation images that the search did not look at")
    baseline = task.oracle.baseline_on(Split.UNSEEN)

    def loss_pct(candidate: Candidate) -> float:
        policy = policy_of(task.problem.names, candidate.choices)
        return task.oracle.evaluate(policy, split=Split.UNSEEN).lost_pct(baseline)

    # one standard error: these images hardly flatter a policy, since only the last few looks choose on them
    return Confirmation(loss_pct, AccuracyBudget(task.spec.max_loss, images, 1.0))


def _validation(task: SearchTask, selection: Selection, loop: SearchLoop) -> ValidationFigures:
    method_best = loop.progress.phase_best[0]
    return ValidationFigures(
        **dict(CandidateFigures.of(selection.candidate)),
        images=task.oracle.images_of(Split.VALIDATION),
        wider_images=task.oracle.images_of(Split.WIDER),
        baseline_accuracy_pct=task.oracle.baseline.accuracy_pct,
        confirming_images=task.oracle.images_of(Split.UNSEEN),
        confirmed_loss_pct=selection.confirmed_loss_pct,
        before_refinement=None if method_best is None else CandidateFigures.of(method_best),
    )


def _trained_weights(method: SearchMethod, candidate: Candidate) -> dict[str, Tensor] | None:
    """Return the weights that a method trained for a candidate; None where it trains none."""
    if not method.needs_training_data:
        return None
    assert isinstance(method, TrainingMethod)
    return method.trained_weights(candidate)


def _layer_energies(task: SearchTask, judge: Oracle, chosen: Policy) -> tuple[LayerEnergy, ...]:
    before = task.oracle.price(Policy({})).layer_energy_pj
    after = judge.price(chosen).layer_energy_pj
    return tuple(
        LayerEnergy(name=name, energy_before_pj=before[name], energy_after_pj=energy_pj)
        for name, energy_pj in after.items()
    )


def _overhead_pct(progress: Progress) -> float:
    """Return the share of the search that was not spent measuring: the agent's own updates and bookkeeping."""
    return 100.0 * (1.0 - progress.measuring_s / progress.elapsed_s) if progress.elapsed_s > 0 else 0.0
