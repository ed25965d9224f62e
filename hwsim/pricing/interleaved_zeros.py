"""What zero weights save where a PE interleaves them with others, by the table's transition model.

The table's zero-weight energy is that of a held zero: partial sums of other PEs still pass through. A row-stationary PE
keeps its own psums, so two zero weights in a row leave it still, and a zero beside another weight saves little. The
energy follows the share of successive MACs with a weight among them, 1 - (1 - d)^2 at a density d, and not d; the model
says how closely (tests/characterize/energy/test_sparse_mac_energy.py compares both with gates).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.energy.transition_model import TransitionModel
from hwsim.pricing.sampled_streams import STREAM_MACS, STREAMS
from hwsim.vocabulary import Precision
from hwsim.workload.synthetic_tensors import ZERO_ACTIVATIONS, laplace_words

DENSITIES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
"""Shares of weights that are kept, at which the model is asked; between two of them the energy is nearly straight."""

SEED = 20160618
"""Of the operands that the model is asked about: a price has no randomness of its own."""


class PeOrder(NamedTuple):
    """In what order a PE works: p filters that it interleaves, and the q S words of its window."""

    filters: int
    words: int


def switching_ratio(
    model: TransitionModel, clock_fj: float, bits: Precision, order: PeOrder, zero_weight: float
) -> float:
    """Return a MAC's switching energy with a share of pruned weights over that with none.

    `clock_fj`: what a MAC pays whatever its operands are. The model is fitted to 3 % of a MAC's whole energy, so
    little is known of ratios below that; they are never negative.
    """
    curve = _curve(model, clock_fj, bits, order)
    return float(np.interp(1.0 - zero_weight, DENSITIES, curve))


@lru_cache(maxsize=4096)
def _curve(model: TransitionModel, clock_fj: float, bits: Precision, order: PeOrder) -> NDArray[np.float64]:
    weight, activation, kept = _operands(bits, order)
    energies = []
    for density in DENSITIES:
        live = weight * (kept < density)
        products = live * activation
        entering = np.cumsum(products, axis=2) - products
        # streams [stream, column, word, filter] as a PE takes them: filters innermost
        flat = (np.broadcast_to(part, products.shape).reshape(-1) for part in (live, activation, entering))
        energies.append(float(model.energy_fj(*flat).mean()))
    moving = np.maximum(np.array(energies) - clock_fj, 0.0)
    curve: NDArray[np.float64] = moving / moving[-1]
    return curve


def _operands(bits: Precision, order: PeOrder) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return weights [streams, 1, q S, p], activations [streams, f, q S, 1] and, like weights, which go first."""
    filters, words = order
    weight_bits, activation_bits = bits
    rng = np.random.default_rng([SEED, *bits, *order])
    columns = max(1, STREAM_MACS // (filters * words))
    weight = laplace_words((STREAMS, 1, words, filters), weight_bits, rng).astype(np.int64)
    activation = np.abs(laplace_words((STREAMS, columns, words, 1), activation_bits, rng)).astype(np.int64)
    activation[rng.random(activation.shape) < ZERO_ACTIVATIONS] = 0
    return weight, activation, rng.random(weight.shape)
