"""What a search shows while it runs: a bar with the best policy so far, or plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from compress.searching.loop import Progress as SearchProgress
from compress.searching.loop import Row

_LINES = 10


class SearchDisplay:
    """Shows a search on a console; quiet where `quiet`."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._total = 1

    def say(self, line: str) -> None:
        """Print one line above the bar."""
        if not self._quiet or line.startswith("warning"):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def running(self, total: int, progress: SearchProgress) -> Iterator[None]:
        """Show a bar over all episodes while the block runs, starting where `progress` stands."""
        self._total = total
        if self._quiet or not self._console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}"),
        )
        with Progress(*columns, console=self._console) as bar:
            self._bar = bar
            self._task = bar.add_task("searching", total=total, completed=len(progress.rows), best="")
            try:
                yield
            finally:
                self._bar = None

    def update(self, progress: SearchProgress, row: Row) -> None:
        """Show an episode's end."""
        done = len(progress.rows)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, best=_best(row), description=str(row["phase"]))
        elif not self._quiet and (done == self._total or done % max(1, self._total // _LINES) == 0):
            self.say(f"{row['phase']} episode {done}/{self._total}, {_best(row)}")


def _best(row: dict[str, Any]) -> str:
    if row["best_gain_pct"] <= 0.0:
        return "no policy within the accuracy budget yet"
    return f"best so far saves {row['best_gain_pct']:.1f} % for {row['best_loss_pct']:.2f} points"
