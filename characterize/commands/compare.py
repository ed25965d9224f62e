"""`characterize compare`: several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwsim.commandline.json_output import check_json_path, deliver_json, json_option, takes_standard_output

if TYPE_CHECKING:
    from characterize.reports.comparison import RunSummary

COLUMNS = {
    "run": "run",
    "multiplier": "multiplier",
    "dataflow": "dataflow",
    "alignment": "align",
    "accounting": "accounting",
    "bits": "bits",
    "energy_fj": "E",
    "r_q_4_4": "R_Q(4,4)",
    "r_q_5_5": "R_Q(5,5)",
    "p_fg": "P_FG",
    "zero_activation_fj": "E(a=0)",
    "ci95_rel_max": "ci",
}
"""Columns of the terminal's table: the summary's name and the heading."""


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("characterize-comparison"),
    show_default=True,
    help="Folder for the CSV files and plots; files of an earlier comparison are replaced.",
)
@json_option
def compare(folders: tuple[Path, ...], out: Path, json_path: Path | None) -> None:
    """Compare finished characterizations DIR...: a table here, CSV files and plots in --out."""
    check_json_path(json_path)
    from characterize.reports.comparison import compare as read_runs

    comparison = read_runs(folders)
    written = comparison.write(out)
    aside = takes_standard_output(json_path)
    _print_table([*comparison.document.runs], aside)
    click.echo("wrote " + ", ".join(str(path) for path in written), err=aside)
    deliver_json(json_path, comparison.document)


def _print_table(summaries: Sequence[RunSummary], aside: bool) -> None:
    from rich.table import Table

    from hwsim.commandline.terminal import terminal

    rows = [dict(summary) for summary in summaries]
    # settings that all runs share stand once below the table, so that its figures have room
    shared = [name for name in COLUMNS if isinstance(rows[0][name], str) and name != "run"]
    shared = [name for name in shared if len(rows) > 1 and len({row[name] for row in rows}) == 1]
    table = Table(title="MAC characterizations (E: fJ a MAC)")
    shown = [name for name in COLUMNS if name not in shared]
    for name in shown:
        table.add_column(COLUMNS[name], no_wrap=True, min_width=max(len(_cell(row[name])) for row in rows))
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in shown))
    terminal(stderr=aside).print(table)
    if shared:
        click.echo("all runs: " + ", ".join(f"{COLUMNS[name]} {rows[0][name]}" for name in shared), err=aside)


def _cell(value: str | float | None) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value or "")
