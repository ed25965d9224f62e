"""The cycle engine behind the simulator's interface: tensors in, measured zeros out, priced."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.execute import Execution, execute
from hwsim.layer import ConvLayer, Layer
from hwsim.mapping import Mapping
from hwsim.pricing import LayerPricer
from hwsim.simulate import EngineName, LayerRun, ZeroShares
from hwsim.synthetic_tensors import ZERO_ACTIVATIONS, draw_filters, draw_ifmap, generator, quantize_weights


class CycleEngine:
    """Runs each layer's mapping on tensors: given weights where there are some, else drawn from the seed.

    Layers run on their own, each with activations of typical statistics: results do not flow from layer to layer.
    """

    name = EngineName.CYCLE

    def __init__(self, pricer: LayerPricer, seed: int, weights: dict[str, NDArray[Any]]) -> None:
        self.pricer = pricer
        self.seed = seed
        self.weights = weights
        drawn = "the network's weights" if weights else "Laplace weights"
        self.notes = [
            f"cycle engine on {drawn} and half-Laplace activations with {ZERO_ACTIVATIONS:.0%} zeros, seed {seed};"
            " each layer runs on tensors of its own",
            self._pricing_note(),
        ]

    def warm_up(self) -> None:
        """Load the compiled kernels."""
        layer = ConvLayer("warm-up", 2, 2, 4, 4, 3, 3)
        self._execute(layer, (self.pricer.tile.word_bits,) * 2, 0.0, None)

    def run(self, layer: Layer, bits: tuple[int, int], zero_weight: float, mapping: Mapping | None) -> LayerRun:
        """Execute one layer and price what it moved and saw."""
        done, pruned = self._execute(layer, bits, zero_weight, mapping)
        measured = done.operands
        zeros = (pruned, measured.zero_ifmap if measured else None)
        work = (done.cycles, done.processing_cycles, layer.macs)
        cost = self.pricer.price_counts(done.accesses, *work, bits=bits, zeros=zeros)
        shares = ZeroShares(measured.zero_ifmap, measured.zero_filter) if measured else ZeroShares(None, None)
        if done.overflows:
            self.notes.append(
                f"layer {layer.name}: {done.overflows:,} psums left the range of {self.pricer.tile.psum_bits} bits"
                f" and were handled by {self.pricer.tile.overflow.value}"
            )
        return LayerRun(layer, done, cost, bits, shares)

    def _execute(
        self, layer: Layer, bits: tuple[int, int], zero_weight: float, mapping: Mapping | None
    ) -> tuple[Execution, float]:
        """Return the execution, and the share of its weights that were pruned (not merely rounded to zero)."""
        rng = generator(self.seed, layer)
        ifmap = draw_ifmap(layer, bits[1], rng)
        filters, pruned = None, zero_weight
        if isinstance(layer, ConvLayer):
            given = self.weights.get(layer.name)
            if given is None:
                filters = draw_filters(layer, bits[0], zero_weight, rng)
            else:
                filters, pruned = self._given(layer, given, bits[0])
        chosen = mapping or self.pricer.mapping(layer)
        return execute(layer, self.pricer.tile, ifmap, filters, chosen), pruned

    def _given(self, layer: ConvLayer, weights: NDArray[Any], bits: int) -> tuple[NDArray[Any], float]:
        shape = (layer.out_channels, layer.in_channels // layer.groups, layer.kernel_height, layer.kernel_width)
        if weights.shape != shape:
            raise InputError(
                f"layer '{layer.name}': its weights have the shape {weights.shape} but the layer needs {shape};"
                " a policy that removes channels cannot run on the weights of the whole network"
            )
        return quantize_weights(weights, bits), float(np.mean(weights == 0))

    def _pricing_note(self) -> str:
        mac = self.pricer.mac
        if mac.table is None:
            return "MAC energies do not depend on the data: none were characterized for this datapath"
        if mac.characterized_zero_share is None:
            return "MAC energies by precision alone: the table does not record the zeros that it was measured with"
        return (
            "MAC energies by precision and by the zero activations that the PEs saw"
            f" (the table's mean holds {mac.characterized_zero_share:.0%} zeros)"
        )
