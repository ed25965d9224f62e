"""`compress report`: the page of a finished search, written again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> None:
    """Write RUN/report.html of a finished search again."""
    from compress.reports.html_report import write_report

    click.echo(str(write_report(run)))
