"""`characterize.run`: a finished characterization as a value, with its table, its frame and its files."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from characterize.bench.verification import FunctionCheck
from characterize.runs.files import write_run
from characterize.runs.pipeline import Progress, RunOutcome, characterize
from characterize.spec import MAX_BITS, RunSpec
from hwsim.energy.mac_table import MacEnergyTable
from hwsim.files.writing import check_new_folder, staged_folder

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Characterization:
    """What `characterize.run` found: `table` is what hwsim reads, `seconds` the time it took."""

    spec: RunSpec
    outcome: RunOutcome
    seconds: float

    @property
    def table(self) -> MacEnergyTable:
        """The table of energies by precision."""
        return self.outcome.table

    @property
    def verification(self) -> FunctionCheck:
        """Whether RTL and netlist were found to compute what they must."""
        return self.outcome.provenance.verification

    def __repr__(self) -> str:
        table = self.table
        return (
            f"<Characterization {table.multiplier}, {table.dataflow}, {table.accounting}:"
            f" {table.energy_fj[MAX_BITS][MAX_BITS]:.1f} fJ at 8/8, P_FG {table.p_fg:.3f}, {self.seconds:.0f} s>"
        )

    def _repr_html_(self) -> str:
        energies = self.to_frame().pivot_table("energy_fj", "weight_bits", "activation_bits")
        return f"<p>{html.escape(repr(self))}</p>{energies.to_html(float_format='{:.1f}'.format)}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a pair of precisions: weight_bits, activation_bits, energy_fj, ci95_rel."""
        import pandas as pd

        table = self.table
        rows = [
            (weight_bits, activation_bits, energy_fj, table.ci95_rel[weight_bits][activation_bits])
            for weight_bits, row in table.energy_fj.items()
            for activation_bits, energy_fj in row.items()
        ]
        return pd.DataFrame(rows, columns=["weight_bits", "activation_bits", "energy_fj", "ci95_rel"])

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the table alone as text, as `--mac-table` reads it; with a path, also write it there."""
        return self.table.to_json(path)

    def write(self, folder: str | Path) -> None:
        """Write all files of the run into a new folder, which appears complete or not at all."""
        with staged_folder(Path(folder), "folder") as stage:
            write_run(self.outcome, stage, self.seconds)


def run(
    spec: RunSpec | None = None,
    *,
    out: str | Path | None = None,
    progress: Progress = lambda stage, done, total: None,
    **settings: Any,
) -> Characterization:
    """Characterize a MAC: synthesize it, simulate its gates on operand streams, and return its energy table.

    `settings` are fields of RunSpec, `bits="4,8"` for example; they come before those of `spec`. `out`: a new folder
    for the run's files. Raises InputError for input that cannot be used and RunError where a step fails.
    """
    chosen = RunSpec(**settings) if spec is None else spec.replaced(**settings)
    if out is not None:
        check_new_folder(Path(out))
    started = time.perf_counter()
    outcome = characterize(chosen, progress)
    found = Characterization(chosen, outcome, time.perf_counter() - started)
    if out is not None:
        found.write(out)
    return found
