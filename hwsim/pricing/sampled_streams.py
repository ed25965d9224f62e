"""Energy of the MACs of a layer by the operands that its PEs really see, from the table's transition macro-model.

A PE interleaves p filters over q channels and S taps: for each ofmap column, channel and tap it multiplies one ifmap
word by the weights of its p filters and adds to p psums. A seeded sample of PEs, rows and images stands for the layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.energy.transition_model import TransitionModel
from hwsim.kernels.tuples import NestMap, NestShape
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapping import Mapping
from hwsim.workload.layer import ConvLayer

STREAMS = 256
STREAM_MACS = 96
"""Many short streams: it is their weights that differ most, where few are left."""

Integers = NDArray[np.int64]


class Tensors(NamedTuple):
    """What a layer runs on: ifmap [N, C, H, W] and filters [M, C/groups, R, S]."""

    ifmap: NDArray[Any]
    filters: NDArray[Any]


class PeStream(NamedTuple):
    """Operands of successive MACs of one PE, each int64[macs]; `psum` is the one that enters."""

    weight: Integers
    activation: Integers
    psum: Integers


@dataclass(frozen=True)
class SampledEnergy:
    """Mean energy of a MAC, fJ, in the accounting of the model, and the relative half-width of its 95 % interval."""

    mean_fj: float
    ci95_rel: float


def sample_mac_energy(
    layer: ConvLayer,
    mapping: Mapping,
    tensors: Tensors,
    model: TransitionModel,
    rng: np.random.Generator,
) -> SampledEnergy:
    """Return the mean energy over sampled PEs."""
    shape, nest = lower_layer(layer), mapping.lowered()
    streams = [operand_stream(shape, nest, tensors, rng) for _ in range(STREAMS)]
    lengths = np.array([stream.weight.size for stream in streams])
    # one after the other, as a PE turns from row to row
    energy_fj = model.energy_fj(*(np.concatenate(part) for part in zip(*streams, strict=True)))
    sums = np.add.reduceat(energy_fj, np.cumsum(lengths) - lengths)
    mean = float(sums.sum() / lengths.sum())
    spread = math.sqrt(float(np.average((sums / lengths - mean) ** 2, weights=lengths)) / (STREAMS - 1))
    return SampledEnergy(mean, 1.96 * spread / mean)


def operand_stream(sh: NestShape, mp: NestMap, tensors: Tensors, rng: np.random.Generator) -> PeStream:
    """Return the operands of successive MACs of one random PE."""
    ifmap, filters = tensors
    group, image = int(rng.integers(sh.groups)), int(rng.integers(sh.batch))
    first_filter = int(rng.integers(math.ceil(sh.filters / mp.p))) * mp.p
    first_channel = int(rng.integers(math.ceil(sh.channels / mp.q))) * mp.q
    tap, row = int(rng.integers(sh.taps_v)), int(rng.integers(sh.rows))
    of = slice(group * sh.filters + first_filter, group * sh.filters + min(first_filter + mp.p, sh.filters))
    channels = slice(first_channel, min(first_channel + mp.q, sh.channels))
    weights = filters[of, channels, tap, :].astype(np.int64)  # [p, q, S]
    columns = min(sh.columns, max(1, STREAM_MACS // weights.size))
    start = int(rng.integers(sh.columns - columns + 1))
    plane = ifmap[image, group * sh.channels + channels.start : group * sh.channels + channels.stop]
    words = _under_filter_row(
        plane, sh, row * sh.stride_v + tap * sh.dilation_v, np.arange(start, start + columns)
    )  # [columns, q, S]
    shape = (columns, weights[0].size, len(weights))
    products = words.reshape(columns, -1, 1) * weights.reshape(len(weights), -1).T
    entering = np.cumsum(products, axis=1) - products
    activation = np.broadcast_to(words.reshape(columns, -1, 1), shape)
    weight = np.broadcast_to(weights.reshape(len(weights), -1).T, shape)
    return PeStream(weight.reshape(-1), activation.reshape(-1), entering.reshape(-1))


def _under_filter_row(plane: NDArray[Any], sh: NestShape, padded_row: int, columns: Integers) -> Integers:
    """Return the ifmap words under a filter row on a row of the padded plane, int64[columns, q, S]; padding is zero."""
    y = padded_row - sh.padding_v
    x = columns[:, None] * sh.stride_h + np.arange(sh.taps_h) * sh.dilation_h - sh.padding_h
    if not 0 <= y < plane.shape[1]:
        return np.zeros((len(columns), plane.shape[0], sh.taps_h), np.int64)
    inside = (x >= 0) & (x < plane.shape[2])
    words = plane[:, y, np.clip(x, 0, plane.shape[2] - 1)].astype(np.int64) * inside
    return np.ascontiguousarray(words.transpose(1, 0, 2))
