"""Finished searches drawn as the paper draws them: methods (Fig. 7), a policy (Fig. 8), NSGA-II (Fig. 9), iterations.

The paper's own averages over its CIFAR-10 networks stand beside ours (Balaskas et al., IEEE TETC, section 5); its
Tables 3 and 4 give time and memory of one iteration relative to the leanest method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from compress.pruning import PRUNERS, Granularity
from compress.reports.comparison import spreads
from compress.searching.search_result import SearchResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_CIFAR10 = {
    "composite": (0.93, 53.23),
    "amc": (1.44, 46.32),
    "haq": (2.36, 31.64),
    "asqj": (1.66, 34.07),
    "opq": (0.93, 40.46),
}
"""(points lost, % of the energy saved), averages over VGG11, VGG13 and ResNet18 (sections 5.1 to 5.3)."""

PAPER_TIME = {"composite": 5.61, "amc": 5.60, "haq": 2.743, "asqj": 19.89, "opq": 1.0}
"""Time of one iteration on CIFAR-10 relative to OPQ's (Table 3)."""

_MARKERS = "osD^vP*Xh"


def plot_methods(runs: Sequence[SearchResult]) -> Figure:
    """Draw energy saved over points lost on the test set, one mark a run, and the paper's averages hollow (Fig. 7)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.subplots()
    methods = list(dict.fromkeys(run.result.method for run in runs))
    models = list(dict.fromkeys(run.result.model for run in runs))
    for number, method in enumerate(methods):
        colour = f"C{number % 10}"
        for model, marker in zip(models, _MARKERS, strict=False):
            points = [_point(run) for run in runs if (run.result.method, run.result.model) == (method, model)]
            label = method if model == models[0] else None
            axes.plot([p[0] for p in points], [p[1] for p in points], marker, color=colour, label=label)
        if method in PAPER_CIFAR10:
            axes.plot(*PAPER_CIFAR10[method], "o", color=colour, markerfacecolor="none", markersize=13)
    for model, marker in zip(models, _MARKERS, strict=False):
        axes.plot([], [], marker, color="0.4", label=model)
    axes.plot([], [], "o", color="0.4", markerfacecolor="none", markersize=13, label="paper, CIFAR-10 average")
    axes.axvline(runs[0].result.max_loss_pct, color="0.6", linestyle="--", linewidth=0.8)
    axes.set(xlabel="accuracy loss on the test set, points", ylabel="energy saved, %")
    axes.legend(fontsize="small", ncols=2)
    return figure


def _point(run: SearchResult) -> tuple[float, float]:
    return run.best.accuracy_loss_pct, run.best.energy_reduction_pct


def plot_policy(run: SearchResult) -> Figure:
    """Draw one run's policy layer by layer: realised sparsity by the pruner's granularity, and bits (Fig. 8)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    sparsity, precision = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    policy = run.best.policy.layers
    names = list(policy)
    colours = {"fine": "C0", "coarse": "C2", "other": "C1", "none": "0.8"}
    for index, name in enumerate(names):
        layer = policy[name]
        kind = _granularity(layer.pruner)
        realised = layer.sparsity if layer.realised_sparsity is None else layer.realised_sparsity
        sparsity.bar(index, realised, color=colours[kind])
        if kind != "none":
            sparsity.text(index, realised + 0.01, layer.pruner, rotation=90, ha="center", va="bottom", fontsize=7)
    for kind, colour in colours.items():
        sparsity.bar([0], [0], color=colour, label=kind)
    sparsity.set(ylabel="realised sparsity", ylim=(0, 1.25), title=f"{run.label}, seed {run.result.seed}")
    sparsity.legend(title="pruning", fontsize="small")
    precision.step(range(len(names)), [policy[name].bits for name in names], "k-", where="mid")
    precision.set(ylabel="bits", ylim=(1.5, 8.5))
    precision.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    return figure


def _granularity(name: str) -> str:
    if name == "none":
        return "none"
    if name not in PRUNERS:
        return "other"  # somebody's own, whose code no report needs
    return "fine" if PRUNERS[name].removes is Granularity.WEIGHTS else "coarse"


def iterations_csv(runs: Sequence[SearchResult]) -> str:
    """Return one line a network and method: seconds and memory of one iteration, relative to the leanest (Tables 3, 4).

    An iteration is an episode of the method; its own time only, without preparation, refinement and test.
    """
    table = pd.DataFrame(
        {
            "model": [run.result.model for run in runs],
            "method": [run.result.method for run in runs],
            "seconds": [run.result.episode_s for run in runs],
            "peak_memory_mb": [f"{run.result.peak_memory_mb:.0f}" for run in runs],
            "own_pct": [f"{run.result.overhead_pct:.1f}" for run in runs],
        }
    )
    relative = table["seconds"] / table.groupby("model")["seconds"].transform("min")
    table.insert(2, "iteration_s", table["seconds"].map("{:.3f}".format))
    table.insert(3, "relative_time", relative.map("{:.2f}".format))
    table.insert(4, "paper_relative_time", table["method"].map(PAPER_TIME))
    order = {model: number for number, model in enumerate(dict.fromkeys(table["model"]))}
    table = table.sort_values("model", key=lambda models: models.map(order), kind="stable")
    return str(table.drop(columns="seconds").to_csv(index=False, lineterminator="\n"))


def summary_csv(runs: Sequence[SearchResult]) -> str:
    """Return the means over seeds with their 95 % intervals, the paper's CIFAR-10 averages beside them."""
    rows = []
    for entry in spreads(runs):
        lost, saved = PAPER_CIFAR10.get(entry.method, (None, None))
        rows.append(
            {
                "model": entry.network,
                "method": entry.method,
                "runs": entry.runs,
                "saved_pct": f"{entry.saved_pct:.2f}",
                "saved_interval_pct": f"{entry.saved_interval_pct:.2f}",
                "lost_points": f"{entry.lost_pct:.2f}",
                "lost_interval_points": f"{entry.lost_interval_pct:.2f}",
                "within_budget": entry.within_budget,
                "paper_saved_pct": saved,
                "paper_lost_points": lost,
            }
        )
    return str(pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
