"""Tensors for the cycle engine where no real ones are given: seeded, with the statistics of quantized networks.

Source: the operand streams of the MAC's characterization (Laplace weights, half-Laplace activations behind a ReLU,
clipped as Banner et al., NeurIPS 2019, do).
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.workload.layer import ConvLayer, Layer

CLIP_TO_SCALE = {1: 1.86, 2: 2.831, 3: 3.897, 4: 5.029, 5: 6.205, 6: 7.413, 7: 8.646, 8: 9.897}
"""Clipping point of a Laplace distribution over its scale by bits: W(3 * 4^bits). Source: Banner et al., Table 1."""

WIDEST_CLIP = 10.0
"""Clipping point for words wider than 8 bits, where saturation no longer matters."""

ZERO_ACTIVATIONS = 0.45
"""Share of exact zeros among activations behind a ReLU."""


def generator(seed: int, layer: Layer) -> np.random.Generator:
    """Return a layer's own generator: its tensors do not depend on which other layers run."""
    return np.random.default_rng([seed, zlib.crc32(layer.name.encode())])


def typical_zero_share(bits: int) -> float:
    """Return the share of zeros among drawn activations: exact ones, and those that round to zero."""
    limit = 2 ** (bits - 1) - 1
    return 1.0 - (1.0 - ZERO_ACTIVATIONS) * math.exp(-0.5 * CLIP_TO_SCALE.get(bits, WIDEST_CLIP) / limit)


def draw_ifmap(layer: Layer, bits: int, rng: np.random.Generator, zero_share: float | None = None) -> NDArray[Any]:
    """Return activations of a layer, [N, C, H, W] ([operands, N, C, H, W] for elementwise layers), `bits` wide.

    `zero_share`: the share of zeros among them, met to a word; a typical one where left out.
    """
    shape = layer.ifmap_shape
    values: NDArray[Any] = np.abs(laplace_words(shape, bits, rng))
    values[rng.random(shape, np.float32) < ZERO_ACTIVATIONS] = 0
    if zero_share is not None:
        _set_zero_share(values.reshape(-1), zero_share, rng)
    return values


def _set_zero_share(words: NDArray[Any], share: float, rng: np.random.Generator) -> None:
    """Turn random words into zeros, or zeros into ones, until a share of all are zero."""
    zeros, wanted = np.flatnonzero(words == 0), round(share * words.size)
    if len(zeros) < wanted:
        words[rng.permutation(np.flatnonzero(words))[: wanted - len(zeros)]] = 0
    else:
        words[rng.permutation(zeros)[: len(zeros) - wanted]] = 1


def draw_filters(layer: ConvLayer, bits: int, zero_weight: float, rng: np.random.Generator) -> NDArray[Any]:
    """Return weights [M, C/groups, R, S], `bits` wide, of which a share is pruned to zero at random."""
    values = laplace_words(layer.filter_shape, bits, rng)
    if zero_weight:
        pruned = rng.permutation(values.size)[: int(zero_weight * values.size)]
        values.reshape(-1)[pruned] = 0
    return values


def quantize_weights(weights: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return real weights as signed integers of `bits` bits, one symmetric scale for the tensor."""
    largest = float(np.abs(weights).max(initial=0))
    limit = 2 ** (bits - 1) - 1
    scale = limit / largest if largest else 0.0
    return np.rint(weights * scale).astype(_word_type(bits))


def laplace_words(shape: tuple[int, ...], bits: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return signed words of a Laplace distribution, rounded and clipped to `bits` bits."""
    limit = 2 ** (bits - 1) - 1
    scale = limit / CLIP_TO_SCALE.get(bits, WIDEST_CLIP)
    magnitude = rng.standard_exponential(shape, np.float32)
    magnitude *= scale
    np.rint(magnitude, out=magnitude)
    np.minimum(magnitude, limit, out=magnitude)
    values: NDArray[Any] = magnitude.astype(_word_type(bits))
    np.negative(values, out=values, where=rng.random(shape, np.float32) < 0.5)
    return values


def _word_type(bits: int) -> type[np.int8] | type[np.int16]:
    return np.int8 if bits <= 8 else np.int16
