"""The reward table as a heatmap.

Source: Balaskas et al., Fig. 5 (drawn there at a quarter of the resolution; here in full).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compress.reports.plot_files import check_plot_name, save_plot
from compress.searching.reward import RewardTable


def plot_reward(table: RewardTable, path: Path) -> None:
    """Draw the table; each of the 40 x 40 bins is one cell, whatever its width in percent."""
    check_plot_name(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table.rewards, origin="lower", aspect="auto", cmap="viridis")
    ticks = np.arange(0, len(table.loss_edges_pct), 5)
    axes.set_xticks(ticks, [f"{table.loss_edges_pct[tick]:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{table.gain_edges_pct[tick]:g}" for tick in ticks])
    axes.set_xlabel("accuracy loss, points")
    axes.set_ylabel("energy gain, %")
    figure.colorbar(image, label="reward")
    save_plot(figure, path)
