"""The search loop: any method, episode by episode, checkpointed so that a kill loses at most the episode in
progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compress.searching.archive import Archive, candidate_from, candidate_state
from compress.searching.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from compress.searching.interrupt import remembered_interrupt
from compress.searching.method import SearchMethod
from compress.searching.problem import Candidate, SearchProblem
from hwsim.errors import InputError

Row = dict[str, Any]


@dataclass(frozen=True)
class Phase:
    """A part of a search: a method and how many episodes it runs."""

    method: SearchMethod
    episodes: int


@dataclass
class Progress:
    """Where a search stands; all of it is in the checkpoint.

    `rows` is episodes.csv; `phase_best` the cheapest allowed candidate at each phase's end; `elapsed_s` the episodes'
    time, of which `method_s` went into the method itself, not into refinement; `saving_s` that of their checkpoints.
    """

    phase: int = 0
    episode: int = 0
    evaluations: int = 0
    elapsed_s: float = 0.0
    method_s: float = 0.0
    measuring_s: float = 0.0
    saving_s: float = 0.0
    rows: list[Row] = field(default_factory=list)
    phase_best: list[Candidate | None] = field(default_factory=list)


Observer = Callable[[Progress, Row, Archive], None]
"""Called after each episode, once its checkpoint is on the disk."""


class SearchLoop:
    """Runs phases one after the other over one archive.

    `folder` takes the checkpoints; None runs without any (tests, library use). `stop_at`: the gain in percent at which
    a policy within the accuracy budget ends the search.
    """

    def __init__(
        self,
        problem: SearchProblem,
        phases: list[Phase],
        archive: Archive,
        folder: Path | None = None,
        *,
        stop_at: float | None = None,
    ) -> None:
        self._problem, self._folder, self._stop_at = problem, folder, stop_at
        self.phases = phases
        self.archive = archive
        self.progress = Progress()

    def resume(self) -> str | None:
        """Continue from the folder's checkpoint, from the start where none was written yet; return a warning or None.

        Raises InputError where no checkpoint is readable or it does not fit this search.
        """
        if self._folder is None or not has_checkpoint(self._folder):
            return None
        loaded = load_checkpoint(self._folder)
        try:
            self._restore(loaded.content)
        except InputError:  # it says itself what is wrong
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # its hash holds, so it was written like this
            raise InputError(
                f"--resume: the checkpoint in '{self._folder}' was written by another version or for a network that has"
                f" changed since ({type(error).__name__} on reading it); continue with what it was started with, or"
                " start a new search in another folder"
            ) from None
        return loaded.warning

    def _restore(self, content: dict[str, Any]) -> None:
        progress = content["progress"]
        best = [None if entry is None else candidate_from(entry) for entry in progress.pop("phase_best")]
        self.progress = Progress(**progress, phase_best=best)
        self._problem.oracle.evaluations = self.progress.evaluations
        self._problem.measuring_s = self.progress.measuring_s
        self.archive.load(content["archive"])
        for phase, state in zip(self.phases, content["methods"], strict=True):
            if state is not None:
                phase.method.load_state_dict(state)

    def run(self, observer: Observer) -> Archive:
        """Run what is left of all phases, at least one episode."""
        with remembered_interrupt() as stop_if_interrupted:
            while self.progress.phase < len(self.phases):
                phase = self.phases[self.progress.phase]
                while self.progress.episode < phase.episodes and not self.stopped() and not phase.method.finished:
                    self._run_episode(phase, observer)
                    stop_if_interrupted()
                self.progress.phase_best.append(self.archive.cheapest(self._problem.budget.target_pct))
                self.progress.phase += 1
                self.progress.episode = 0
        return self.archive

    def stopped(self) -> bool:
        """Return whether a policy within the accuracy budget saves as much as was asked for."""
        if self._stop_at is None or not self.progress.rows:
            return False
        best = self.archive.cheapest(self._problem.budget.target_pct)
        return best is not None and best.gain_pct >= self._stop_at

    def _run_episode(self, phase: Phase, observer: Observer) -> None:
        progress = self.progress
        start = time.perf_counter()
        outcome = phase.method.run_episode(progress.episode)
        if outcome.final is None:  # it had nothing left to ask for
            return
        self.archive.extend(outcome.candidates)
        progress.evaluations = self._problem.oracle.evaluations
        row = self._row(phase, outcome.final, outcome.figures)
        progress.rows.append(row)
        progress.episode += 1
        seconds = time.perf_counter() - start
        progress.elapsed_s += seconds
        if progress.phase == 0:
            progress.method_s += seconds
        progress.measuring_s = self._problem.measuring_s
        if self._folder is not None:
            save_checkpoint(self._folder, self._content())
            progress.saving_s += time.perf_counter() - start - seconds  # the next checkpoint knows of it
        observer(progress, row, self.archive)

    def _row(self, phase: Phase, final: Candidate, figures: Mapping[str, float]) -> Row:
        best = self.archive.cheapest(self._problem.budget.target_pct)
        return {
            "episode": len(self.progress.rows),
            "phase": phase.method.name,
            "reward": final.reward,
            "accuracy_loss_pct": final.loss_pct,
            "gain_pct": final.gain_pct,
            "energy_pj": final.measurement.energy_pj,
            "latency_ms": final.measurement.latency_ms,
            "evaluations": self.progress.evaluations,
            "best_gain_pct": 0.0 if best is None else best.gain_pct,
            "best_loss_pct": 0.0 if best is None else best.loss_pct,
            **figures,
        }

    def _content(self) -> dict[str, Any]:
        progress = {**vars(self.progress)}
        progress["phase_best"] = [None if best is None else candidate_state(best) for best in self.progress.phase_best]
        # a method whose turn has not come has no state worth keeping
        states = [
            phase.method.state_dict() if index <= self.progress.phase else None
            for index, phase in enumerate(self.phases)
        ]
        return {"progress": progress, "archive": self.archive.state(), "methods": states}
