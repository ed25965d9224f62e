"""A run as one HTML page that needs nothing else: figures, plots, the table of layers, what it all rests on."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from hwsim.pricing.layer_pricer import BREAKDOWN
from hwsim.reports.plots import energy_bars, pass_timeline, pe_heatmap, roofline
from hwsim.reports.table import simulation_summary
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.provenance import provenance
from hwsim.simulation.run import Run
from hwsim.vocabulary import Level

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #eee; white-space: nowrap; }
th:first-child, td:first-child, td.text { text-align: left; }
thead th { position: sticky; top: 0; background: #fafafa; } svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; } .key { color: #666; }
"""


def html_report(run: Run) -> str:
    """Return the page."""
    title = f"{run.network.name} on {run.tile.name}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Batch {run.network.batch}, {run.engine.value} engine, mapped for {run.objective.value}.</p>",
        _list(simulation_summary(run)),
        "<h2>Energy by layer</h2>",
        energy_bars(run),
        "<h2>Roofline</h2>",
        roofline(run),
        "<h2>PE utilisation</h2>",
        pe_heatmap(run),
        "<h2>Passes over time</h2>",
        pass_timeline(run),
        "<h2>Layers</h2>",
        _layers(run),
        "<h2>What this rests on</h2>",
        _foundation(run),
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _layers(run: Run) -> str:
    heads = ("layer", "type", "MACs", "cycles", "util %", "PEs", "bound", "bits W/A", "uJ", *BREAKDOWN, "mapping")
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    rows = "\n".join(_row(one) for one in run.runs)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(one: LayerRun) -> str:
    cost, analysis = one.cost, one.analysis
    mapping = " ".join(f"{letter}={value}" for letter, value in analysis.mapping.as_dict().items())
    cells = [
        one.layer.name,
        one.layer.kind.value,
        f"{cost.macs:,}",
        f"{cost.cycles:,}",
        f"{100 * analysis.utilization:.2f}",
        str(analysis.active_pes),
        one.bound.replace("_", " "),
        f"{one.bits.weight}/{one.bits.activation}",
        f"{cost.energy_pj / 1e6:,.3f}",
        *(f"{cost.breakdown_pj[part] / 1e6:,.3f}" for part in BREAKDOWN),
        mapping,
    ]
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _foundation(run: Run) -> str:
    facts = provenance(run.pricer)
    costs = run.pricer.costs
    lines = [f"tilejoule {facts.version}", f"MAC: {facts.mac.source}"]
    lines += [f"{level.value} pj per bit: {costs.pj_per_bit(level):.6g}" for level in Level]
    lines += [f"{level}: {source}" for level, source in facts.costs.sources.items()]
    lines += [f"{key.replace('_', ' ')}: {value}" for key, value in facts.costs.calibration.items()]
    tile = [f"{field} = {value}" for field, value in facts.accelerator.items() if value not in {None, ""}]
    return _list(lines) + "<h2>Accelerator</h2>" + _list(tile)
