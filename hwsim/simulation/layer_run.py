"""What one layer's run came to: counts, time, price, and what the operands were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwsim.engines.analytic import Analysis
from hwsim.engines.counts_result import Accesses
from hwsim.pricing.layer_pricer import BREAKDOWN, LayerCost
from hwsim.simulation.result import EnergyParts, LayerResult, OperandBits, OperandZeros
from hwsim.vocabulary import Precision, ZeroShares
from hwsim.workload.layer import Layer

DRAM_BOUND_FROM = 0.05
"""A layer that waits for DRAM for more than this share of its time is bound by it; first fills are not."""


@dataclass(frozen=True)
class LayerRun:
    """One layer's counts, time and price."""

    layer: Layer
    analysis: Analysis
    cost: LayerCost
    bits: Precision
    operands: ZeroShares

    @property
    def bound(self) -> str:
        """What the layer's time is made of for the most part: a resource of the array, or DRAM."""
        stalls = self.analysis.stall_cycles
        if sum(stalls.values()) > DRAM_BOUND_FROM * self.analysis.cycles:
            return max(stalls, key=lambda cause: stalls[cause])
        causes = self.analysis.processing_by_cause
        return max(causes, key=lambda cause: causes[cause]) if causes else "compute"

    def result(self) -> LayerResult:
        """Return the layer's entry of the result file."""
        analysis = self.analysis
        return LayerResult(
            name=self.layer.name,
            type=self.layer.kind,
            macs=self.cost.macs,
            cycles=self.cost.cycles,
            processing_cycles=analysis.processing_cycles,
            stall_cycles=dict(analysis.stall_cycles),
            active_pes=analysis.active_pes,
            utilization=analysis.utilization,
            bound=self.bound,
            bits=OperandBits(weight=self.bits.weight, activation=self.bits.activation),
            latency_ms=self.cost.latency_ms,
            energy_total_pj=self.cost.energy_pj,
            energy_pj=EnergyParts(**self.cost.breakdown_pj),
            accesses=Accesses.of(analysis.accesses),
            mapping=analysis.mapping,
            operands=OperandZeros(zero_ifmap=self.operands.ifmap, zero_filter=self.operands.filter),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the layer's entry of the result file as plain values."""
        return self.result().model_dump(mode="json")

    def row(self) -> dict[str, Any]:
        """Return the layer's row of a table: shape, time, price, words at each level."""
        return {
            "name": self.layer.name,
            "type": self.layer.kind.value,
            "macs": self.cost.macs,
            "weight_bits": self.bits.weight,
            "activation_bits": self.bits.activation,
            "cycles": self.cost.cycles,
            "processing_cycles": self.analysis.processing_cycles,
            "stall_cycles": sum(self.analysis.stall_cycles.values()),
            "latency_ms": self.cost.latency_ms,
            "active_pes": self.analysis.active_pes,
            "utilization": self.analysis.utilization,
            "bound": self.bound,
            "energy_pj": self.cost.energy_pj,
            **{f"{part}_pj": self.cost.breakdown_pj[part] for part in BREAKDOWN},
            **{
                f"{level}_{operand}_{direction}_words": words
                for level, operands in self.analysis.accesses.as_dict().items()
                for operand, directions in operands.items()
                for direction, words in directions.items()
            },
            "mapping": " ".join(f"{letter}{value}" for letter, value in self.analysis.mapping.as_dict().items()),
        }
