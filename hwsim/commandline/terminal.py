"""The rich console of the commands: tables keep their columns when the output goes to a file or a pipe."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.measure import Measurement

PIPE_COLUMNS = 190


def terminal(*, stderr: bool = False) -> Console:
    """Return a console on standard output (or standard error), wide enough for tables where it is no terminal.

    It prints text as it is: names from files and networks may hold what rich reads as markup ("[/red]", ":smile:").
    """
    console = Console(highlight=False, markup=False, emoji=False, stderr=stderr)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    return console


def fits(console: Console, table: RenderableType) -> bool:
    """Tell whether a table keeps its figures whole on a console."""
    unbounded = console.options.update(width=100 * PIPE_COLUMNS)
    return Measurement.get(console, unbounded, table).maximum <= console.width
