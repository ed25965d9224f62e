"""The price of a layer, again and again: mappings are remembered by shape, so a changed layer costs microseconds."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from hwsim.energy.cost_preset import CostPreset, ZeroWeights, load_costs
from hwsim.energy.mac_energy import MacPrice
from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.energy.memory_costs import MemoryEnergy
from hwsim.engines.access_counts import AccessCounts
from hwsim.engines.analytic import Analysis, analyze, dram_cycles
from hwsim.engines.operand_statistics import typical_coding
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.kernels.tuples import NestShape
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapper import best_mapping, objective_named
from hwsim.mapping.mapping import Mapping
from hwsim.pricing.interleaved_zeros import PeOrder, switching_ratio
from hwsim.pricing.work import OperandUse, Work
from hwsim.vocabulary import NO_ZEROS_KNOWN, Direction, Level, Objective, Operand, Precision, ZeroShares
from hwsim.workload.layer import ConvLayer, Layer
from hwsim.workload.synthetic_tensors import typical_zero_share

BREAKDOWN = ("mac", "rf", "noc", "glb", "dram", "leakage")
"""The parts of an energy, in the order of results."""


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs: energy and its parts in pJ (the keys of BREAKDOWN), time, multiply-accumulates."""

    energy_pj: float
    breakdown_pj: dict[str, float]
    cycles: int
    latency_ms: float
    macs: int


@dataclass(frozen=True)
class _ShapePrice:
    """What a shape costs whatever its bits are."""

    analysis: Analysis
    memory: MemoryEnergy
    work: Work


