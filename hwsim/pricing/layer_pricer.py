"""The price of a layer, again and again: mappings are remembered by shape, so a changed layer costs microseconds."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from hwsim.energy.cost_preset import CostPreset, ZeroWeights, load_costs
from hwsim.energy.mac_energy import MacPrice
from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.engines.access_counts import AccessCounts
from hwsim.engines.analytic import Analysis, analyze, dram_cycles
from hwsim.engines.operand_statistics import typical_coding
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.kernels.tuples import NestShape
from hwsim.mapping.mapper import best_mapping
from hwsim.mapping.mapping import Mapping, lower_layer
from hwsim.pricing.interleaved_zeros import switching_ratio
from hwsim.vocabulary import Direction, Level, Objective, Operand
from hwsim.workload.layer import ConvLayer, Layer
from hwsim.workload.synthetic_tensors import typical_zero_share

BREAKDOWN = ("mac", "rf", "noc", "glb", "dram", "leakage")
"""The parts of an energy, in the order of results."""

_LEVELS = tuple(Level)
_PSUM = tuple(Operand).index(Operand.PSUM)
_FILTER = tuple(Operand).index(Operand.FILTER)


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
    memory_pj: dict[str, float]
    macs: int


class LayerPricer:
    """Prices layers on one tile: MACs by the characterized table, words by a cost preset, leakage by time.

    Energy = MACs x table fJ + words x bits x pJ a bit + leakage. Words keep the datapath's width whatever the operands'
    precision, unless the tile packs narrow operands in DRAM and GLB. `mac_table` is the table in use, under the
    accounting that the costs ask for. Not safe for use from several threads.
    """

    def __init__(
        self,
        tile: AcceleratorSpec | str | Path,
        mac_table: MacEnergyTable | Path | None = None,
        costs: CostPreset | str | Path | None = None,
        objective: Objective | str = Objective.ENERGY,
        *,
        remembered_shapes: int = 65536,
    ) -> None:
        self.tile = accelerator(tile)
        given = mac_table if isinstance(mac_table, MacEnergyTable) else load_mac_table(mac_table)
        self.preset = costs if isinstance(costs, CostPreset) else load_costs(costs or self.tile.default_costs)
        try:
            self.objective = Objective(objective)
        except ValueError:
            raise InputError(f"objective '{objective}' is unknown; use energy, latency or edp") from None
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
        bits = (full if weight_bits is None else weight_bits, full if activation_bits is None else activation_bits)
        zeros = (zero_weight, zero_activation)
        mac_pj = self.interleaved_mac_pj(layer, shape.analysis.mapping, bits, zeros)
        words, processing = shape.analysis.accesses, shape.analysis.processing_cycles
        coding = self.coding(layer, bits[1])
        if coding == 1.0:
            work = (shape.analysis.cycles, processing, shape.macs)
            return self._assemble(words, shape.memory_pj, work, bits, zeros=zeros, each_mac_pj=mac_pj)
        work = (max(processing, dram_cycles(words, self.tile, coding)), processing, shape.macs)
        return self.price_counts(words, *work, bits=bits, zeros=zeros, mac_pj=mac_pj, ifmap_coding=coding)

    def coding(self, layer: Layer, activation_bits: int) -> float:
        """Return the DRAM bits of an ifmap with typical zeros over those of its words; 1 where it is not coded."""
        if not self.tile.dram_run_length_coded or not isinstance(layer, ConvLayer):
            return 1.0
        return typical_coding(typical_zero_share(activation_bits), self.tile.word_bits)

    def interleaved_mac_pj(
        self, layer: Layer, mapping: Mapping, bits: tuple[int, int], zeros: tuple[float, float | None]
    ) -> float | None:
        """Return a MAC's mean energy, pJ, in the order of the PEs; None where the costs do not ask for that.

        bits, zeros: weight, then activation.
        """
        share = zeros[0]
        if self._interleaved is None or not 0.0 < share <= 1.0 or not layer.macs:
            return None
        shape = lower_layer(layer)
        order = (min(mapping.p, shape.filters), min(mapping.q, shape.channels) * shape.taps_h)
        ratio = switching_ratio(self._interleaved, self.mac.clock_fj(*bits), bits, order, share)
        return self.mac.scaled_pj(ratio, *bits, zero_activation=zeros[1])

    def price_counts(
        self,
        accesses: AccessCounts,
        cycles: int,
        processing_cycles: int,
        macs: int,
        *,
        bits: tuple[int, int] | None = None,
        zeros: tuple[float, float | None] = (0.0, None),
        mac_pj: float | None = None,
        gated_macs: int = 0,
        ifmap_coding: float = 1.0,
    ) -> LayerCost:
        """Return the cost of counts made elsewhere (the cycle engine); bits and zeros: weight, then activation.

        `mac_pj`: mean energy of a MAC where it was found on the data. `gated_macs`: MACs that a zero ifmap word gates;
        they read no filter word, and cost no MAC where that is but a unit (the table's zero energies cover it else).
        `ifmap_coding`: bits of a run-length coded ifmap in DRAM over those of its words.
        """
        word = self.tile.word_bits
        memory = accesses.energy_pj(self.costs, word, self.tile.psum_bits)
        coded_away = accesses.get(Level.DRAM, Operand.IFMAP, Direction.READ) * (1.0 - ifmap_coding)
        memory["dram"] -= coded_away * word * self.costs.dram_pj_per_bit
        memory["rf"] -= gated_macs * word * self.costs.rf_pj_per_bit
        if gated_macs and self.mac.table is None:
            mac_pj = self.mac.full_mac_pj * (macs - gated_macs) / macs
        work = (cycles, processing_cycles, macs)
        return self._assemble(accesses, memory, work, bits or (word, word), zeros=zeros, each_mac_pj=mac_pj)

    def _shape(self, layer: Layer) -> _ShapePrice:
        key = lower_layer(layer)
        known = self._shapes.get(key)
        if known is not None:
            self._shapes.move_to_end(key)
            return known
        mapping = best_mapping(layer, self.tile, self.costs, self.objective)
        analysis = analyze(layer, self.tile, mapping)
        memory = analysis.accesses.energy_pj(self.costs, self.tile.word_bits, self.tile.psum_bits)
        price = _ShapePrice(analysis, memory, layer.macs)
        self._shapes[key] = price
        if len(self._shapes) > self._remembered_shapes:
            self._shapes.popitem(last=False)
        return price

    def _assemble(
        self,
        accesses: AccessCounts,
        memory_pj: dict[str, float],
        work: tuple[int, int, int],
        bits: tuple[int, int],
        *,
        zeros: tuple[float, float | None],
        each_mac_pj: float | None = None,
    ) -> LayerCost:
        cycles, processing_cycles, macs = work
        zero_weight, zero_activation = zeros
        for name, share in (("zero_weight", zero_weight), ("zero_activation", zero_activation or 0.0)):
            if not 0.0 <= share <= 1.0:
                raise InputError(f"{name} is {share}, must be a fraction from 0 to 1")
        if self.tile.packed_subwords and min(bits) < self.tile.word_bits:
            memory_pj, cycles = self._packed(accesses, bits, processing_cycles)
        if macs and each_mac_pj is None:
            each_mac_pj = self.mac.mac_pj(*bits, zero_weight, zero_activation)
        mac_pj = macs * (each_mac_pj or 0.0)
        latency_ms = self.tile.latency_ms(cycles)
        breakdown = {
            "mac": mac_pj,
            "rf": memory_pj["rf"],
            "noc": memory_pj["noc"],
            "glb": memory_pj["glb"],
            "dram": memory_pj["dram"],
            "leakage": self.mac.leakage_pj(self.tile.pes, latency_ms, macs),
        }
        return LayerCost(sum(breakdown.values()), breakdown, cycles, latency_ms, macs)

    def _packed(
        self, accesses: AccessCounts, bits: tuple[int, int], processing_cycles: int
    ) -> tuple[dict[str, float], int]:
        """Return memory energies and cycles where narrow operands are packed in DRAM and GLB.

        ofmap words leave at the width of this layer's activations, as their reader's precision is not known here.
        """
        weight_bits, activation_bits = bits
        memory = accesses.energy_pj(self.costs, self.tile.word_bits, self.tile.psum_bits)
        per_operand = accesses.words.sum(axis=2)
        dram_bits = 0
        for level in (Level.DRAM, Level.GLB):
            index = _LEVELS.index(level)
            level_bits = 0
            for operand, words in enumerate(per_operand[index].tolist()):
                width = weight_bits if operand == _FILTER else activation_bits
                if operand == _PSUM and level is not Level.DRAM:
                    width = self.tile.psum_bits
                level_bits += words * width
            memory[level.value] = level_bits * self.costs[index]
            dram_bits = level_bits if level is Level.DRAM else dram_bits
        return memory, max(processing_cycles, math.ceil(dram_bits / self.tile.dram_bits_per_cycle))
