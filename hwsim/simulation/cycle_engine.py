"""The cycle engine behind the simulator's interface: tensors in, measured zeros out, priced."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.engines.cycle_execution import Execution, execute
from hwsim.errors import InputError
from hwsim.mapping.mapping import Mapping
from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.pricing.sampled_streams import Tensors, sample_mac_energy
from hwsim.pricing.work import OperandUse, Work
from hwsim.simulation.layer_run import LayerRun
from hwsim.vocabulary import EngineName, Precision, ZeroShares
from hwsim.workload.layer import ConvLayer, Layer
from hwsim.workload.synthetic_tensors import ZERO_ACTIVATIONS, draw_filters, draw_ifmap, generator, quantize_weights


class _Filters(NamedTuple):
    """Weights as the PEs multiply them, and the share of them that was pruned, not only rounded to zero."""

    words: NDArray[Any]
    pruned: float


class _OnData(NamedTuple):
    """A layer on its tensors; `mac_pj`: a MAC's mean energy on them, None where no model tells."""

    execution: Execution
    pruned: float
    mac_pj: float | None


class CycleEngine:
    """Runs each layer's mapping on tensors: given weights where there are some, else drawn from the seed.

    Layers run on their own, each with activations of typical statistics: results do not flow from layer to layer.
    """

    name = EngineName.CYCLE

    def __init__(self, pricer: LayerPricer, seed: int, weights: dict[str, NDArray[Any]]) -> None:
        self.pricer = pricer
        self.seed = seed
        self.weights = weights
        self.model = pricer.mac.usable_model()
        self._widest_ci_rel = 0.0
        drawn = "the network's weights" if weights else "Laplace weights"
        self._by_model_pj = self._by_table_pj = 0.0
        self._data_note = (
            f"cycle engine on {drawn} and half-Laplace activations with {ZERO_ACTIVATIONS:.0%} zeros, seed {seed};"
            " each layer runs on tensors of its own"
        )
        self._overflow_notes: list[str] = []

    @property
    def notes(self) -> list[str]:
        """What the run so far rests on, a sentence each."""
        coded = "DRAM moves ifmaps run-length coded, with the zeros they hold, where that is shorter; ofmaps uncoded"
        more = [coded] if self.pricer.tile.dram_run_length_coded else []
        return [self._data_note, self._pricing_note(), *more, *self._overflow_notes]

    def warm_up(self) -> None:
        """Load the compiled kernels."""
        layer = ConvLayer("warm-up", 2, 2, 4, 4, 3, 3)
        word = self.pricer.tile.word_bits
        self._execute(layer, Precision(word, word), ZeroShares(), None)
        self._by_model_pj = self._by_table_pj = self._widest_ci_rel = 0.0

    def run(self, layer: Layer, bits: Precision, zeros: ZeroShares, mapping: Mapping | None) -> LayerRun:
        """Execute one layer and price what it moved and saw."""
        done, pruned, mac_pj = self._execute(layer, bits, zeros, mapping)
        measured = done.operands
        use = OperandUse(
            bits,
            ZeroShares(pruned, measured.zero_ifmap if measured else None),
            mac_pj,
            measured.gated_macs if measured else 0,
            done.ifmap_coding,
        )
        cost = self.pricer.price_counts(done.accesses, Work(done.cycles, done.processing_cycles, layer.macs), use)
        shares = ZeroShares(measured.zero_filter, measured.zero_ifmap) if measured else ZeroShares()
        if done.overflows:
            self._overflow_notes.append(
                f"layer {layer.name}: {done.overflows:,} psums left the range of {self.pricer.tile.psum_bits} bits"
                f" and were handled by {self.pricer.tile.overflow.value}"
            )
        return LayerRun(layer, done, cost, bits, shares)

    def _execute(self, layer: Layer, bits: Precision, zeros: ZeroShares, mapping: Mapping | None) -> _OnData:
        rng = generator(self.seed, layer)
        ifmap = draw_ifmap(layer, bits.activation, rng, zeros.ifmap)
        chosen = mapping or self.pricer.mapping(layer)
        if not isinstance(layer, ConvLayer):
            return _OnData(execute(layer, self.pricer.tile, ifmap, None, chosen), zeros.filter or 0.0, None)
        given = self.weights.get(layer.name)
        if given is None:
            pruned = zeros.filter or 0.0
            filters = draw_filters(layer, bits.weight, pruned, rng)
        else:
            filters, pruned = self._given(layer, given, bits.weight)
        done = execute(layer, self.pricer.tile, ifmap, filters, chosen)
        mac_pj = None
        if self.model is not None:
            typical = layer.name not in self.weights and not zeros.filter and zeros.ifmap is None
            mac_pj = self._mac_on_data(layer, chosen, Tensors(ifmap, filters), bits, typical=typical)
        return _OnData(done, pruned, mac_pj)

    def _mac_on_data(
        self,
        layer: ConvLayer,
        mapping: Mapping,
        tensors: Tensors,
        bits: Precision,
        *,
        typical: bool,
    ) -> float:
        """Return a MAC's energy on these tensors, pJ: the table's, scaled by what the model makes of them.

        The scale is their switching over that of typical tensors. The table's streams hold a weight for many cycles and
        a PE does not; a ratio in one and the same order leaves that difference out, so both engines rest on one table.
        """
        if self.model is None:
            raise TypeError("there is no transition model to price by")
        rng = generator(self.seed + 1, layer)
        seen = sample_mac_energy(layer, mapping, tensors, self.model, rng)
        expected = seen
        if not typical:
            drawn = Tensors(draw_ifmap(layer, bits.activation, rng), draw_filters(layer, bits.weight, 0.0, rng))
            expected = sample_mac_energy(layer, mapping, drawn, self.model, rng)
        mac = self.pricer.mac
        clock_fj = mac.clock_fj(bits)
        table_fj = (mac.given_table or self.pricer.mac_table).mac_energy_fj(*bits)
        self._widest_ci_rel = max(self._widest_ci_rel, seen.ci95_rel)
        self._by_model_pj += seen.mean_fj * layer.macs / 1000
        self._by_table_pj += table_fj * layer.macs / 1000
        ratio = max(0.0, seen.mean_fj - clock_fj) / (expected.mean_fj - clock_fj)
        return mac.scaled_pj(ratio, bits)

    def _given(self, layer: ConvLayer, weights: NDArray[Any], bits: int) -> _Filters:
        shape = layer.filter_shape
        if weights.shape != shape:
            raise InputError(
                f"layer '{layer.name}': its weights have the shape {weights.shape} but the layer needs {shape};"
                " a policy that removes channels cannot run on the weights of the whole network"
            )
        return _Filters(quantize_weights(weights, bits), float(np.mean(weights == 0)))

    def _pricing_note(self) -> str:
        mac = self.pricer.mac
        if mac.table is None:
            return (
                "MAC energies do not depend on the data, but for gated MACs: none were characterized for this datapath"
            )
        if self.model is not None:
            error = mac.table.transition_model.get("mean_error_pct")
            stated = f" (mean error {error} %)" if error is not None else ""
            return (
                f"MAC energies by the precision table, scaled by the transition model{stated}: operands that sampled"
                f" PEs saw over typical ones, 95 % interval within {self._widest_ci_rel:.1%} a layer; in the order in"
                " which PEs interleave filters the model itself puts a MAC at"
                f" {self._by_model_pj / max(self._by_table_pj, 1e-30):.2f} of the table's {mac.table.dataflow} streams"
            )
        if mac.characterized_zero_share is None:
            return "MAC energies by precision alone: the table holds no transition model and no share of zeros"
        return (
            "the table holds no transition model that applies: MAC energies by precision and by the zero activations"
            f" that the PEs saw (the table's mean holds {mac.characterized_zero_share:.0%} zeros)"
        )
