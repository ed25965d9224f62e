"""Plots of MAC energy tables: energy against precision, and where the energy of an 8-bit MAC goes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hwsim.energy.mac_table import MacEnergyTable
from hwsim.pricing.savings import saved_pct

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")


def render(figure: Figure, kind: str) -> bytes:
    """Return a figure as the bytes of an SVG or PNG file, the same bytes for the same figure."""
    import matplotlib as mpl

    stream = io.BytesIO()
    # dates and random ids would make every run's file differ
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "tilejoule", "svg.fonttype": "none"}):
        figure.savefig(stream, format=kind, dpi=150, metadata=metadata)
    return stream.getvalue()


def precision_figure(tables: Mapping[str, MacEnergyTable]) -> Figure:
    """Draw the energy saved by each precision, one panel a table.

    x is the weight's precision, the area of a circle the activation's, the line joins equal precisions. Savings are in
    percent of the widest precision's energy.

    Source: Balaskas et al., IEEE TETC, Fig. 2a (there for a whole accelerator, here for one MAC).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.8 + 3.8 * len(tables), 4.2), layout="constrained")
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for panel, (label, table) in zip(panels, tables.items(), strict=True):
        _precision_panel(panel, table)
        panel.set_title(label, fontsize=10)
        panel.set_xlabel("weight precision, bits")
    panels[0].set_ylabel("MAC energy saved, % of the widest precision")
    marks, names = panels[0].get_legend_handles_labels()
    figure.legend(marks, names, title="activation,\nbits", fontsize=8, title_fontsize=8, loc="outside right center")
    return figure


def _precision_panel(panel: Axes, table: MacEnergyTable) -> None:
    points = [(w, a, energy_fj) for w, row in table.energy_fj.items() for a, energy_fj in row.items()]
    *_, widest_fj = max(points)
    for activation_bits in sorted({a for _, a, _ in points}, reverse=True):
        chosen = sorted((w, energy_fj) for w, a, energy_fj in points if a == activation_bits)
        panel.scatter(
            [w for w, _ in chosen],
            [saved_pct(widest_fj, energy_fj) for _, energy_fj in chosen],
            s=5.0 * activation_bits**2,
            alpha=0.5,
            edgecolors="black",
            linewidths=0.5,
            label=str(activation_bits),
        )
    equal = sorted((w, energy_fj) for w, a, energy_fj in points if w == a)
    panel.plot(
        [w for w, _ in equal], [saved_pct(widest_fj, energy_fj) for _, energy_fj in equal], color="black", label="equal"
    )
    panel.grid(alpha=0.3)
    panel.set_xticks(sorted({w for w, _, _ in points}))


def breakdown_figure(parts_fj: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw one stacked bar a table of what its MAC spends where, fJ; `parts_fj`: label, then part, to energy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.2 + 1.3 * len(parts_fj), 4.2), layout="constrained")
    axes = figure.subplots()
    labels = list(parts_fj)
    floor = [0.0] * len(labels)
    for part in dict.fromkeys(part for parts in parts_fj.values() for part in parts):
        heights = [parts_fj[label].get(part, 0.0) for label in labels]
        axes.bar(labels, heights, bottom=floor, label=part, width=0.6)
        floor = [low + height for low, height in zip(floor, heights, strict=True)]
    axes.set_ylabel("energy of one MAC at the widest precision, fJ")
    axes.tick_params(axis="x", labelrotation=20)
    axes.legend(fontsize=8)
    return figure


def numeric_parts(breakdown_fj: Mapping[str, Any]) -> dict[str, float]:
    """Return the parts of a table's breakdown that are plain figures, in their order."""
    return {
        part: float(value)
        for part, value in breakdown_fj.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and part != "total"
    }
