"""What `characterize run` shows: progress while it works, the table when it is done."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hwsim.energy.mac_table import MacEnergyTable


class RunDisplay:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        """`quiet` shows nothing at all."""
        self._progress = Progress(
            TextColumn("{task.description:12s}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=quiet,
        )
        self._task = self._progress.add_task("technology", total=1)

    def __enter__(self) -> RunDisplay:
        """Start the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the display."""
        self._progress.stop()

    def update(self, stage: str, done: int, total: int) -> None:
        """Show a stage and how far it is."""
        self._progress.update(self._task, description=stage, completed=done, total=total)


def print_summary(table: MacEnergyTable, out: Path, console: Console) -> None:
    """Print energy by precision, breakdown and the figures that the paper uses."""
    activation_bits = sorted({a for row in table.energy_fj.values() for a in row})
    grid = Table(title=f"energy of one MAC, fJ ({table.multiplier}, {table.dataflow}, {table.accounting})")
    grid.add_column("weight \\ activation bits")
    for a in activation_bits:
        grid.add_column(str(a), justify="right")
    for w, row in sorted(table.energy_fj.items()):
        grid.add_row(str(w), *(f"{row[a]:.1f}" if a in row else "" for a in activation_bits))
    console.print(grid)
    parts = ", ".join(f"{name} {value:.1f}" for name, value in table.breakdown_fj.items())
    console.print(f"8/8 by part, fJ: {parts}")
    widest = max(ci for row in table.ci95_rel.values() for ci in row.values())
    ratios = ", ".join(f"R_Q({b},{b}) {table.r_q[b][b]:.3f}" for b in (4, 5) if b in table.r_q)
    console.print(
        f"P_FG {table.p_fg:.3f}{', ' + ratios if ratios else ''}; widest 95 % interval +-{100 * widest:.1f} %"
    )
    console.print(f"{out}: mac_energy.json and the files beside it", soft_wrap=True)
