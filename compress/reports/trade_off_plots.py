"""Trade-offs as the paper draws them: Fig. 1 (two axes over sparsity), Fig. 2a (over precision), Fig. 2b (front)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import pandas as pd

from compress.oracle.trade_offs import TradeOff

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def trade_offs_csv(points: Sequence[TradeOff]) -> str:
    """Return one line a point, with a header."""
    table = pd.DataFrame([asdict(point) for point in points], columns=[field.name for field in fields(TradeOff)])
    return str(table.to_csv(index=False, lineterminator="\n"))


def _series(points: Sequence[TradeOff]) -> dict[str, list[TradeOff]]:
    by_name: dict[str, list[TradeOff]] = {}
    for point in points:
        by_name.setdefault(point.series, []).append(point)
    return by_name


def _losses(series: Sequence[TradeOff]) -> list[float]:
    return [point.accuracy_loss_pct or 0.0 for point in series]


def plot_sparsity(points: Sequence[TradeOff], title: str) -> Figure:
    """Draw accuracy loss (left axis, triangles) and energy gain (right axis, diamonds) over sparsity, as in Fig. 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    losses = figure.subplots()
    gains = losses.twinx()
    for number, (name, series) in enumerate(_series(points).items()):
        sparsities = [point.sparsity for point in series]
        colour = f"C{number}"
        losses.plot(sparsities, _losses(series), "^-", color=colour, label=f"{name}: loss")
        gains.plot(
            sparsities, [point.energy_reduction_pct for point in series], "D--", color=colour, label=f"{name}: gain"
        )
    losses.set(xlabel="sparsity", ylabel="accuracy loss, points", title=title)
    gains.set_ylabel("energy gain, %")
    handles = [line for axes in (losses, gains) for line in axes.get_lines()]
    losses.legend(handles, [str(line.get_label()) for line in handles], fontsize="small")
    return figure


def plot_precision(points: Sequence[TradeOff], title: str) -> Figure:
    """Draw the energy saved over weight bits, one line an activation precision, equal bits in bold, as in Fig. 2a."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, series in _series(points).items():
        axes.plot(
            [point.weight_bits for point in series], [point.energy_reduction_pct for point in series], "o-",
            markersize=2 + series[0].activation_bits, alpha=0.5, label=name,
        )  # fmt: skip
    equal = [point for point in points if point.weight_bits == point.activation_bits]
    axes.plot(
        [point.weight_bits for point in equal], [point.energy_reduction_pct for point in equal], "k-", linewidth=2,
        label="equal",
    )  # fmt: skip
    axes.set(xlabel="weight bits", ylabel="energy reduction, %", title=title)
    axes.legend(title="activation bits", fontsize="small")
    return figure


def plot_mixed(points: Sequence[TradeOff], title: str) -> Figure:
    """Draw energy reduction over accuracy loss for uniform and mixed precision, as in Fig. 2b."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, series in _series(points).items():
        axes.plot(
            _losses(series), [point.energy_reduction_pct for point in series], "o", label=name,
        )  # fmt: skip
    axes.set(xlabel="accuracy loss, points", ylabel="energy reduction, %", title=title)
    axes.set_xlim(right=min(20.0, max(_losses(points)) + 1.0))
    axes.legend()
    return figure
