"""`compress sweep`: searches over methods, networks and seeds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import json_option
from hwsim.errors import RunError

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the runs.  [default: the file's name, here]")
@click.option(
    "--backend", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Where to run."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Local searches at a time.")
@click.option("--model", "models", multiple=True, metavar="MODULE:CALLABLE", help="A network that CONFIG may name.")
@click.option("--method", "methods", multiple=True, metavar="MODULE:CLASS", help="A method that CONFIG may name.")
@click.option("--pruners", "pruners", multiple=True, metavar="MODULE:CLASS", help="A pruner that CONFIG may name.")
@click.option("--plot", type=click.Path(path_type=Path), help="Where the fronts are drawn.  [default: OUT/fronts.png]")
@json_option
def sweep(
    *,
    config: Path,
    out: Path | None,
    backend: str,
    jobs: int,
    models: tuple[str, ...],
    methods: tuple[str, ...],
    pruners: tuple[str, ...],
    plot: Path | None,
    json_path: Path | None,
) -> None:
    """Run every search of CONFIG.toml that is not finished, then compare them all.

    Code of your own (MODULE:NAME) that CONFIG.toml names has to be named on the command line too.
    """
    from compress.runs.sweep import SweepRun, read_sweep, run_local, run_on_ray
    from hwsim.commandline.json_output import takes_standard_output
    from hwsim.commandline.terminal import terminal

    folder = Path(config.stem) if out is None else out
    target = folder / "fronts.png" if plot is None else plot
    _check_outputs(folder, target, json_path)
    runs = read_sweep(config, folder, (*models, *methods, *pruners))
    was_there = folder.exists()
    console = terminal(stderr=takes_standard_output(json_path))
    done = 0

    def report(run: SweepRun, problem: str | None) -> None:
        nonlocal done
        done += 1
        state = "finished" if problem is None else f"failed: {problem}"
        console.print(f"{done}/{len(runs)} {run.folder.name} {state}", highlight=False, markup=False, soft_wrap=True)

    failed = run_local(runs, jobs, report) if backend == "local" else run_on_ray(runs, report)
    _compare([run.folder for run in runs if (run.folder / "result.json").exists()], console, target, json_path)
    if failed == len(runs) and not was_there:
        with suppress(OSError):  # it holds what a run left to resume
            folder.rmdir()
    if failed:
        raise RunError(f"{failed} of {len(runs)} searches failed; mend the cause and run the sweep again to continue")


def _check_outputs(folder: Path, plot: Path, json_path: Path | None) -> None:
    """Refuse what could not be written, before any search; what lies in the sweep's folder is written where that is."""
    from compress.reports.plot_files import check_plot_name
    from hwsim.commandline.json_output import check_json_path
    from hwsim.files.writing import check_folder

    check_folder(folder)
    check_plot_name(plot)
    inside = plot.parent.resolve() == folder.resolve() and not folder.is_dir()
    check_json_path(json_path, {"--plot": None if inside else plot})


def _compare(folders: list[Path], console: Console, plot: Path, json_path: Path | None) -> None:
    from compress.reports.comparison import compare, comparison_table, plot_fronts, read_runs, spread_table
    from hwsim.commandline.json_output import deliver_json

    if not folders:
        return
    compared = read_runs(folders)
    comparison = compare(compared)
    console.print(comparison_table(compared))
    console.print(spread_table(comparison.methods))
    plot_fronts(compared, plot)
    deliver_json(json_path, comparison)
