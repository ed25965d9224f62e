"""`compress compare`: finished searches side by side."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--plot", type=click.Path(path_type=Path), help="Where the fronts are drawn (default fronts.png here).")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the means and intervals here.")
def compare(runs: tuple[Path, ...], plot: Path | None, json_file: Path | None) -> None:
    """Print a table of finished searches and draw their fronts."""
    from dataclasses import asdict

    from rich.console import Console

    from compress.comparison import comparison_table, plot_fronts, read_run_result, spread_table, spreads, warnings
    from hwsim.files import write_json

    compared = [read_run_result(run) for run in runs]
    console = Console()
    for line in warnings(compared):
        console.print(f"warning: {line}", highlight=False, soft_wrap=True)
    console.print(comparison_table(compared))
    entries = spreads(compared)
    if len(entries) < len(compared):
        console.print(spread_table(entries))
    if json_file is not None:
        write_json(json_file, {"schema": 1, "methods": [asdict(entry) for entry in entries]})
    target = Path("fronts.png") if plot is None else plot
    plot_fronts(compared, target)
    console.print(f"{target} shows the fronts", highlight=False, soft_wrap=True)
