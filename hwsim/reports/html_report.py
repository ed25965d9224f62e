"""A run as one HTML page that needs nothing else: figures, plots, the table of layers, what it all rests on."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from hwsim.pricing.layer_pricer import BREAKDOWN
from hwsim.reports.plots import energy_bars, pass_timeline, pe_heatmap, roofline
from hwsim.reports.table import simulation_summary
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.provenance import provenance
from hwsim.simulation.run import Run
from hwsim.vocabulary import Level

_HEADS = ("layer", "type", "MACs", "cycles", "util %", "PEs", "bound", "bits W/A", "uJ", *BREAKDOWN, "mapping")


def html_report(run: Run) -> str:
    """Return the page."""
    plots = {
        "Energy by layer": energy_bars(run),
        "Roofline": roofline(run),
        "PE utilisation": pe_heatmap(run),
        "Passes over time": pass_timeline(run),
    }
    facts = provenance(run.pricer).accelerator
    pages = Environment(loader=PackageLoader("hwsim.reports", "."), autoescape=True)
    return pages.get_template("report.html.jinja").render(
        title=f"{run.network.name} on {run.tile.name}",
        run=run,
        summary=simulation_summary(run),
        plots={heading: Markup(plot) for heading, plot in plots.items()},
        heads=_HEADS,
        rows=[_row(one) for one in run.runs],
        foundation=_foundation(run),
        tile=[f"{field} = {value}" for field, value in facts.items() if value not in {None, ""}],
    )


def _row(one: LayerRun) -> list[str]:
    cost, analysis = one.cost, one.analysis
    mapping = " ".join(f"{letter}={value}" for letter, value in analysis.mapping.as_dict().items())
    return [
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


def _foundation(run: Run) -> list[str]:
    facts = provenance(run.pricer)
    costs = run.pricer.costs
    lines = [f"tilejoule {facts.version}", f"MAC: {facts.mac.source}"]
    lines += [f"{level.value} pj per bit: {costs.pj_per_bit(level):.6g}" for level in Level]
    lines += [f"{level}: {source}" for level, source in facts.costs.sources.items()]
    lines += [f"{key.replace('_', ' ')}: {value}" for key, value in facts.costs.calibration.items()]
    return lines
