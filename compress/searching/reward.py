"""The reward: a 40 x 40 table over accuracy loss and energy gain, heavily in favour of small losses.

Source: Balaskas et al., section 4.2.3 and Fig. 5. The paper's values are unpublished; its stated constraints are kept
by the formula of `reward_formula`, and a CSV file replaces the table.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.files.reading import read_text

BINS = 40
TOLERABLE_LOSS_PCT = 10.0
SMALL_PCT = 5.0
DEFAULT_MAX_LOSS_PCT = 2.0
CORNER = "gain_pct \\ loss_pct"

FloatArray = NDArray[np.float64]


def reward_formula(
    loss_pct: FloatArray, gain_pct: FloatArray, max_loss_pct: float = DEFAULT_MAX_LOSS_PCT
) -> FloatArray:
    """Return the reward of accuracy losses and energy gains (percent, broadcast together).

    With g the gain as a fraction and tau = 1.5 * max_loss_pct (of at least half a point):
    below 10 % loss, g * exp(-max(loss, 0) / tau); from 10 % on, 0.01 * g - 0.1 - 0.1 * (loss - 10) / 90;
    and -0.05 where both gain and loss are below 5 % (nothing was risked and nothing won).

    What is refused slopes gently: an agent adds up the rewards of an episode's steps, and a deep fall (to -1 at first)
    took up all that its critic could tell apart, so that it learned to leave every layer alone.
    """
    loss, gain = np.broadcast_arrays(np.asarray(loss_pct, float), np.asarray(gain_pct, float))
    fraction = np.clip(gain, 0.0, 100.0) / 100.0
    favoured = fraction * np.exp(-np.maximum(loss, 0.0) / (1.5 * max(max_loss_pct, 0.5)))
    refused = 0.01 * fraction - 0.1 - 0.1 * (loss - TOLERABLE_LOSS_PCT) / (100.0 - TOLERABLE_LOSS_PCT)
    reward = np.where(loss < TOLERABLE_LOSS_PCT, favoured, refused)
    return np.asarray(np.where((loss < SMALL_PCT) & (gain < SMALL_PCT), -0.05, reward))


@dataclass(frozen=True)
class RewardTable:
    """Rewards float64[gain, loss] with the ascending lower edges (percent) of the 40 bins of each axis.

    A value below the first edge falls into the first bin, one above the last edge into the last.
    """

    loss_edges_pct: FloatArray
    gain_edges_pct: FloatArray
    rewards: FloatArray

    def lookup(self, loss_pct: float, gain_pct: float) -> float:
        """Return the reward of one measurement (percent, relative to the dense 8-bit network)."""
        column = int(np.searchsorted(self.loss_edges_pct, loss_pct, side="right")) - 1
        row = int(np.searchsorted(self.gain_edges_pct, gain_pct, side="right")) - 1
        return float(self.rewards[max(row, 0), max(column, 0)])

    @property
    def lowest(self) -> float:
        """The smallest reward of the table."""
        return float(self.rewards.min())

    @property
    def highest(self) -> float:
        """The largest reward of the table."""
        return float(self.rewards.max())

    def as_csv(self) -> str:
        """Return the table as CSV: loss edges in the first row, gain edges in the first column."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([CORNER, *(f"{edge:.6g}" for edge in self.loss_edges_pct)])
        for edge, row in zip(self.gain_edges_pct, self.rewards, strict=True):
            writer.writerow([f"{edge:.6g}", *(f"{value:.6f}" for value in row)])
        return stream.getvalue()


def formula_table(max_loss_pct: float = DEFAULT_MAX_LOSS_PCT) -> RewardTable:
    """Return the table of the formula at the bins' centres.

    Losses: 20 bins of 0.5 points up to 10 %, where the decision lies, and 20 of 4.5 points beyond. Gains: 2.5 points
    each.
    """
    loss = np.concatenate([np.arange(20) * 0.5, 10.0 + np.arange(20) * 4.5])
    gain: FloatArray = np.arange(BINS) * np.float64(2.5)
    loss_width = np.concatenate([np.full(20, 0.5), np.full(20, 4.5)])
    rewards = reward_formula((loss + loss_width / 2)[None, :], (gain + 1.25)[:, None], max_loss_pct)
    return RewardTable(loss, gain, np.round(rewards, 6))


def load_reward(path: Path | None = None, max_loss_pct: float = DEFAULT_MAX_LOSS_PCT) -> RewardTable:
    """Return the table of a CSV file; without one the shipped table, or the formula's for another accuracy budget.

    Raises InputError for a table that is not 40 x 40 numbers with ascending edges.
    """
    if path is not None:
        try:
            text = read_text(path, "a 40 x 40 reward CSV")
        except InputError as error:
            raise InputError(f"--reward: {error}") from None
        return parse_reward(text, str(path))
    if max_loss_pct != DEFAULT_MAX_LOSS_PCT:
        return formula_table(max_loss_pct)
    shipped = resources.files("compress") / "data" / "reward.csv"
    return parse_reward(shipped.read_text(), "compress/data/reward.csv")


def parse_reward(text: str, source: str) -> RewardTable:
    """Return the table in a CSV text; `source` names it in errors."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise InputError(f"--reward '{source}' is no CSV ({error}); start from `compress reward --csv FILE`") from None
    widths = sorted({len(row) for row in rows})
    if len(rows) != BINS + 1 or widths != [BINS + 1]:
        shape = f"{max(len(rows) - 1, 0)} x {'/'.join(str(width - 1) for width in widths) or 0}"
        raise InputError(
            f"--reward '{source}' holds {shape} rewards, must hold {BINS} x {BINS} below a row of loss edges and "
            f"right of"
            " a column of gain edges; start from `compress reward --csv FILE`"
        )
    try:
        loss = np.array([float(cell) for cell in rows[0][1:]])
        body = np.array([[float(cell) for cell in row] for row in rows[1:]])
    except ValueError as error:
        raise InputError(f"--reward '{source}': {error}; every cell must be a number") from None
    table = RewardTable(loss, body[:, 0].copy(), body[:, 1:].copy())
    if not np.isfinite(body).all() or not np.isfinite(loss).all():
        raise InputError(f"--reward '{source}' holds a value that is not finite; every cell must be a finite number")
    for axis, edges in (("loss", table.loss_edges_pct), ("gain", table.gain_edges_pct)):
        if (np.diff(edges) <= 0).any():
            raise InputError(f"--reward '{source}': the {axis} edges must ascend strictly")
    return table
