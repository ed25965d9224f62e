"""`compress sweep`: searches over methods, networks and seeds."""

from __future__ import annotations

from pathlib import Path

import click

from hwsim.errors import InputError, RunError


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the runs (default: the file's name, here).")
@click.option("--backend", default="local", show_default=True, help="local or ray.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Local searches at a time.")
@click.option("--plot", type=click.Path(path_type=Path), help="Where the fronts are drawn (default OUT/fronts.png).")
def sweep(config: Path, out: Path | None, backend: str, jobs: int, plot: Path | None) -> None:
    """Run every search of CONFIG.toml that is not finished, then compare them all."""
    from rich.console import Console

    from compress.reports.comparison import comparison_table, plot_fronts, read_run_result, spread_table, spreads
    from compress.runs.sweep import SweepRun, read_sweep, run_local, run_on_ray

    if backend not in ("local", "ray"):
        raise InputError(f"--backend is '{backend}', must be local or ray")
    folder = Path(config.stem) if out is None else out
    runs = read_sweep(config, folder)
    console = Console()
    done = 0

    def report(run: SweepRun, problem: str | None) -> None:
        nonlocal done
        done += 1
        state = "finished" if problem is None else f"failed: {problem}"
        console.print(f"{done}/{len(runs)} {run.folder.name} {state}", highlight=False, markup=False, soft_wrap=True)

    failed = run_local(runs, jobs, report) if backend == "local" else run_on_ray(runs, report)
    compared = [read_run_result(run.folder) for run in runs if (run.folder / "result.json").exists()]
    if compared:
        console.print(comparison_table(compared))
        console.print(spread_table(spreads(compared)))
        plot_fronts(compared, folder / "fronts.png" if plot is None else plot)
    if failed:
        raise RunError(f"{failed} of {len(runs)} searches failed; mend the cause and run the sweep again to continue")
