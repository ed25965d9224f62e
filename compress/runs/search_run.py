"""A whole search in its folder: from settings to results, resumable at any point."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from compress.oracle.problem import Problem, load_problem
from compress.reports.html_report import REPORT_FILE, write_report
from compress.reports.terminal_progress import SearchDisplay
from compress.runs.finish import finish
from compress.runs.plan import Plan, plan
from compress.searching.archive import Archive
from compress.searching.checkpoint import has_checkpoint
from compress.searching.loop import Progress, Row, SearchLoop
from compress.searching.result_files import read_archive
from compress.searching.run_folder import RESULT_FILE, check_free, create, locked, read_run, withdraw, write_run
from compress.searching.search_result import SearchResult, read_search
from compress.searching.setup import SearchTask, build_task, check_spec
from compress.searching.spec import SearchSpec, code_options, resumed
from hwsim.errors import InputError


def search(
    problem: Problem,
    spec: SearchSpec | None = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    display: SearchDisplay | None = None,
    **settings: Any,
) -> SearchResult:
    """Search a policy for a problem and return what was found; its files are in `out` (none are kept where None).

    `spec` or `settings` (fields of SearchSpec) say how. With `resume` the search of `out` continues, to the same bytes;
    settings may then be left out. Raises InputError for wrong settings or folders, RunError for a search that failed,
    KeyboardInterrupt (with a line that says how to continue) when it was interrupted.
    """
    shown = SearchDisplay(Console(), quiet=True) if display is None else display
    if resume and out is None:
        raise InputError("resume continues the search of a folder; name it with out")
    if spec is None and resume:
        recorded = read_run(Path(str(out)))
        spec = resumed(recorded, {"model": recorded.model, **settings})  # the network itself is given
    elif spec is None:
        spec = SearchSpec.of({**_named(problem), **settings})
    _check_same(problem, spec)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="tilejoule-search-") as folder:
            return replace(_in_folder(problem, spec, Path(folder) / "run", shown, resume=False), folder=None)
    return _in_folder(problem, spec, Path(out), shown, resume=resume)


def _named(problem: Problem) -> dict[str, Any]:
    if not isinstance(problem, Problem):
        raise InputError(f"search takes a problem as compress.load returns it, not a {type(problem).__name__}")
    return problem.named()


def _check_same(problem: Problem, spec: SearchSpec) -> None:
    """Raise InputError where a spec, or the run to continue, is of another network or data than the problem."""
    _named(problem)
    for name in ("model", "data"):
        if getattr(spec, name) != getattr(problem, name):
            raise InputError(
                f"the problem's {name} is '{getattr(problem, name)}', the search's '{getattr(spec, name)}'; load the"
                " problem that the search is for"
            )


def run_search(asked: Mapping[str, Any], out: Path, display: SearchDisplay, *, resume: bool = False) -> SearchResult:
    """Do the same for a network that settings name: load it, search or continue, write the results.

    What is wrong with settings or folder is said before the network and its images are read.
    """
    if resume:
        spec = resumed(read_run(out), asked)
        if (out / RESULT_FILE).exists():
            with locked(out):
                return _finished(out, display)
    else:
        spec = SearchSpec.of(asked)
        check_free(out)
    plan(spec)
    check_spec(spec)
    display.say(f"preparing {spec.model} on {spec.data}")
    return search(load_problem(spec), spec, out=out, resume=resume, display=display)


def _in_folder(
    problem: Problem, spec: SearchSpec, folder: Path, display: SearchDisplay, *, resume: bool
) -> SearchResult:
    planned = plan(spec)
    check_spec(spec)
    made = not resume and create(folder)
    with locked(folder):
        if resume and (folder / RESULT_FILE).exists():
            return _finished(folder, display)
        if not resume:
            write_run(folder, spec)
        try:
            task, loop = _prepare(problem, spec, planned, folder, display)
        except BaseException:
            if not resume:
                withdraw(folder, made=made)
            raise
        warning = loop.resume() if resume else None
        if warning:
            display.say(f"warning: {warning}")
        _run(planned, loop, folder, display, code_options(spec))
        finish(planned, folder, task, loop, display)
        return read_search(folder)


def _finished(folder: Path, display: SearchDisplay) -> SearchResult:
    """Return a search that has its result; its page is written where a kill came between the two."""
    display.say(f"'{folder}' is finished; nothing is left to do")
    if not (folder / REPORT_FILE).exists():
        write_report(folder)
    return read_search(folder)


def _prepare(
    problem: Problem, spec: SearchSpec, planned: Plan, folder: Path, display: SearchDisplay
) -> tuple[SearchTask, SearchLoop]:
    """Measure the dense network and return the task and its loop at its start."""
    task = build_task(problem, spec, trains_weights=planned.entry.trains_weights)
    proof = problem.proof(spec)
    if proof is not None:
        display.say(proof.sentence(spec.arithmetic))
    archive = Archive(task.problem.budget.margin_pct)
    loop = SearchLoop(task.problem, planned.phases(task, archive), archive, folder, stop_at=spec.stop_at)
    if spec.warm_start is not None and not has_checkpoint(folder):  # a checkpoint holds what came of it
        _warm_start(task, archive, spec.warm_start)
    return task, loop


def _run(planned: Plan, loop: SearchLoop, folder: Path, display: SearchDisplay, again: list[str]) -> None:
    with _Events(folder, len(loop.progress.rows)) as events, display.running(planned.total, loop.progress):

        def observe(progress: Progress, row: Row, front: Archive) -> None:
            events.write(row)
            display.update(progress, row)

        try:
            loop.run(observe)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted after episode {len(loop.progress.rows)}; continue with"
                f" `{' '.join(['compress search --resume --out', str(folder), *again])}`"
            ) from None


def _warm_start(task: SearchTask, archive: Archive, folder: Path) -> None:
    """Measure the policies of another run's archive here, where budget or accelerator differ, and start from them."""
    for candidate in read_archive(folder, task.problem.names).front:
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