class LayerPricer:
    """Prices layers on one tile: MACs by the characterized table, words by a cost preset, leakage by time.

    Energy = MACs x table fJ + words x bits x pJ a bit + leakage. Words keep the datapath's width whatever the operands'
    precision, unless the tile packs narrow operands in DRAM and GLB. `mac_table` is the table in use, under the
    accounting that the costs ask for. Not safe for use from several threads.
    """

    def __init__(
        self,
        tile: AcceleratorSpec | str | Path,
        mac_table: MacEnergyTable | str | Path | None = None,
        costs: CostPreset | str | Path | None = None,
        objective: Objective | str = Objective.ENERGY,
        *,
        remembered_shapes: int = 65536,
    ) -> None:
        self.tile = accelerator(tile)
        given = mac_table if isinstance(mac_table, MacEnergyTable) else load_mac_table(mac_table)
        asked = self.tile.default_costs if costs is None else costs
        self.preset = asked if isinstance(asked, CostPreset) else load_costs(asked)
        self.objective = objective_named(objective)
        self.mac = MacPrice.on(self.tile, given, self.preset)
        self.mac_table = self.mac.table or given
        self.costs = self.preset.memory_costs(self.tile.glb_size_bytes, self.tile.word_bits, self.mac.full_mac_pj)
        self._interleaved = self.mac.usable_model() if self.preset.zero_weights is ZeroWeights.INTERLEAVED else None
        if self._interleaved is None and self.preset.zero_weights is ZeroWeights.INTERLEAVED:
            raise InputError(
                f"costs '{self.preset.name}' price zero weights as interleaved, but the MAC energy table"
                f" ({given.technology}, {given.multiplier}) holds no transition model in its {given.accounting}"
                ' accounting for this datapath; use zero_weights = "held" or a table that `characterize run` wrote'
            )
        self._pes = self.tile.pes
        self._remembered_shapes = remembered_shapes
        self._shapes: OrderedDict[NestShape, _ShapePrice] = OrderedDict()

    def mapping(self, layer: Layer) -> Mapping:
        """Return the mapping that the layer is priced with."""
        return self._shape(layer).analysis.mapping

    def analysis(self, layer: Layer) -> Analysis:
        """Return the counts and cycles that the layer is priced with; `.layer` is the first of that shape."""
        return self._shape(layer).analysis

    def price(
        self,
        layer: Layer,
        weight_bits: int | None = None,
        activation_bits: int | None = None,
        zero_weight: float = 0.0,
        zero_activation: float | None = None,
    ) -> LayerCost:
        """Return the cost of a layer at a precision (the datapath's where none is given).

        `zero_weight`: fraction of the weights that are zero. Raises InputError for a layer that cannot be mapped, a
        fraction outside [0, 1] or a precision that the MAC table lacks.
        """
        shape = self._shape(layer)
        full = self.tile.word_bits
        bits = Precision(
            full if weight_bits is None else weight_bits, full if activation_bits is None else activation_bits
        )
        zeros = ZeroShares(zero_weight, zero_activation)
        # asked for before they are called: searches come through here millions of times
        mac_pj = None
        if self._interleaved is not None:
            mac_pj = self.interleaved_mac_pj(layer, shape.analysis.mapping, bits, zeros)
        coding = self.coding(layer, bits, zeros) if self.tile.dram_run_length_coded else 1.0
        if coding == 1.0:
            return self._assemble(
                shape.analysis.accesses, shape.memory, shape.work, bits, zeros=zeros, each_mac_pj=mac_pj
            )
        analysis = shape.analysis
        cycles = max(analysis.processing_cycles, dram_cycles(analysis.accesses, self.tile, coding))
        use = OperandUse(bits, zeros, mac_pj, ifmap_coding=coding)
        return self.price_counts(analysis.accesses, shape.work._replace(cycles=cycles), use)

    def coding(self, layer: Layer, bits: Precision, zeros: ZeroShares = NO_ZEROS_KNOWN) -> float:
        """Return the DRAM bits of an ifmap over those of its words: with its zeros, or typical ones; 1: not coded."""
        if not self.tile.dram_run_length_coded or not isinstance(layer, ConvLayer):
            return 1.0
        share = typical_zero_share(bits.activation) if zeros.ifmap is None else zeros.ifmap
        return typical_coding(share, self.tile.word_bits)

    def interleaved_mac_pj(self, layer: Layer, mapping: Mapping, bits: Precision, zeros: ZeroShares) -> float | None:
        """Return a MAC's mean energy, pJ, in the order of the PEs; None where the costs do not ask for that."""
        share = zeros.filter or 0.0
        if self._interleaved is None or not 0.0 < share <= 1.0 or not layer.macs:
            return None
        shape = lower_layer(layer)
        order = PeOrder(min(mapping.p, shape.filters), min(mapping.q, shape.channels) * shape.taps_h)
        ratio = switching_ratio(self._interleaved, self.mac.clock_fj(bits), bits, order, share)
        return self.mac.scaled_pj(ratio, bits, zeros.ifmap)

    def price_counts(self, accesses: AccessCounts, work: Work, use: OperandUse | None = None) -> LayerCost:
        """Return the cost of counts made elsewhere (the cycle engine); full width and no zeros where `use` is None."""
        word = self.tile.word_bits
        use = use or OperandUse(Precision(word, word))
        memory = accesses.energy(self.costs, word, self.tile.psum_bits)
        coded_away = accesses.get(Level.DRAM, Operand.IFMAP, Direction.READ) * (1.0 - use.ifmap_coding)
        memory = memory._replace(
            dram_pj=memory.dram_pj - coded_away * word * self.costs.dram_pj_per_bit,
            rf_pj=memory.rf_pj - use.gated_macs * word * self.costs.rf_pj_per_bit,
        )
        mac_pj = use.mac_pj
        if use.gated_macs and self.mac.table is None:
            mac_pj = self.mac.full_mac_pj * (work.macs - use.gated_macs) / work.macs
        return self._assemble(accesses, memory, work, use.bits, zeros=use.zeros, each_mac_pj=mac_pj)

    def _shape(self, layer: Layer) -> _ShapePrice:
        key = lower_layer(layer)
        known = self._shapes.get(key)
        if known is not None:
            self._shapes.move_to_end(key)
            return known
        mapping = best_mapping(layer, self.tile, self.costs, self.objective)
        analysis = analyze(layer, self.tile, mapping)
        memory = analysis.accesses.energy(self.costs, self.tile.word_bits, self.tile.psum_bits)
        price = _ShapePrice(analysis, memory, Work(analysis.cycles, analysis.processing_cycles, layer.macs))
        self._shapes[key] = price
        if len(self._shapes) > self._remembered_shapes:
            self._shapes.popitem(last=False)
        return price

    def _assemble(
        self,
        accesses: AccessCounts,
        memory: MemoryEnergy,
        work: Work,
        bits: Precision,
        *,
        zeros: ZeroShares,
        each_mac_pj: float | None,
    ) -> LayerCost:
        cycles, processing_cycles, macs = work
        zero_weight, zero_activation = zeros
        if not 0.0 <= (zero_weight or 0.0) <= 1.0:
            raise InputError(f"zero_weight is {zero_weight}, must be a fraction from 0 to 1")
        if not 0.0 <= (zero_activation or 0.0) <= 1.0:
            raise InputError(f"zero_activation is {zero_activation}, must be a fraction from 0 to 1")
        if self.tile.packed_subwords and min(bits) < self.tile.word_bits:
            memory, cycles = self._packed(accesses, bits, processing_cycles)
        if macs and each_mac_pj is None:
            each_mac_pj = self.mac.mac_pj(bits, zeros)
        mac_pj = macs * (each_mac_pj or 0.0)
        latency_ms = self.tile.latency_ms(cycles)
        dram_pj, glb_pj, noc_pj, rf_pj = memory
        breakdown = {
            "mac": mac_pj,
            "rf": rf_pj,
            "noc": noc_pj,
            "glb": glb_pj,
            "dram": dram_pj,
            "leakage": self.mac.leakage_pj(self._pes, latency_ms, macs),
        }
        return LayerCost(sum(breakdown.values()), breakdown, cycles, latency_ms, macs)

    def _packed(self, accesses: AccessCounts, bits: Precision, processing_cycles: int) -> tuple[MemoryEnergy, int]:
        """Return memory energies and cycles where narrow operands are packed in DRAM and GLB.

        ofmap words leave at the width of this layer's activations, as their reader's precision is not known here.
        """
        memory = accesses.energy(self.costs, self.tile.word_bits, self.tile.psum_bits)
        widths = {Operand.IFMAP: bits.activation, Operand.FILTER: bits.weight, Operand.PSUM: self.tile.psum_bits}
        glb_bits = self._bits_at(accesses, Level.GLB, widths)
        dram_bits = self._bits_at(accesses, Level.DRAM, {**widths, Operand.PSUM: bits.activation})
        packed = memory._replace(
            dram_pj=dram_bits * self.costs.dram_pj_per_bit, glb_pj=glb_bits * self.costs.glb_pj_per_bit
        )
        return packed, max(processing_cycles, math.ceil(dram_bits / self.tile.dram_bits_per_cycle))

    @staticmethod
    def _bits_at(accesses: AccessCounts, level: Level, widths: dict[Operand, int]) -> int:
        return sum(words * widths[operand] for operand, words in accesses.by_operand(level).items())
