"""A cycle- and access-level simulator of a row-stationary accelerator tile, priced from the MAC's gates.

import hwsim
tile = hwsim.accelerator("paper")
run = hwsim.simulate(hwsim.network("resnet50"), tile)
print(run.energy_pj, run.cycles, run.layers)
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwsim.accelerator import AcceleratorSpec, accelerator
    from hwsim.analytic import Analysis, analyze
    from hwsim.cost_preset import CostPreset, load_costs
    from hwsim.counts import AccessCounts
    from hwsim.energy_table import MacEnergyTable, load_mac_table
    from hwsim.errors import InputError, RunError
    from hwsim.execute import Execution, execute
    from hwsim.layer import ConvLayer, ElementwiseLayer, FCLayer, PoolLayer, fc_layer
    from hwsim.layer_graph import Network
    from hwsim.mapper import best_mapping
    from hwsim.mapping import Mapping
    from hwsim.network import network
    from hwsim.pricing import LayerCost, LayerPricer
    from hwsim.simulate import Run, simulate

_HOMES = {
    "accelerator": ("AcceleratorSpec", "accelerator"),
    "analytic": ("Analysis", "analyze"),
    "cost_preset": ("CostPreset", "load_costs"),
    "counts": ("AccessCounts",),
    "energy_table": ("MacEnergyTable", "load_mac_table"),
    "errors": ("InputError", "RunError"),
    "execute": ("Execution", "execute"),
    "layer": ("ConvLayer", "ElementwiseLayer", "FCLayer", "PoolLayer", "fc_layer"),
    "mapper": ("best_mapping",),
    "mapping": ("Mapping",),
    "layer_graph": ("Network",),
    "network": ("network",),
    "pricing": ("LayerCost", "LayerPricer"),
    "simulate": ("Run", "simulate"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AcceleratorSpec",
    "AccessCounts",
    "Analysis",
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
    "accelerator",
    "analyze",
    "best_mapping",
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


class _Package(ModuleType):
    """Keeps `hwsim.network` the function: importing the sub-module of that name would hide it otherwise."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _HOME_OF):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
