"""Several characterizations side by side: one row each, their savings by precision, and the plots of both."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.errors import InputError
from hwsim.files.writing import write_bytes, write_text

TABLE_FILE = "mac_energy.json"
REFERENCE_BITS = ((4, 4), (5, 5))
"""Precisions whose relative energy R_Q (eq. 6 of the paper) the summary shows."""


@dataclass(frozen=True)
class Characterization:
    """One finished run: the label it goes by, where it lies and its table."""

    label: str
    folder: Path
    table: MacEnergyTable

    def widest_bits(self) -> tuple[int, int]:
        """Return the greatest precision (weight bits, activation bits) of the table."""
        return max((w, a) for w, row in self.table.energy_fj.items() for a in row)

    def summary(self) -> dict[str, str | float]:
        """Return the row of figures that compare this run with others; empty where the table has no such entry."""
        table = self.table
        weight_bits, activation_bits = self.widest_bits()
        row: dict[str, str | float] = {
            "run": self.label,
            "technology": table.technology,
            "multiplier": table.multiplier,
            "dataflow": table.dataflow,
            "alignment": table.alignment,
            "accounting": table.accounting,
            "period_ps": table.period_ps,
            "bits": f"{weight_bits}/{activation_bits}",
            "energy_fj": table.energy_fj[weight_bits][activation_bits],
        }
        for bits in REFERENCE_BITS:
            row[f"r_q_{bits[0]}_{bits[1]}"] = table.r_q.get(bits[0], {}).get(bits[1], "")
        row["p_fg"] = table.p_fg
        row["zero_weight_fj"] = table.zero_weight_fj.get(activation_bits, "")
        row["zero_activation_fj"] = table.zero_activation_fj.get(weight_bits, "")
        row["leakage_nw"] = table.leakage_nw
        row["ci95_rel_max"] = max((ci for line in table.ci95_rel.values() for ci in line.values()), default="")
        return row


def read_characterizations(folders: tuple[Path, ...]) -> list[Characterization]:
    """Read the tables of finished runs, labelled by the shortest part of the path that tells them apart.

    Raises InputError for a folder that `characterize run` did not write.
    """
    labels = _labels(folders)
    return [Characterization(label, folder, _read_table(folder)) for label, folder in zip(labels, folders, strict=True)]


def _read_table(folder: Path) -> MacEnergyTable:
    file = folder if folder.is_file() else folder / TABLE_FILE
    if not file.is_file():
        problem = f"holds no {TABLE_FILE}" if folder.is_dir() else "does not exist"
        raise InputError(f"DIR '{folder}' {problem}; name a folder that `characterize run --out` wrote")
    return load_mac_table(file)


def _labels(folders: tuple[Path, ...]) -> list[str]:
    parts = [folder.absolute().parts for folder in folders]
    depth = 1
    while len({path[-depth:] for path in parts}) < len({*parts}) and depth < max(map(len, parts)):
        depth += 1
    return [str(Path(*path[-depth:])) for path in parts]


def summary_csv(runs: list[Characterization]) -> str:
    """Return one line a run: what was characterized and its main figures."""
    rows = [run.summary() for run in runs]
    return _csv(list(rows[0]), [list(row.values()) for row in rows])


def precision_csv(runs: list[Characterization]) -> str:
    """Return one line a run and precision: energy, its confidence half-width and R_Q."""
    lines: list[list[str | float]] = []
    for run in runs:
        for weight_bits, row in sorted(run.table.energy_fj.items()):
            for activation_bits, energy_fj in sorted(row.items()):
                ci = run.table.ci95_rel.get(weight_bits, {}).get(activation_bits, "")
                r_q = run.table.r_q.get(weight_bits, {}).get(activation_bits, "")
                lines.append([run.label, weight_bits, activation_bits, energy_fj, ci, r_q])
    return _csv(["run", "weight_bits", "activation_bits", "energy_fj", "ci95_rel", "r_q"], lines)


def _csv(head: list[str], lines: list[list[str | float]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return stream.getvalue()


def write_comparison(runs: list[Characterization], folder: Path) -> list[Path]:
    """Write summary.csv, precision.csv and the plots, each file whole; return their paths.

    Everything is drawn before the first file is written, so that a failure leaves the folder as it was.
    """
    from characterize.reports.plots import FORMATS, breakdown_figure, numeric_parts, precision_figure, render

    texts = {"summary.csv": summary_csv(runs), "precision.csv": precision_csv(runs)}
    figures = {"precision": precision_figure({run.label: run.table for run in runs})}
    parts = {run.label: numeric_parts(run.table.breakdown_fj) for run in runs}
    if any(parts.values()):
        figures["breakdown"] = breakdown_figure(parts)
    images = {f"{name}.{kind}": render(figure, kind) for name, figure in figures.items() for kind in FORMATS}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out '{folder}' cannot be written: {error.strerror}; choose a writable folder") from None
    for name, text in texts.items():
        write_text(folder / name, text)
    for name, content in images.items():
        write_bytes(folder / name, content)
    return [folder / name for name in (*texts, *images)]
