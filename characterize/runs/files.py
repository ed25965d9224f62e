"""The files of a finished run: table, CSV, netlist, activity, record, plots."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from characterize.energy.results import REFERENCE
from characterize.gates.saif import write_saif
from characterize.mac.interface import Role
from characterize.reports.comparison import TABLE_FILE
from characterize.runs.pipeline import RunOutcome
from characterize.runs.record import RECORD_FILE, RunRecord
from characterize.runs.recorded_run import CELLS_FILE, NETLIST_FILE, copy_sources
from characterize.technology.cell_models import cell_models
from hwsim.energy.mac_table import MacEnergyTable
from hwsim.files.writing import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_run(outcome: RunOutcome, folder: Path, wall_s: float) -> None:
    """Write all files of a run into a folder; all but `timestamp` and `wall_s` in run.json follow from the spec."""
    table = outcome.table
    table.to_json(folder / TABLE_FILE)
    write_text(folder / "table.csv", table_csv(table))
    write_text(folder / "energy_by_weight.csv", weight_csv(table))
    write_text(folder / NETLIST_FILE, outcome.mac.synthesis.verilog)
    write_text(folder / CELLS_FILE, cell_models(outcome.mac.netlist.library))
    copy_sources(outcome.mac.design, folder)
    write_text(folder / "activity.saif", activity_saif(outcome))
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record = RunRecord(**dict(outcome.provenance), timestamp=now, wall_s=round(wall_s, 3))
    record.to_json(folder / RECORD_FILE)
    write_plots(outcome, folder)


def table_csv(table: MacEnergyTable) -> str:
    """Return one line a precision pair and accounting."""
    import pandas as pd

    accountings: dict[str, Any] = (table.model_extra or {})["accountings"]
    rows = [
        (accounting, w, a, f"{energy_fj:.4f}", f"{figures['ci95_rel'][w][a]:.5f}", f"{figures['r_q'][w][a]:.5f}")
        for accounting, figures in accountings.items()
        for w, row in figures["energy_fj"].items()
        for a, energy_fj in row.items()
    ]
    columns = ["accounting", "weight_bits", "activation_bits", "energy_fj", "ci95_rel", "r_q"]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False)


def weight_csv(table: MacEnergyTable) -> str:
    """Return one line a weight value: the energy of a MAC while that weight is held."""
    lines = [f"{value},{energy_fj:.4f}" for value, energy_fj in weight_energies(table).items()]
    return "\n".join(["weight,energy_fj", *lines]) + "\n"


def activity_saif(outcome: RunOutcome) -> str:
    """Return the switching activity of the 8/8 streams as SAIF."""
    mac = outcome.mac
    activity = outcome.measured[REFERENCE].activity.with_clock(mac.interface.ports[Role.CLOCK])
    return write_saif(activity, mac.netlist.name)


def write_plots(outcome: RunOutcome, folder: Path) -> None:
    """Draw energy against precision, the breakdown, and energy by weight value, as SVG and PNG."""
    from characterize.reports.plots import FORMATS, breakdown_figure, numeric_parts, precision_figure, render

    table = outcome.table
    figures = {
        "energy_by_precision": precision_figure({table.multiplier: table}),
        "breakdown": breakdown_figure({table.multiplier: numeric_parts(table.breakdown_fj)}),
    }
    if weight_energies(table):
        figures["energy_by_weight"] = weight_figure(table)
    for name, figure in figures.items():
        for kind in FORMATS:
            write_bytes(folder / f"{name}.{kind}", render(figure, kind))


def weight_energies(table: MacEnergyTable) -> dict[int, float]:
    """Return weight value to energy per MAC, fJ, with that weight held."""
    return dict((table.model_extra or {}).get("energy_by_weight_fj", {}))


def weight_figure(table: MacEnergyTable) -> Figure:
    """Draw the energy of a MAC against the value of the weight that it holds."""
    from matplotlib.figure import Figure

    by_weight = weight_energies(table)
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(by_weight), list(by_weight.values()), linewidth=0.8, marker=".", markersize=3)
    axes.set_xlabel("value of the weight, held; activations stream")
    axes.set_ylabel(f"energy of one MAC, fJ ({table.accounting})")
    axes.set_title(table.multiplier, fontsize=10)
    axes.grid(alpha=0.3)
    return figure
