"""Finished searches side by side: a table, the mean and spread over seeds, and their fronts in one plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from compress.search.result_files import ARCHIVE_FILE, read_result
from hwsim.errors import InputError
from hwsim.files.reading import read_json

_SHOWN_LOSS_PCT = 15.0


@dataclass(frozen=True)
class ComparedRun:
    """One finished search: where it is, its result.json and the (loss, gain) points of its front, in percent."""

    folder: Path
    result: dict[str, Any]
    front: tuple[tuple[float, float], ...]

    @property
    def label(self) -> str:
        """Method and network."""
        return f"{self.result['method']}, {self.result['model']}"


def read_run_result(folder: Path) -> ComparedRun:
    """Return a finished search; raises InputError where the folder holds none."""
    result = read_result(folder)
    archive = read_json(folder / ARCHIVE_FILE, "the archive.json of a finished search")
    front = tuple((entry["loss_pct"], 100.0 * (1.0 - entry["cost"])) for entry in archive["front"])
    return ComparedRun(folder, result, front)


def warnings(runs: Sequence[ComparedRun]) -> list[str]:
    """Return a line for each thing that makes the runs hard to compare."""
    lines = []
    for field in ("model", "data", "metric", "energy", "accelerator", "max_loss_pct"):
        values = sorted({str(run.result.get(field)) for run in runs})
        if len(values) > 1:
            lines.append(f"the runs differ in {field}: {', '.join(values)}")
    return lines


def comparison_table(runs: Sequence[ComparedRun]) -> Table:
    """Return one row a run; accuracy is on the test set, of the policy that the search chose on the validation
    images."""
    table = Table(title="energy saved, accuracy points lost on the test set", title_justify="left", box=SIMPLE)
    table.add_column("run", overflow="fold")
    table.add_column("method", no_wrap=True)
    # "own" is the share of the time that a method spends on itself, not on measuring
    for heading in ("seed", "saved %", "points", "evals", "s", "own %"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("budget", no_wrap=True)
    for run in runs:
        result, best = run.result, run.result["best"]
        table.add_row(
            run.folder.name or str(run.folder),
            result["method"],
            str(result["seed"]),
            f"{best['energy_reduction_pct']:.2f}",
            f"{best['accuracy_loss_pct']:.2f}",
            str(result["evaluations"]),
            f"{result['wall_s']:.0f}",
            f"{result['overhead_pct']:.1f}",
            _within(result),
        )
    return table


def _within(result: dict[str, Any]) -> str:
    on_test = result["best"]["accuracy_loss_pct"] <= result["max_loss_pct"]
    if result["feasible"] and on_test:
        return "yes"
    return "not on test" if result["feasible"] else "no"


@dataclass(frozen=True)
class Spread:
    """A method on a network over its seeds: mean and half-width of the 95 % interval of what is saved and lost."""

    model: str
    method: str
    runs: int
    saved_pct: float
    saved_interval_pct: float
    lost_pct: float
    lost_interval_pct: float
    within_budget: int


def spreads(runs: Sequence[ComparedRun]) -> list[Spread]:
    """Return one entry for each network and method, in the order of first appearance."""
    groups: dict[tuple[str, str], list[ComparedRun]] = {}
    for run in runs:
        groups.setdefault((run.result["model"], run.result["method"]), []).append(run)
    found = []
    for (model, method), members in groups.items():
        saved = [member.result["best"]["energy_reduction_pct"] for member in members]
        lost = [member.result["best"]["accuracy_loss_pct"] for member in members]
        within = sum(_within(member.result) == "yes" for member in members)
        found.append(Spread(model, method, len(members), *_interval(saved), *_interval(lost), within))
    return found


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and half-width of Student's 95 % interval (0 where there is one value: nothing is known)."""
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return mean, 0.0
    from scipy.stats import t

    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return mean, float(t.ppf(0.975, count - 1)) * deviation / math.sqrt(count)


def spread_table(entries: Sequence[Spread]) -> Table:
    """Return one row for each network and method."""
    table = Table(title="mean over seeds, with the 95 % interval", title_justify="left")
    table.add_column("model")
    table.add_column("method")
    for heading in ("runs", "energy saved %", "points lost", "within budget"):
        table.add_column(heading, justify="right")
    for entry in entries:
        table.add_row(
            entry.model,
            entry.method,
            str(entry.runs),
            _with_interval(entry.saved_pct, entry.saved_interval_pct, entry.runs),
            _with_interval(entry.lost_pct, entry.lost_interval_pct, entry.runs),
            f"{entry.within_budget}/{entry.runs}",
        )
    return table


def _with_interval(mean: float, half_width: float, runs: int) -> str:
    return f"{mean:.2f} ± {half_width:.2f}" if runs > 1 else f"{mean:.2f}"


def plot_fronts(runs: Sequence[ComparedRun], path: Path) -> None:
    """Draw what each run saves over what it loses, a panel a network and a colour a method: its front on the
    validation images, its choice on the test set."""
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"--plot '{path}' must end in .png, .svg or .pdf")
    from matplotlib.figure import Figure

    models = list(dict.fromkeys(run.result["model"] for run in runs))
    methods = list(dict.fromkeys(run.result["method"] for run in runs))
    figure = Figure(figsize=(1.6 + 5.6 * len(models), 4.8), layout="constrained")
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for model, axes in zip(models, panels, strict=True):
        members = [run for run in runs if run.result["model"] == model]
        for run in members:
            colour = f"C{methods.index(run.result['method']) % 10}"
            shown = [point for point in run.front if point[0] <= _SHOWN_LOSS_PCT]
            axes.plot([p[0] for p in shown], [p[1] for p in shown], ".-", color=colour, linewidth=0.8)
            best = run.result["best"]
            axes.plot([best["accuracy_loss_pct"]], [best["energy_reduction_pct"]], "*", color=colour, markersize=11)
        axes.axvline(members[0].result["max_loss_pct"], color="0.6", linestyle="--", linewidth=0.8)
        axes.set(title=model, xlabel="accuracy loss, points (fronts: validation; stars: test)")
    panels[0].set_ylabel(f"{runs[0].result['metric']} saved, % (stars: energy)")
    for number, method in enumerate(methods):
        panels[-1].plot([], [], ".-", color=f"C{number % 10}", label=method)
    figure.legend(loc="outside right upper", fontsize="small")
    try:
        figure.savefig(path)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}; choose an existing, writable folder") from None
