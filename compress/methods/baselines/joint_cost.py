"""Cost models of the joint search: differentiable functions of a layer's expected channels and precision.

Source: Motetti et al., "Joint Pruning and Channel-wise Mixed-Precision Quantization for Efficient Deep Neural
Networks", IEEE TC 2024 (size, MPIC, NE16); Ottavi et al., ISVLSI 2020 (MPIC's MACs a cycle). Each function takes a
layer and its expectation and returns a number of its own unit; the search divides by the dense 8-bit network's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hwsim.errors import unknown_name

WIDTHS = (2, 4, 8)
"""Weight precisions that the joint search mixes; 0 bits is a pruned channel."""

MPIC_MACS_PER_CYCLE: Mapping[int, Mapping[int, float]] = {
    8: {8: 2.1, 4: 2.3, 2: 2.5},
    4: {8: 2.1, 4: 3.5, 2: 3.9},
    2: {8: 2.2, 4: 4.0, 2: 6.5},
}
"""By activation bits, then weight bits."""

NE16_OUT_CHANNELS, NE16_IN_CHANNELS, NE16_PLANE = 32, 16, 3
"""NE16 computes output tiles of 3 x 3 pixels by 32 channels from 16 input channels at a time, one weight bit a
cycle."""


@dataclass(frozen=True)
class CostedLayer:
    """The fixed facts of a layer: its kernel's words, ofmap plane, groups, and its energy in pJ at each width."""

    kernel_words: int
    out_height: int
    out_width: int
    depthwise: bool
    energy_pj: Mapping[int, float]


@dataclass(frozen=True)
class Expectation:
    """What the search expects of a layer: input and output channels (scalars) and the shares of WIDTHS float[3]."""

    in_channels: Tensor
    out_channels: Tensor
    shares: Tensor
    dense_in: int
    dense_out: int

    @property
    def bits(self) -> Tensor:
        """The expected weight precision."""
        return (self.shares * torch.tensor(WIDTHS, dtype=self.shares.dtype)).sum()


def weights_of(layer: CostedLayer, at: Expectation) -> Tensor:
    """Return the expected number of weights."""
    inputs = torch.ones(()) if layer.depthwise else at.in_channels
    return inputs * at.out_channels * layer.kernel_words


def size_bits(layer: CostedLayer, at: Expectation) -> Tensor:
    """Return the expected bits of the weights."""
    return weights_of(layer, at) * at.bits


def bit_operations(layer: CostedLayer, at: Expectation) -> Tensor:
    """Return the expected products of single bits, activations at 8."""
    return weights_of(layer, at) * (layer.out_height * layer.out_width) * at.bits * 8


def mpic_cycles(layer: CostedLayer, at: Expectation) -> Tensor:
    """Return the expected cycles on MPIC, activations at 8 bits."""
    macs = weights_of(layer, at) * (layer.out_height * layer.out_width)
    per_mac = torch.tensor([1.0 / MPIC_MACS_PER_CYCLE[8][width] for width in WIDTHS], dtype=at.shares.dtype)
    return macs * (at.shares * per_mac).sum()


def ne16_cycles(layer: CostedLayer, at: Expectation) -> Tensor:
    """Return the expected cycles on NE16; tiles are counted in fractions of channels, so that gradients exist."""
    plane = -(-layer.out_height // NE16_PLANE) * -(-layer.out_width // NE16_PLANE)
    inputs = torch.ones(()) if layer.depthwise else at.in_channels / NE16_IN_CHANNELS
    tiles = at.out_channels / NE16_OUT_CHANNELS * inputs * plane
    return tiles * layer.kernel_words * at.bits


def energy_pj(layer: CostedLayer, at: Expectation) -> Tensor:
    """Return the expected energy on the tile: the simulator's at each width, in proportion to the channels that
    stay."""
    energies = torch.tensor([layer.energy_pj[width] for width in WIDTHS], dtype=at.shares.dtype)
    left = at.out_channels / at.dense_out
    if not layer.depthwise:
        left = left * at.in_channels / at.dense_in
    return (at.shares * energies).sum() * left


COSTS: dict[str, Callable[[CostedLayer, Expectation], Tensor]] = {
    "energy": energy_pj,
    "size": size_bits,
    "bitops": bit_operations,
    "mpic": mpic_cycles,
    "ne16": ne16_cycles,
}


def cost_model(name: str) -> Callable[[CostedLayer, Expectation], Tensor]:
    """Return a cost model by name; InputError with the nearest names for an unknown one."""
    if name not in COSTS:
        raise unknown_name("cost", name, COSTS)
    return COSTS[name]
