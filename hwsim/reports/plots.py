"""Plots of a run as inline SVG: roofline, energy by part, PE utilisation, passes over time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from hwsim.engines.analytic import dram_bits
from hwsim.engines.cycle_timeline import PHASES, run_cycles
from hwsim.pricing.layer_pricer import BREAKDOWN
from hwsim.reports.occupancy import busy_share, mapped_pes
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_PASSES = 32
SHOWN_LAYERS = 8
_COLORS = dict(zip(BREAKDOWN, ("#4c72b0", "#55a868", "#8172b2", "#ccb974", "#c44e52", "#8c8c8c"), strict=True))


def roofline(run: Run) -> str:
    """Return layers by their MACs a DRAM byte and their MACs a second, under the tile's two roofs."""
    figure, axes = _figure(7, 4.2)
    computing = [one for one in run.runs if one.cost.macs]
    points = [_point(run, one) for one in computing]
    peak = run.tile.peak_gmac_per_s
    bytes_per_ns = run.tile.dram_bandwidth_gbit_per_s / 8
    places = [point.macs_per_byte for point in points] or [1.0]
    ridge = peak / bytes_per_ns
    x = np.geomspace(min(*places, ridge) / 4, max(*places, ridge) * 4, 200)
    axes.loglog(x, np.minimum(peak, x * bytes_per_ns), color="black", linewidth=1.5)
    for point, one in zip(points, computing, strict=True):
        color = "#c44e52" if one.bound.startswith("dram") else "#4c72b0"
        axes.plot(point.macs_per_byte, point.gmac_per_s, "o", color=color, markersize=5, alpha=0.7)
    axes.axvline(ridge, color="grey", linestyle=":", linewidth=1)
    axes.set_xlabel("MACs a DRAM byte")
    axes.set_ylabel("GMAC/s")
    axes.set_title(f"Roofline: {peak:,.0f} GMAC/s, {bytes_per_ns:.3g} GB/s; red: bound by DRAM", fontsize=10)
    return _svg(figure)


def energy_bars(run: Run) -> str:
    """Return each layer's energy, split into its parts."""
    figure, axes = _figure(max(7.0, 0.16 * len(run.runs) + 2), 3.8)
    place = np.arange(len(run.runs))
    bottom = np.zeros(len(run.runs))
    for part in BREAKDOWN:
        height = np.array([one.cost.breakdown_pj[part] for one in run.runs]) / 1e6
        axes.bar(place, height, bottom=bottom, color=_COLORS[part], label=part, width=0.85)
        bottom += height
    axes.set_xticks(place, [one.layer.name for one in run.runs], rotation=90, fontsize=6)
    axes.set_ylabel("energy, uJ")
    axes.legend(ncols=len(BREAKDOWN), fontsize=7, frameon=False)
    axes.margins(x=0.01)
    return _svg(figure)


def pe_heatmap(run: Run) -> str:
    """Return the share of time each PE computes over the run, and the PEs mapped by the longest layers."""
    longest = sorted(run.runs, key=lambda one: -one.cost.cycles)[:SHOWN_LAYERS]
    columns = 4
    rows = -(-len(longest) // columns)
    figure = Figure(figsize=(9, 2.2 * (rows + 1.4)), layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[1.8] + [1] * rows)
    axes = figure.add_subplot(grid[0, :])
    share = 100 * busy_share(run)
    picture = axes.imshow(share, cmap="viridis", vmin=0, aspect="equal", interpolation="nearest")
    axes.set_title(f"share of cycles in which a PE computes, % (mean {share.mean():.2f})", fontsize=9)
    figure.colorbar(picture, ax=axes)
    for index, one in enumerate(longest):
        cell = figure.add_subplot(grid[1 + index // columns, index % columns])
        cell.imshow(mapped_pes(run.tile, one.analysis), cmap="Blues", vmin=0, vmax=1.3, interpolation="nearest")
        cell.set_title(f"{one.layer.name}: {one.analysis.active_pes} PEs", fontsize=7)
        cell.set_xticks([])
        cell.set_yticks([])
    return _svg(figure)


def pass_timeline(run: Run) -> str:
    """Return the first passes of the longest layer: loading, filling, computing, as the cycle engine steps them."""
    one = max((one for one in run.runs if one.cost.macs), key=lambda one: one.cost.cycles, default=run.runs[0])
    timed = run_cycles(
        one.layer, run.tile, one.analysis.mapping, events=SHOWN_PASSES, ifmap_coding=one.analysis.ifmap_coding
    )
    events = timed.timeline.events
    figure, axes = _figure(8, 0.13 * len(events) + 1.6)
    for column, (label, color) in enumerate(zip(PHASES, ("#ccb974", "#55a868", "#4c72b0"), strict=True)):
        start, end = events[:, column], events[:, column + 1]
        axes.barh(np.arange(len(events)), end - start, left=start, color=color, label=label, height=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("core cycles")
    axes.set_ylabel("pass")
    axes.set_title(f"first {len(events)} of {one.analysis.passes:,} passes of {one.layer.name}", fontsize=9)
    axes.legend(fontsize=7, frameon=False, ncols=3)
    return _svg(figure)


class _Point(NamedTuple):
    """A layer under the roofs."""

    macs_per_byte: float
    gmac_per_s: float


def _point(run: Run, one: LayerRun) -> _Point:
    dram_bytes = dram_bits(one.analysis.accesses, run.tile, one.analysis.ifmap_coding) / 8
    return _Point(one.cost.macs / dram_bytes, one.cost.macs / one.cost.latency_ms / 1e6)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    # a fixed salt and no date: the same run gives the same bytes
    with mpl.rc_context({"svg.hashsalt": "tilejoule", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
