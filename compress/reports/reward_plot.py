"""The reward table as a heatmap.

Source: Balaskas et al., Fig. 5 (drawn there at a quarter of the resolution; here in full).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compress.searching.reward import RewardTable
from hwsim.errors import InputError


def plot_reward(table: RewardTable, path: Path) -> None:
    """Draw the table; each of the 40 x 40 bins is one cell, whatever its width in percent."""
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"--plot '{path}' must end in .png, .svg or .pdf")
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
    try:
        figure.savefig(path)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}; choose an existing, writable folder") from None
