"""A simulation as an architect reads it: a line a layer, totals, and what the figures rest on."""

from __future__ import annotations

import math

from rich import box
from rich.table import Table

from hwsim.energy.units import energy_text
from hwsim.engines.analytic import dram_bits
from hwsim.pricing.layer_pricer import BREAKDOWN, LayerCost
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.run import Run
from hwsim.vocabulary import Level

PICO_PER_MICRO = 1e6
_LEVEL_NAMES = {Level.DRAM: "DRAM", Level.GLB: "GLB", Level.NOC: "NoC", Level.RF: "RF"}


def simulation_table(run: Run) -> Table:
    """Return the table: a line a layer and the totals."""
    table = Table(title=_title(run), title_justify="left", caption_justify="left")
    table.add_column("layer", no_wrap=True)
    table.add_column("type")
    for column in ("MACs", "cycles"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("util %", justify="right")
    table.add_column("bound", no_wrap=True)
    table.add_column("mapping", no_wrap=True)
    table.add_column("uJ", justify="right", no_wrap=True)
    for part in BREAKDOWN:
        table.add_column(f"{part} %", justify="right")
    for one in run.runs:
        table.add_row(*_row(one))
    table.add_section()
    total = (f"{run.macs:,}", f"{run.cycles:,}", _percent(run.macs, run.cycles * run.tile.pes))
    shares = (_percent(run.breakdown_pj[part], run.energy_pj) for part in BREAKDOWN)
    energy = _four_digits(run.energy_pj / PICO_PER_MICRO)
    table.add_row("total", "", *total, "", "", energy, *shares, style="bold")
    return table


def narrow_table(run: Run) -> Table:
    """Return the table for a terminal of 100 columns: no types and mappings, the parts of an energy drawn together."""
    caption = "chip: rf, noc and glb; in 190 columns: types, mappings and all parts (--csv holds them)"
    table = Table(title=_title(run), title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE)
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    # the one column that gives way: figures stay whole
    table.add_column("layer", overflow="fold")
    for column in ("MMACs", "cycles", "util %"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("bound", no_wrap=True)
    for column in ("uJ", "mac %", "chip %", "dram %", "leak %"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in run.runs:
        table.add_row(*_narrow_row(one.layer.name, one.cost, one.bound, one.analysis.utilization))
    table.add_section()
    utilization = run.macs / (run.cycles * run.tile.pes)
    whole = LayerCost(run.energy_pj, run.breakdown_pj, run.cycles, run.latency_ms, run.macs)
    table.add_row(*_narrow_row("total", whole, "", utilization), style="bold")
    return table


def _narrow_row(name: str, cost: LayerCost, bound: str, utilization: float) -> tuple[str, ...]:
    parts = cost.breakdown_pj
    on_chip = sum(parts[part] for part in ("rf", "noc", "glb"))
    return (
        name,
        f"{cost.macs / 1e6:,.1f}" if cost.macs else "-",
        f"{cost.cycles:,}",
        f"{100 * utilization:.1f}",
        bound.replace("_", " "),
        _four_digits(cost.energy_pj / PICO_PER_MICRO),
        *(_percent(part, cost.energy_pj) for part in (parts["mac"], on_chip, parts["dram"], parts["leakage"])),
    )


def simulation_summary(run: Run) -> list[str]:
    """Return what stands under the table: figures of merit, and the sources of costs and MAC energies."""
    return [*_totals(run), *_sources(run)]


def _title(run: Run) -> str:
    layers = f"{len(run.runs)} layer{'s' if len(run.runs) > 1 else ''}"
    return (
        f"{run.network.name}, batch {run.network.batch}, on {run.tile.name}: {layers}, {run.engine.value} engine,"
        f" mapped for {run.objective.value}"
    )


def _row(one: LayerRun) -> tuple[str, ...]:
    cost, bits = one.cost, one.bits
    narrow = f" {bits.weight}b" if one.cost.macs and bits.weight != 8 else ""
    return (
        one.layer.name,
        f"{one.layer.kind}{narrow}",
        f"{cost.macs:,}" if cost.macs else "-",
        f"{cost.cycles:,}",
        f"{100 * one.analysis.utilization:.1f}",
        one.bound.replace("_", " "),
        _letters(one),
        _four_digits(cost.energy_pj / PICO_PER_MICRO),
        *(_percent(cost.breakdown_pj[part], cost.energy_pj) for part in BREAKDOWN),
    )


def _letters(one: LayerRun) -> str:
    """Return the mapping's letters in the order of the literature, those that are 1 beyond the first eight left out."""
    fields = one.analysis.mapping.as_dict()
    shown = [f"{letter}{fields[letter]}" for letter in "mnefpqrt" if letter in fields]
    shown += [f"{letter}{fields[letter]}" for letter in "gk" if fields.get(letter, 1) > 1]
    flags = [name for name in ("filters_outer", "keep_ifmap", "keep_filter") if fields.get(name)]
    short = {"filters_outer": "MN", "keep_ifmap": "I+", "keep_filter": "W+"}
    return " ".join([*shown, *(short[flag] for flag in flags)])


def _four_digits(value: float) -> str:
    decimals = 0 if value >= 1000 else max(0, 3 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{min(decimals, 6)}f}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _totals(run: Run) -> list[str]:
    latency_s = run.latency_ms / 1e3
    dram_bytes = sum(dram_bits(one.analysis.accesses, run.tile, one.analysis.ifmap_coding) for one in run.runs) / 8
    glb_bytes = run.accesses.bits(run.tile.word_bits, run.tile.psum_bits)[Level.GLB] / 8
    lines = [
        f"energy {energy_text(run.energy_pj)} a batch, {run.energy_pj / run.macs:.3f} pJ a MAC"
        if run.macs
        else "no MACs",
        f"latency {run.latency_ms:,.4g} ms a batch, {run.network.batch / latency_s:,.5g} images/s,"
        f" {run.energy_pj * 1e-9 / latency_s:,.4g} mW",
        f"DRAM {dram_bytes / 1e6:,.2f} MB at {dram_bytes / latency_s / 1e9:.3g} GB/s"
        f" (peak {run.tile.dram_bandwidth_gbit_per_s / 8:.3g}), GLB {glb_bytes / 1e6:,.2f} MB"
        f" at {glb_bytes / latency_s / 1e9:.3g} GB/s",
    ]
    if run.macs:
        tera_ops = 2 * run.macs / latency_s / 1e12
        lines.insert(1, f"{2 * run.macs / run.energy_pj:.3g} TOPS/W, {tera_ops:.3g} TOPS (an operation is half a MAC)")
    return lines


def _sources(run: Run) -> list[str]:
    costs = run.pricer.costs
    figures = ", ".join(f"{_LEVEL_NAMES[level]} {costs.pj_per_bit(level):.4g}" for level in Level)
    return [
        f"costs: {run.pricer.preset.name} ({figures} pJ a bit); {run.pricer.preset.description}",
        f"MAC: {run.pricer.mac.source} ({run.mac_table_name} table)",
        "mapping: m filters, n images, e rows, f columns; p q in a PE, r t sets, g groups, k filter rows;"
        " MN filters outside, I+ W+ ifmap, filters stay in the GLB",
        *(f"note: {note}" for note in run.notes),
    ]
