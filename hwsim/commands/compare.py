"""`hwsim compare`: results of simulations side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from rich.table import Table

    from hwsim.simulation.comparison import Comparison


@click.command("compare")
@click.argument("results", nargs=-1, required=True, metavar="RESULT.json...", type=click.Path(path_type=Path))
@json_option
def command(*, results: tuple[Path, ...], json_path: Path | None) -> None:
    """Results of `hwsim simulate --json` side by side; savings are against the first."""
    from hwsim.commandline.terminal import terminal
    from hwsim.simulation.comparison import compare
    from hwsim.simulation.result import SimulationResult

    check_json_path(json_path)
    compared = compare([SimulationResult.read(path) for path in results])
    aside = takes_standard_output(json_path)
    terminal(stderr=aside).print(_table([path.name for path in results], compared))
    for note in compared.notes:
        click.echo(f"note: {note}", err=aside)
    deliver_json(json_path, compared)


def _table(files: list[str], compared: Comparison) -> Table:
    from rich.table import Table

    from hwsim.energy.units import energy_text
    from hwsim.pricing.layer_pricer import BREAKDOWN

    table = Table("result", "network", "accelerator", "costs")
    for column in ("energy", "saved %", *(f"{part} %" for part in BREAKDOWN), "ms", "saved %", "MACs", "DRAM words"):
        table.add_column(column, justify="right")
    for file, run in zip(files, compared.runs, strict=True):
        parts = run.energy_breakdown_pj.model_dump()
        table.add_row(
            *(file, f"{run.network}, batch {run.batch}", run.accelerator, run.costs),
            *(energy_text(run.energy_pj), f"{run.saved_pct:.1f}"),
            *(f"{100 * parts[part] / run.energy_pj:.1f}" if run.energy_pj else "-" for part in BREAKDOWN),
            *(f"{run.latency_ms:,.4g}", f"{run.latency_saved_pct:.1f}", f"{run.macs:,}", f"{run.dram_words:,}"),
        )
    return table
