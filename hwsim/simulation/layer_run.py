"""What one layer's run came to: counts, time, price, and what the operands were."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from hwsim.engines.analytic import Analysis
from hwsim.pricing.layer_pricer import LayerCost
from hwsim.vocabulary import Precision, ZeroShares
from hwsim.workload.layer import Layer


class EngineName(str, Enum):
    """How counts and cycles are found: in closed form, or by running the mapping on tensors."""

    ANALYTIC = "analytic"
    CYCLE = "cycle"


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

    def as_json(self) -> dict[str, Any]:
        """Return the layer's entry of the result file."""
        analysis = self.analysis
        return {
            "name": self.layer.name,
            "type": self.layer.kind.value,
            "macs": self.cost.macs,
            "cycles": self.cost.cycles,
            "processing_cycles": analysis.processing_cycles,
            "stall_cycles": dict(analysis.stall_cycles),
            "active_pes": analysis.active_pes,
            "utilization": analysis.utilization,
            "bound": self.bound,
            "bits": {"weight": self.bits.weight, "activation": self.bits.activation},
            "latency_ms": self.cost.latency_ms,
            "energy_total_pj": self.cost.energy_pj,
            "energy_pj": dict(self.cost.breakdown_pj),
            "accesses": analysis.accesses.as_dict(),
            "mapping": analysis.mapping.as_dict(),
            "operands": {"zero_ifmap": self.operands.ifmap, "zero_filter": self.operands.filter},
        }
