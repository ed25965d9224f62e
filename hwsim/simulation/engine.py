"""The two ways to run a layer behind one interface: closed form, and execution on tensors."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hwsim.energy.cost_preset import ZeroWeights
from hwsim.engines.analytic import analyze
from hwsim.errors import InputError
from hwsim.mapping.mapper import best_mapping
from hwsim.mapping.mapping import Mapping
from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.pricing.work import OperandUse, Work
from hwsim.simulation.layer_run import LayerRun
from hwsim.vocabulary import EngineName, Precision, ZeroShares
from hwsim.workload.layer import ConvLayer, Layer
from hwsim.workload.synthetic_tensors import ZERO_ACTIVATIONS


class Engine(Protocol):
    """Runs and prices one layer after the other."""

    name: EngineName

    @property
    def notes(self) -> list[str]:
        """What the runs so far rest on, a sentence each."""

    def warm_up(self) -> None:
        """Load what is compiled, so that the run alone is timed."""

    def run(self, layer: Layer, bits: Precision, zeros: ZeroShares, mapping: Mapping | None) -> LayerRun:
        """Return one layer's counts, time and price."""


def make_engine(
    name: EngineName | str, pricer: LayerPricer, *, seed: int, weights: dict[str, np.ndarray[Any, Any]]
) -> Engine:
    """Return an engine by name."""
    try:
        which = EngineName(name)
    except ValueError:
        raise InputError(f"--engine '{name}' is unknown; use analytic or cycle") from None
    if which is EngineName.CYCLE:
        from hwsim.simulation.cycle_engine import CycleEngine

        return CycleEngine(pricer, seed, weights)
    return AnalyticEngine(pricer)


class AnalyticEngine:
    """Counts and cycles in closed form."""

    name = EngineName.ANALYTIC

    def __init__(self, pricer: LayerPricer) -> None:
        self.pricer = pricer
        self._stated_ifmap = False

    @property
    def notes(self) -> list[str]:
        """What is not said by the table and the costs alone."""
        notes = []
        if self.pricer.preset.zero_weights is ZeroWeights.INTERLEAVED:
            notes.append("pruned weights by the transition model, in the order in which PEs interleave filters")
        if self.pricer.tile.dram_run_length_coded:
            notes.append(
                f"DRAM moves ifmaps run-length coded, with {ZERO_ACTIVATIONS:.0%} zeros and those of rounding assumed"
                " in each; ofmaps uncoded"
            )
        if self._stated_ifmap and self.pricer.mac.characterized_zero_share is None:
            notes.append("the policy's zero_ifmap moves no MAC energy: none is known of a zero activation here")
        return notes

    def warm_up(self) -> None:
        """Load the compiled mapper."""
        best_mapping(ConvLayer("warm-up", 1, 1, 1, 1, 1, 1), self.pricer.tile, self.pricer.costs)

    def run(self, layer: Layer, bits: Precision, zeros: ZeroShares, mapping: Mapping | None) -> LayerRun:
        """Return one layer's counts, time and price; the pricer's own mapping where none is given."""
        pricer = self.pricer
        self._stated_ifmap |= zeros.ifmap is not None
        coding = pricer.coding(layer, bits, zeros)
        if mapping is None and coding == 1.0:
            cost = pricer.price(layer, bits.weight, bits.activation, zeros.filter or 0.0, zeros.ifmap)
            analysis = pricer.analysis(layer)
        else:
            mapping = mapping or pricer.mapping(layer)
            analysis = analyze(layer, pricer.tile, mapping, ifmap_coding=coding)
            work = Work(analysis.cycles, analysis.processing_cycles, layer.macs)
            mac_pj = pricer.interleaved_mac_pj(layer, mapping, bits, zeros)
            cost = pricer.price_counts(analysis.accesses, work, OperandUse(bits, zeros, mac_pj, ifmap_coding=coding))
        return LayerRun(layer, analysis, cost, bits, ZeroShares(zeros.filter or None, zeros.ifmap))
