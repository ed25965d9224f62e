"""A cycle- and access-level simulator of a row-stationary accelerator tile, priced from the MAC's gates.

import hwsim
tile = hwsim.accelerator("paper")
run = hwsim.simulate(hwsim.network("resnet50"), tile)
print(run.energy_pj, run.cycles, run.layers)
print(hwsim.compare([run, hwsim.simulate("resnet50", tile.with_(glb_size_bytes=65536))]))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwsim.energy.cost_preset import CostPreset, load_costs
    from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
    from hwsim.engines.access_counts import AccessCounts
    from hwsim.engines.analytic import Analysis, analyze
    from hwsim.engines.cycle_execution import Execution, execute
    from hwsim.errors import InputError, RunError
    from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
    from hwsim.mapping.mapper import best_mapping
    from hwsim.mapping.mapping import Mapping
    from hwsim.pricing.layer_pricer import LayerCost, LayerPricer
    from hwsim.simulation.comparison import Comparison, compare
    from hwsim.simulation.result import SimulationResult
    from hwsim.simulation.run import Run
    from hwsim.simulation.simulate import simulate
    from hwsim.workload.layer import ConvLayer, ElementwiseLayer, FCLayer, PoolLayer, fc_layer
    from hwsim.workload.load import network
    from hwsim.workload.network import Network

_HOMES = {
    "hardware.accelerator": ("AcceleratorSpec", "accelerator"),
    "engines.analytic": ("Analysis", "analyze"),
    "energy.cost_preset": ("CostPreset", "load_costs"),
    "engines.access_counts": ("AccessCounts",),
    "energy.mac_table": ("MacEnergyTable", "load_mac_table"),
    "errors": ("InputError", "RunError"),
    "engines.cycle_execution": ("Execution", "execute"),
    "workload.layer": ("ConvLayer", "ElementwiseLayer", "FCLayer", "PoolLayer", "fc_layer"),
    "mapping.mapper": ("best_mapping",),
    "mapping.mapping": ("Mapping",),
    "workload.network": ("Network",),
    "workload.load": ("network",),
    "pricing.layer_pricer": ("LayerCost", "LayerPricer"),
    "simulation.comparison": ("Comparison", "compare"),
    "simulation.result": ("SimulationResult",),
    "simulation.run": ("Run",),
    "simulation.simulate": ("simulate",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AcceleratorSpec",
    "AccessCounts",
    "Analysis",
    "Comparison",
    "ConvLayer",
    "CostPreset",
    "ElementwiseLayer",
    "Execution",
    "FCLayer",
    "InputError",
    "LayerCost",
    "LayerPricer",
    "MacEnergyTable",
    "Mapping",
    "Network",
    "PoolLayer",
    "Run",
    "RunError",
    "SimulationResult",
    "accelerator",
    "analyze",
    "best_mapping",
    "compare",
    "execute",
    "fc_layer",
    "load_costs",
    "load_mac_table",
    "network",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import hwsim` stays cheap (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'hwsim' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"hwsim.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
