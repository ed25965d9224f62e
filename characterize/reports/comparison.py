"""Several characterizations side by side: one row each, their savings by precision, and the plots of both."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.errors import InputError
from hwsim.files.document import Document
from hwsim.files.writing import write_bytes, write_text
from hwsim.vocabulary import Precision

if TYPE_CHECKING:
    import pandas as pd

TABLE_FILE = "mac_energy.json"


class RunSummary(BaseModel):
    """The figures that compare a run with others, energies in fJ; None where its table has no such entry.

    `bits`: the widest precision (weight/activation), which energy_fj and zero energies are at. `r_q_4_4`, `r_q_5_5`:
    energy at those precisions relative to 8/8. Source: Balaskas et al., IEEE TETC, eq. 6 (R_Q) and eq. 7 (P_FG).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    technology: str
    multiplier: str
    dataflow: str
    alignment: str
    accounting: str
    period_ps: float
    bits: str
    energy_fj: float
    r_q_4_4: float | None
    r_q_5_5: float | None
    p_fg: float
    zero_weight_fj: float | None
    zero_activation_fj: float | None
    leakage_nw: float
    ci95_rel_max: float | None


class PrecisionFigures(BaseModel):
    """Energy of a run's MAC at one precision, the half-width of its confidence interval, and R_Q."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    weight_bits: int
    activation_bits: int
    energy_fj: float
    ci95_rel: float | None
    r_q: float | None


class ComparisonFile(Document):
    """What `characterize compare --json` writes: a summary of each run, and each of its precisions."""

    KIND: ClassVar[str] = "a comparison by `characterize compare`"

    runs: tuple[RunSummary, ...]
    precisions: tuple[PrecisionFigures, ...]


@dataclass(frozen=True)
class ComparedRun:
    """One finished run: the label it goes by, where it lies and its table."""

    label: str
    folder: Path
    table: MacEnergyTable

    def widest(self) -> Precision:
        """Return the greatest precision of the table."""
        return max(Precision(w, a) for w, row in self.table.energy_fj.items() for a in row)

    def summary(self) -> RunSummary:
        """Return the row of figures that compare this run with others."""
        table, widest = self.table, self.widest()
        intervals = [ci for line in table.ci95_rel.values() for ci in line.values()]
        return RunSummary(
            run=self.label,
            technology=table.technology,
            multiplier=table.multiplier,
            dataflow=table.dataflow,
            alignment=table.alignment,
            accounting=table.accounting,
            period_ps=table.period_ps,
            bits=f"{widest.weight}/{widest.activation}",
            energy_fj=table.energy_fj[widest.weight][widest.activation],
            r_q_4_4=table.r_q.get(4, {}).get(4),
            r_q_5_5=table.r_q.get(5, {}).get(5),
            p_fg=table.p_fg,
            zero_weight_fj=table.zero_weight_fj.get(widest.activation),
            zero_activation_fj=table.zero_activation_fj.get(widest.weight),
            leakage_nw=table.leakage_nw,
            ci95_rel_max=max(intervals, default=None),
        )

    def precisions(self) -> list[PrecisionFigures]:
        """Return the figures of every precision, narrow ones first."""
        table = self.table
        return [
            PrecisionFigures(
                run=self.label,
                weight_bits=weight_bits,
                activation_bits=activation_bits,
                energy_fj=energy_fj,
                ci95_rel=table.ci95_rel.get(weight_bits, {}).get(activation_bits),
                r_q=table.r_q.get(weight_bits, {}).get(activation_bits),
            )
            for weight_bits, row in sorted(table.energy_fj.items())
            for activation_bits, energy_fj in sorted(row.items())
        ]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Finished runs side by side, as `characterize.compare` returns them."""

    runs: tuple[ComparedRun, ...]

    @property
    def document(self) -> ComparisonFile:
        """The figures as the file that `to_json` writes."""
        precisions = tuple(figures for run in self.runs for figures in run.precisions())
        return ComparisonFile(runs=tuple(run.summary() for run in self.runs), precisions=precisions)

    def __repr__(self) -> str:
        energies = ", ".join(f"{one.run} {one.energy_fj:.1f} fJ at {one.bits}" for one in self.document.runs)
        return f"<Comparison of {len(self.runs)}: {energies}>"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(f'{len(self.runs)} MAC characterizations')}</p>{self.to_frame().to_html(index=False)}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a run: what was characterized and its main figures."""
        return _frame(self.document.runs)

    def to_json(self, path: str | Path) -> None:
        """Write summaries and precisions as JSON."""
        self.document.to_json(path)

    def write(self, folder: str | Path) -> list[Path]:
        """Write summary.csv, precision.csv and the plots, each file whole; return their paths.

        Everything is drawn before the first file is written, so that a failure leaves the folder as it was.
        """
        from characterize.reports.plots import FORMATS, breakdown_figure, numeric_parts, precision_figure, render

        folder, document = Path(folder), self.document
        texts = {
            "summary.csv": _frame(document.runs).to_csv(index=False),
            "precision.csv": _frame(document.precisions).to_csv(index=False),
        }
        figures = {"precision": precision_figure({run.label: run.table for run in self.runs})}
        parts = {run.label: numeric_parts(run.table.breakdown_fj) for run in self.runs}
        if any(parts.values()):
            figures["breakdown"] = breakdown_figure(parts)
        images = {f"{name}.{kind}": render(figure, kind) for name, figure in figures.items() for kind in FORMATS}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"--out '{folder}' cannot be written: {error.strerror}; choose a writable folder"
            ) from None
        for name, text in texts.items():
            write_text(folder / name, text)
        for name, content in images.items():
            write_bytes(folder / name, content)
        return [folder / name for name in (*texts, *images)]


def compare(folders: Sequence[str | Path]) -> Comparison:
    """Read the tables of finished runs, labelled by the shortest part of the path that tells them apart.

    Raises InputError where no folder is named, or one that `characterize run` did not write.
    """
    paths = [Path(folder) for folder in folders]
    if not paths:
        raise InputError("no DIR to compare; name folders that `characterize run --out` wrote")
    named = zip(_labels(paths), paths, strict=True)
    return Comparison(tuple(ComparedRun(label, folder, _read_table(folder)) for label, folder in named))


def _read_table(folder: Path) -> MacEnergyTable:
    file = folder if folder.is_file() else folder / TABLE_FILE
    if not file.is_file():
        problem = f"holds no {TABLE_FILE}" if folder.is_dir() else "does not exist"
        raise InputError(f"DIR '{folder}' {problem}; name a folder that `characterize run --out` wrote")
    return load_mac_table(file)


def _labels(folders: Sequence[Path]) -> list[str]:
    parts = [folder.absolute().parts for folder in folders]
    depth = 1
    while len({path[-depth:] for path in parts}) < len({*parts}) and depth < max(map(len, parts)):
        depth += 1
    return [str(Path(*path[-depth:])) for path in parts]


def _frame(rows: Sequence[BaseModel]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([dict(row) for row in rows])
