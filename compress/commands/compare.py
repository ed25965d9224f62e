"""`compress compare`: finished searches side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import json_option

if TYPE_CHECKING:
    from compress.searching.search_result import SearchResult


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--plot", type=click.Path(path_type=Path), help="Where the fronts are drawn.  [default: fronts.png here]")
@click.option("--figures", type=click.Path(path_type=Path), help="A new folder for the paper's Fig. 7-9, Tables 3-4.")
@json_option
def compare(runs: tuple[Path, ...], plot: Path | None, figures: Path | None, json_path: Path | None) -> None:
    """Print a table of finished searches and draw their fronts."""
    from compress.reports.comparison import compare as compare_runs
    from compress.reports.comparison import (
        comparison_table,
        plot_fronts,
        read_runs,
        spread_table,
        warnings,
    )
    from compress.reports.plot_files import check_plot_name
    from hwsim.commandline.json_output import check_json_path, deliver_json, takes_standard_output
    from hwsim.commandline.terminal import terminal
    from hwsim.files.writing import check_new_folder

    target = Path("fronts.png") if plot is None else plot
    check_json_path(json_path, {"--plot": target})
    check_plot_name(target)
    if figures is not None:
        check_new_folder(figures, "--figures")
    compared = read_runs(runs)
    console = terminal(stderr=takes_standard_output(json_path))
    for line in warnings(compared):
        console.print(f"warning: {line}", highlight=False, soft_wrap=True)
    console.print(comparison_table(compared))
    comparison = compare_runs(compared)
    if len(comparison.methods) < len(compared):
        console.print(spread_table(comparison.methods))
    plot_fronts(compared, target)
    console.print(f"{target} shows the fronts", highlight=False, soft_wrap=True)
    if figures is not None:
        _draw_figures(figures, compared)
        console.print(f"{figures} holds the figures", highlight=False, soft_wrap=True)
    deliver_json(json_path, comparison)


def _draw_figures(folder: Path, runs: list[SearchResult]) -> None:
    from compress.reports.paper_figures import iterations_csv, plot_methods, plot_policy, summary_csv
    from hwsim.files.writing import staged_folder, write_text

    with staged_folder(folder, "--figures") as staged:
        plot_methods(runs).savefig(staged / "methods.svg")
        for model in dict.fromkeys(run.result.model for run in runs):
            members = [run for run in runs if run.result.model == model]
            composite = [run for run in members if run.result.method == "composite"]
            if composite:
                best = max(composite, key=lambda run: run.best.energy_reduction_pct)
                plot_policy(best).savefig(staged / f"policy_{_flat(model)}.svg")
            genetic = [run for run in members if run.result.method in ("composite", "nsga2")]
            if len({run.result.method for run in genetic}) == 2:
                plot_methods(genetic).savefig(staged / f"nsga2_{_flat(model)}.svg")
        write_text(staged / "summary.csv", summary_csv(runs))
        write_text(staged / "iterations.csv", iterations_csv(runs))


def _flat(model: str) -> str:
    """Return a network's name, which a file of results states, as a part of a file's name in this folder."""
    return model.replace("/", "-")
