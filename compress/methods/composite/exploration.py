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


def generator_state(rng: np.random.Generator) -> dict[str, int]:
    """Return a PCG64 generator's state as plain integers."""
    state = rng.bit_generator.state
    return {
        "state": int(state["state"]["state"]),
        "inc": int(state["state"]["inc"]),
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def restore_generator(rng: np.random.Generator, state: dict[str, int]) -> None:
    """Continue a PCG64 generator from what `generator_state` returned."""
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": state["state"], "inc": state["inc"]},
        "has_uint32": state["has_uint32"],
        "uinteger": state["uinteger"],
    }
