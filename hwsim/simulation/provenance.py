"""What a result rests on: versions, cost figures with their sources, the MAC table and its origin."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.simulation.result import CostsUsed, MacUsed, Provenance


def provenance(pricer: LayerPricer) -> Provenance:
    """Return versions, the tile's fields, the costs in pJ a bit with their sources, and the MAC table's identity."""
    table = pricer.mac_table
    used = pricer.mac.table is not None
    return Provenance(
        version=installed_version(),
        accelerator=pricer.tile.model_dump(mode="json"),
        costs=CostsUsed(
            **{name: getattr(pricer.costs, name) for name in pricer.costs._fields if name != "mac_pj"},
            memory_scale=pricer.preset.memory_scale,
            zero_weights=pricer.preset.zero_weights,
            sources=dict(pricer.preset.sources),
            calibration=dict(pricer.preset.calibration),
        ),
        mac=MacUsed(
            source=pricer.mac.source,
            full_precision_fj=pricer.mac.full_mac_pj * 1000.0,
            technology=table.technology if used else None,
            multiplier=table.multiplier if used else None,
            accounting=table.accounting if used else None,
            leakage_nw=table.leakage_nw if used else None,
        ),
    )


def installed_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("tilejoule")
    except PackageNotFoundError:
        return "not installed"
