"""Exploration noise: a normal around the action, truncated to [0, 1].

Source: Balaskas et al., sections 4.2.1 and 5.1 (sigma 0.6, decayed by 0.99 an episode after the warm-up).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri


def truncated_normal(mean: NDArray[np.float64], sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw from normal(mean, sigma) truncated to [0, 1], by inverting its distribution; sigma 0 returns the mean."""
    draws = rng.random(np.shape(mean))
    if sigma <= 0.0:
        return np.clip(mean, 0.0, 1.0)
    low, high = ndtr((0.0 - mean) / sigma), ndtr((1.0 - mean) / sigma)
    return np.asarray(np.clip(mean + sigma * ndtri(low + draws * (high - low)), 0.0, 1.0))
