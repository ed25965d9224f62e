"""Means of independent batches and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """Mean of a quantity, the relative half-width of its 95 % confidence interval, and the number of batches."""

    mean: float
    ci95_rel: float
    batches: int


def batch_estimate(batches: NDArray[np.float64]) -> Estimate:
    """Estimate a mean from independent batch means, `float64[batches]`, with Student's t.

    The half-width is infinite where there are fewer than two batches. Source: Law, Simulation Modeling and Analysis,
    section 9.5 (replication with batch means).
    """
    from scipy.special import stdtrit

    mean = float(batches.mean())
    if batches.size < 2:
        return Estimate(mean, float("inf"), int(batches.size))
    half = float(stdtrit(batches.size - 1, 0.975)) * float(batches.std(ddof=1)) / float(np.sqrt(batches.size))
    return Estimate(mean, half / abs(mean) if mean else 0.0, int(batches.size))


def batches_needed(batches: NDArray[np.float64], ci: float) -> int:
    """Return how many batches a half-width of `ci` would take, judged by those at hand (at least two)."""
    relative = float(batches.std(ddof=1)) / abs(float(batches.mean()))
    return int(np.ceil((1.96 * relative / ci) ** 2 * 1.05)) + 1
