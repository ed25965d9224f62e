"""Finished searches side by side: a table, the mean and spread over seeds, and their fronts in one plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from rich.box import SIMPLE
from rich.table import Table

from compress.reports.plot_files import check_plot_name, save_plot
from compress.searching.result_files import Result
from compress.searching.search_result import SearchResult, read_search
from hwsim.errors import InputError
from hwsim.files.document import Document
from hwsim.files.paths import exists

_SHOWN_LOSS_PCT = 15.0


class Spread(BaseModel):
    """A method on a network over its seeds: mean and half-width of the 95 % interval of what is saved and lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = Field(alias="model")
    method: str
    runs: int
    saved_pct: float
    saved_interval_pct: float
    lost_pct: float
    lost_interval_pct: float
    within_budget: int


class Comparison(Document):
    """What `compress compare --json` writes: one entry a network and method."""

    KIND: ClassVar[str] = "the result of `compress compare --json`"

    methods: tuple[Spread, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a network and method."""
        return pd.DataFrame([entry.model_dump(by_alias=True) for entry in self.methods])

    def __repr__(self) -> str:
        """Say in a line how much was compared."""
        runs = sum(entry.runs for entry in self.methods)
        return f"Comparison({runs} runs, {len(self.methods)} pairs of network and method)"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def read_runs(folders: Sequence[str | Path]) -> list[SearchResult]:
    """Return the finished searches of several folders; raises InputError where one is named twice."""
    seen: dict[Path, Path] = {}
    for folder in map(Path, folders):
        exists(folder)
        other = seen.setdefault(folder.resolve(), folder)
        if other is not folder:
            raise InputError(f"'{folder}' and '{other}' are one run; name each run once")
    return [read_search(folder) for folder in folders]


def compare(runs: Sequence[SearchResult | str | Path]) -> Comparison:
    """Return the means over seeds of finished searches (or of their folders), in the order of first appearance.

    Raises InputError for none, and for a folder that holds no finished search.
    """
    if isinstance(runs, (str, Path)) or not runs:
        raise InputError("compare takes a list of finished searches or their folders, at least one")
    found = [run if isinstance(run, SearchResult) else read_search(run) for run in runs]
    return Comparison(methods=tuple(spreads(found)))


def warnings(runs: Sequence[SearchResult]) -> list[str]:
    """Return a line for each thing that makes the runs hard to compare."""
    lines = []
    for field in ("model", "data", "metric", "energy", "accelerator", "max_loss_pct"):
        values = sorted({str(getattr(value, "value", value)) for value in (getattr(run.result, field) for run in runs)})
        if len(values) > 1:
            lines.append(f"the runs differ in {field}: {', '.join(values)}")
    return lines


def comparison_table(runs: Sequence[SearchResult]) -> Table:
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
        result = run.result
        table.add_row(
            run.name,
            result.method,
            str(result.seed),
            f"{result.best.energy_reduction_pct:.2f}",
            f"{result.best.accuracy_loss_pct:.2f}",
            str(result.evaluations),
            f"{result.wall_s:.0f}",
            f"{result.overhead_pct:.1f}",
            _budget(result),
        )
    return table


def _budget(result: Result) -> str:
    if result.within_budget:
        return "yes"
    return "not on test" if result.feasible else "no"


def spreads(runs: Sequence[SearchResult]) -> list[Spread]:
    """Return one entry for each network and method, in the order of first appearance."""
    table = pd.DataFrame(
        {
            "model": [run.result.model for run in runs],
            "method": [run.result.method for run in runs],
            "saved": [run.best.energy_reduction_pct for run in runs],
            "lost": [run.best.accuracy_loss_pct for run in runs],
            "within": [run.result.within_budget for run in runs],
        }
    )
    found = []
    for (model, method), group in table.groupby(["model", "method"], sort=False):
        found.append(
            Spread(
                model=str(model),
                method=str(method),
                runs=len(group),
                saved_pct=float(group["saved"].mean()),
                saved_interval_pct=_half_width(group["saved"]),
                lost_pct=float(group["lost"].mean()),
                lost_interval_pct=_half_width(group["lost"]),
                within_budget=int(group["within"].sum()),
            )
        )
    return found


def _half_width(values: pd.Series[float]) -> float:
    """Return the half-width of Student's 95 % interval of the mean (0 where there is one value: nothing is known)."""
    if len(values) < 2:
        return 0.0
    from scipy.stats import t

    return float(t.ppf(0.975, len(values) - 1)) * float(values.std(ddof=1)) / math.sqrt(len(values))


def spread_table(entries: Sequence[Spread]) -> Table:
    """Return one row for each network and method."""
    table = Table(title="mean over seeds, with the 95 % interval", title_justify="left")
    table.add_column("model")
    table.add_column("method")
    for heading in ("runs", "energy saved %", "points lost", "within budget"):
        table.add_column(heading, justify="right")
    for entry in entries:
        table.add_row(
            entry.network,
            entry.method,
            str(entry.runs),
            _with_interval(entry.saved_pct, entry.saved_interval_pct, entry.runs),
            _with_interval(entry.lost_pct, entry.lost_interval_pct, entry.runs),
            f"{entry.within_budget}/{entry.runs}",
        )
    return table


def _with_interval(mean: float, half_width: float, runs: int) -> str:
    return f"{mean:.2f} ± {half_width:.2f}" if runs > 1 else f"{mean:.2f}"


def plot_fronts(runs: Sequence[SearchResult], path: Path) -> None:
    """Draw what each run saves over what it loses, a panel a network and a colour a method: its front on the
    validation images, its choice on the test set."""
    check_plot_name(path)
    from matplotlib.figure import Figure

    models = list(dict.fromkeys(run.result.model for run in runs))
    methods = list(dict.fromkeys(run.result.method for run in runs))
    figure = Figure(figsize=(1.6 + 5.6 * len(models), 4.8), layout="constrained")
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for model, axes in zip(models, panels, strict=True):
        members = [run for run in runs if run.result.model == model]
        for run in members:
            colour = f"C{methods.index(run.result.method) % 10}"
            shown = [candidate for candidate in run.front if candidate.loss_pct <= _SHOWN_LOSS_PCT]
            losses, gains = [one.loss_pct for one in shown], [one.gain_pct for one in shown]
            axes.plot(losses, gains, ".-", color=colour, linewidth=0.8)
            best = run.best
            axes.plot([best.accuracy_loss_pct], [best.energy_reduction_pct], "*", color=colour, markersize=11)
        axes.axvline(members[0].result.max_loss_pct, color="0.6", linestyle="--", linewidth=0.8)
        axes.set(title=model, xlabel="accuracy loss, points (fronts: validation; stars: test)")
    panels[0].set_ylabel(f"{runs[0].result.metric.value} saved, % (stars: energy)")
    for number, method in enumerate(methods):
        panels[-1].plot([], [], ".-", color=f"C{number % 10}", label=method)
    figure.legend(loc="outside right upper", fontsize="small")
    save_plot(figure, path)
