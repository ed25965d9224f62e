"""Operand streams of one PE: what its ports see cycle by cycle, for a dataflow, an alignment and a precision pair."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from characterize.mac.interface import OWN_WIDTHS, PortWidths
from characterize.mac.operands import Integers, wrapped
from characterize.spec import Alignment, Dataflow, Distribution, OperandSpec
from characterize.streams.operands import (
    LaplaceWeights,
    Operand,
    RectifiedActivations,
    UniformIntegers,
    read_tensors,
)


class Pruned(str, Enum):
    """Which operand of the PE under study is forced to zero."""

    NONE = "none"
    WEIGHT = "weight"
    HALF_WEIGHTS = "half-weights"
    ACTIVATION = "activation"


@dataclass(frozen=True)
class OperandStream:
    """Port values of one PE, each `int64[cycles]`; of a finished stream they are aligned to the ports.

    `load` is 1 where a new weight enters the PE.
    """

    weight: Integers
    activation: Integers
    psum: Integers
    load: Integers

    @property
    def cycles(self) -> int:
        """Number of cycles."""
        return int(self.weight.size)


@dataclass(frozen=True)
class StreamGenerator:
    """Draws streams; stream `index` uses the same random numbers for every precision pair and every pruned operand.

    `weights_per_stream` weights (or rows of them) make one stream; `widths` are those of the hardware.
    """

    spec: OperandSpec
    weights: Operand
    activations: Operand
    seed: int
    weights_per_stream: int = 12
    widths: PortWidths = OWN_WIDTHS

    @property
    def cycles(self) -> int:
        """Cycles of one stream."""
        row = self.spec.chain_depth if self.spec.dataflow is Dataflow.ROW_STATIONARY else 1
        return self.weights_per_stream * self.spec.hold_cycles * row

    def stream(self, index: int, weight_bits: int, activation_bits: int, pruned: Pruned = Pruned.NONE) -> OperandStream:
        """Return stream `index` at a precision."""
        generator = np.random.default_rng([self.seed, index])
        if self.spec.dataflow is Dataflow.WEIGHT_STATIONARY:
            drawn = self._weight_stationary(generator, weight_bits, activation_bits, pruned)
        else:
            drawn = self._row_stationary(generator, weight_bits, activation_bits, pruned)
        weight_shift = activation_shift = 0
        if self.spec.alignment is Alignment.MSB:
            weight_shift = self.widths.weight - weight_bits
            activation_shift = self.widths.activation - activation_bits
        psum = wrapped(drawn.psum << (weight_shift + activation_shift), self.widths.psum)
        return OperandStream(drawn.weight << weight_shift, drawn.activation << activation_shift, psum, drawn.load)

    def _weight_stationary(
        self, generator: np.random.Generator, weight_bits: int, activation_bits: int, pruned: Pruned
    ) -> OperandStream:
        """A weight a hold; position d of the chain receives the products of the d PEs upstream of it.

        All PEs of the chain have their own weights and activations of the same statistics. Successive holds visit the
        positions in turn, so that every stream covers the chain evenly.
        """
        holds, hold, depth = self.weights_per_stream, self.spec.hold_cycles, self.spec.chain_depth
        weights = self.weights.draw(generator.random((holds, depth + 1, 1)), weight_bits)
        activations = self.activations.draw(generator.random((holds, depth + 1, hold)), activation_bits)
        upstream = np.arange(depth)[None, :] < (np.arange(holds) % depth)[:, None]
        psum = np.einsum("hd,hdt->ht", weights[:, :depth, 0] * upstream, activations[:, :depth])
        weight = np.repeat(weights[:, depth, 0], hold)
        load = np.tile(np.arange(hold) == 0, holds).astype(np.int64)
        activation = activations[:, depth].reshape(-1)
        if pruned is Pruned.WEIGHT:
            weight = np.zeros_like(weight)
        if pruned is Pruned.HALF_WEIGHTS:
            weight = weight * np.repeat(generator.random(holds) < 0.5, hold)
        if pruned is Pruned.ACTIVATION:
            activation = np.zeros_like(activation)
        return OperandStream(weight, activation, psum.reshape(-1), load)

    def _row_stationary(
        self, generator: np.random.Generator, weight_bits: int, activation_bits: int, pruned: Pruned
    ) -> OperandStream:
        """A new weight each cycle, a row of `chain_depth` weights for `hold_cycles` outputs; psum_in is its own sum."""
        rows, outputs, length = self.weights_per_stream, self.spec.hold_cycles, self.spec.chain_depth
        weights = self.weights.draw(generator.random((rows, length, 1)), weight_bits)[:, :, 0]
        activations = self.activations.draw(generator.random((rows, outputs * length)), activation_bits)
        if pruned is Pruned.WEIGHT:
            weights = np.zeros_like(weights)
        if pruned is Pruned.HALF_WEIGHTS:
            weights = weights * (generator.random((rows, length)) < 0.5)
        if pruned is Pruned.ACTIVATION:
            activations = np.zeros_like(activations)
        repeated = np.broadcast_to(weights[:, None, :], (rows, outputs, length))
        products = repeated * activations.reshape(rows, outputs, length)
        psum = np.cumsum(products, axis=2) - products
        load = np.ones(psum.size, np.int64)
        return OperandStream(repeated.reshape(-1), activations.reshape(-1), psum.reshape(-1), load)


def stream_generator(
    spec: OperandSpec, seed: int, signed_activations: bool, widths: PortWidths = OWN_WIDTHS
) -> StreamGenerator:
    """Return the generator of a specification; reads the .npz where operands name one."""
    weights: Operand
    activations: Operand
    if spec.operands == Distribution.DNN.value:
        weights = LaplaceWeights()
        activations = RectifiedActivations(spec.zero_activation_share, signed_activations)
    elif spec.operands == Distribution.UNIFORM.value:
        weights, activations = UniformIntegers(signed=True), UniformIntegers(signed=signed_activations)
    else:
        weights, activations = read_tensors(Path(spec.operands), signed_activations)
    return StreamGenerator(spec, weights, activations, seed, widths=widths)


def bit_columns(values: Integers, bits: int) -> NDArray[np.uint8]:
    """Return the bits of integers in two's complement, least significant first: `uint8[cycles, bits]`."""
    return ((values[:, None] >> np.arange(bits)) & 1).astype(np.uint8)
