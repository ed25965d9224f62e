"""Finds the one factor on memory costs that reproduces a published saving of uniform quantization."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwsim.energy.cost_preset import CostPreset, load_costs
from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.workload.load import network
from hwsim.workload.network import Network

PUBLISHED_SAVING = 0.29
"""Of the total energy, by 5-bit weights and activations. Source: Balaskas et al., IEEE TETC, section 3 and Fig. 2a."""

PUBLISHED_BITS = 5
NARROWER_ACCOUNTINGS = ("no-clock", "combinational")
"""Accountings of a MAC's energy that leave out what does not depend on the operands, widest first."""

REFERENCE_NETWORK = "resnet18-cifar"
"""Fig. 2a does not name its network; Fig. 2b beside it is ResNet18 on CIFAR-10, which is what we take."""


@dataclass(frozen=True)
class Calibration:
    """The factor found, and the energies that it rests on, pJ, under one accounting of the MAC table.

    `mac_pj`, `quantized_mac_pj`: all MACs at full precision and at `bits`; `memory_pj`: all words at the base preset;
    `leakage_pj`: what leaks beside the MACs. `saving`: the target.
    """

    network: str
    accelerator: str
    base: str
    accounting: str
    bits: int
    saving: float
    mac_pj: float
    quantized_mac_pj: float
    memory_pj: float
    leakage_pj: float

    @property
    def mac_ratio(self) -> float:
        """R_Q, the energy of a quantized MAC relative to a full one."""
        return self.quantized_mac_pj / self.mac_pj

    @property
    def factor(self) -> float:
        """The factor on the memory costs; zero or negative where the saving cannot be reached."""
        allowed_pj = (self.mac_pj - self.quantized_mac_pj) / self.saving
        return (allowed_pj - self.mac_pj - self.leakage_pj) / self.memory_pj

    @property
    def saving_with_free_memories(self) -> float:
        """The most that quantization can save: the share if words cost nothing."""
        return (self.mac_pj - self.quantized_mac_pj) / (self.mac_pj + self.leakage_pj)

    def as_json(self) -> dict[str, Any]:
        """Return what was found and what it rests on, for JSON."""
        return {"schema": 1, **asdict(self), "mac_ratio": self.mac_ratio, "factor": self.factor}


def calibrate(
    tile: AcceleratorSpec | str,
    mac_table: MacEnergyTable | Path | None = None,
    base: CostPreset | str = "7nm",
    *,
    net: Network | str = REFERENCE_NETWORK,
    bits: int = PUBLISHED_BITS,
    saving: float = PUBLISHED_SAVING,
) -> Calibration:
    """Return the factor on the memory costs of `base` by which uniform quantization saves the published share.

    Memory words keep the datapath's width, so all of the saving comes from the MACs. Where a MAC's clock and registers
    leave too little to save, the factor is found under the table's next narrower accounting (without the clock, then
    combinational cells alone), which the calibrated preset then asks for. Raises InputError where none suffices.
    """
    table = mac_table if isinstance(mac_table, MacEnergyTable) else load_mac_table(mac_table)
    preset = base if isinstance(base, CostPreset) else load_costs(base)
    chosen = network(net) if isinstance(net, str) else net
    tried = []
    for accounting in dict.fromkeys((table.accounting, *NARROWER_ACCOUNTINGS)):
        figures = table.with_accounting(accounting)
        if figures is None:
            continue
        found = _solve(LayerPricer(tile, figures, preset), chosen, bits, saving)
        if found.factor > 0:
            return found
        tried.append(found)
    best = max(tried, key=lambda one: one.saving_with_free_memories)
    raise InputError(
        f"no factor on the memory costs makes uniform {bits}-bit operands save {saving:.0%} of the total: with free"
        f" memories they save {best.saving_with_free_memories:.1%} at most, because a {bits}/{bits}-bit MAC still takes"
        f" {best.mac_ratio:.1%} of a full one ({best.accounting} accounting); ask for a smaller --saving"
    )


def _solve(pricer: LayerPricer, chosen: Network, bits: int, saving: float) -> Calibration:
    full = [pricer.price(layer) for layer in chosen.layers]
    narrow = [pricer.price(layer, bits, bits) for layer in chosen.layers]
    return Calibration(
        network=chosen.name,
        accelerator=pricer.tile.name,
        base=pricer.preset.name,
        accounting=pricer.mac_table.accounting,
        bits=bits,
        saving=saving,
        mac_pj=sum(cost.breakdown_pj["mac"] for cost in full),
        quantized_mac_pj=sum(cost.breakdown_pj["mac"] for cost in narrow),
        memory_pj=sum(cost.breakdown_pj[part] for cost in full for part in ("rf", "noc", "glb", "dram")),
        leakage_pj=sum(cost.breakdown_pj["leakage"] for cost in full),
    )


def calibrated_preset(found: Calibration, name: str, table: MacEnergyTable) -> CostPreset:
    """Return the base preset scaled by the factor, with the calibration's inputs beside it."""
    base = load_costs(found.base)
    return base.model_copy(
        update={
            "name": name,
            "description": f"{found.base} with memories scaled so that W{found.bits}A{found.bits}"
            f" saves {found.saving:.0%} on {found.network}; MACs by {found.accounting} accounting",
            "memory_scale": base.memory_scale * found.factor,
            "mac_accounting": found.accounting,
            "calibration": {
                "command": "hwsim costs --calibrate",
                "target": f"uniform {found.bits}-bit operands save {found.saving:.0%} of the total energy"
                " (Balaskas et al., IEEE TETC, Fig. 2a)",
                "network": found.network,
                "accelerator": found.accelerator,
                "base": found.base,
                "mac_ratio": found.mac_ratio,
                "mac_technology": table.technology,
            },
        }
    )
