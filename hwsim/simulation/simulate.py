"""Runs a network on a tile: maps every layer, counts or executes it, prices it, and adds up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.energy.cost_preset import CostPreset
from hwsim.energy.mac_table import MacEnergyTable
from hwsim.engines.access_counts import AccessCounts
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.mapping.mapper import best_mappings
from hwsim.mapping.mapping import Mapping
from hwsim.pricing.layer_pricer import BREAKDOWN, LayerPricer
from hwsim.simulation.engine import Engine, make_engine
from hwsim.simulation.layer_run import EngineName, LayerRun
from hwsim.simulation.ofmap_residency import keep_in_glb
from hwsim.vocabulary import Objective, Precision, ZeroShares
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network as load_network
from hwsim.workload.network import Network
from hwsim.workload.policy import LayerTreatment, Treated, apply_policy

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Run:
    """The result of a simulation.

    `engine_wall_s`: seconds spent mapping and counting or executing, without start-up and files. `notes`: what a reader
    must know to compare figures, a sentence each.
    """

    network: Network
    tile: AcceleratorSpec
    engine: EngineName
    objective: Objective
    pricer: LayerPricer
    mac_table_name: str
    engine_wall_s: float
    runs: tuple[LayerRun, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def breakdown_pj(self) -> dict[str, float]:
        """Energy by part, pJ, over all layers."""
        return {part: sum(run.cost.breakdown_pj[part] for run in self.runs) for part in BREAKDOWN}

    @property
    def energy_pj(self) -> float:
        """Energy of the batch, pJ."""
        return sum(self.breakdown_pj.values())

    @property
    def cycles(self) -> int:
        """Cycles of the batch, one layer after the other."""
        return sum(run.cost.cycles for run in self.runs)

    @property
    def latency_ms(self) -> float:
        """Time of the batch, ms."""
        return self.tile.latency_ms(self.cycles)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the batch."""
        return sum(run.cost.macs for run in self.runs)

    @property
    def accesses(self) -> AccessCounts:
        """Words moved over all layers."""
        return AccessCounts(np.sum([run.analysis.accesses.words for run in self.runs], axis=0))

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row a layer: shape, time, price, words at each level."""
        import pandas as pd

        return pd.DataFrame([_row(run) for run in self.runs])

    def as_json(self) -> dict[str, Any]:
        """Return the content of the result file."""
        from hwsim.simulation.provenance import provenance

        return {
            "schema": 1,
            "network": self.network.name,
            "accelerator": self.tile.name,
            "batch": self.network.batch,
            "engine": self.engine.value,
            "objective": self.objective.value,
            "costs": self.pricer.preset.name,
            "mac_table": self.mac_table_name,
            "engine_wall_s": self.engine_wall_s,
            "totals": {
                "macs": self.macs,
                "cycles": self.cycles,
                "latency_ms": self.latency_ms,
                "energy_pj": self.energy_pj,
                "energy_breakdown_pj": self.breakdown_pj,
                "accesses": self.accesses.as_dict(),
            },
            "layers": [run.as_json() for run in self.runs],
            "notes": list(self.notes),
            "provenance": provenance(self.pricer),
        }


def simulate(
    network: Network | str | Path,
    tile: AcceleratorSpec | str | Path = "paper",
    engine: EngineName | str = EngineName.ANALYTIC,
    *,
    batch: int = 1,
    objective: Objective | str = Objective.ENERGY,
    mac_table: MacEnergyTable | Path | None = None,
    costs: CostPreset | str | Path | None = None,
    bits: int | None = None,
    policy: dict[str, LayerTreatment] | None = None,
    mappings: dict[str, Mapping] | None = None,
    layer: str | None = None,
    seed: int = 0,
    weights: dict[str, np.ndarray[Any, Any]] | None = None,
    keep_ofmaps: bool = False,
) -> Run:
    """Return what a network costs on a tile.

    `bits`: precision of all operands on the fixed datapath; `policy`: precision, sparsity and shape by layer;
    `mappings`: by layer name, the mapper's choice elsewhere; `layer`: simulate this one alone; `weights`: by layer
    name, for the cycle engine; `keep_ofmaps`: an ofmap that fits stays in the GLB for its readers.
    Raises InputError for unknown names, layers that cannot be mapped and precisions that were not characterized.
    """
    net = network if isinstance(network, Network) else load_network(network, batch)
    spec = accelerator(tile)
    pricer = LayerPricer(spec, mac_table, costs, objective)
    treated = apply_policy(net, policy) if policy is not None else _untreated(net)
    if layer is not None:
        treated = _alone(treated, layer)
    for name in mappings or {}:
        treated.network.index(name)
    if keep_ofmaps and (mappings or str(getattr(engine, "value", engine)) != EngineName.ANALYTIC.value):
        raise InputError(
            "--keep-ofmaps chooses its own mappings by closed form; leave out --mapping and --engine cycle"
        )
    chosen = make_engine(engine, pricer, seed=seed, weights=weights or {})
    chosen.warm_up()
    start = time.perf_counter()
    runs = _run_layers(treated, pricer, chosen, mappings or {}, bits)
    notes = list(chosen.notes)
    if keep_ofmaps:
        runs, note = keep_in_glb(treated.network, runs, pricer)
        notes.append(note)
    wall_s = time.perf_counter() - start
    name = str(mac_table) if isinstance(mac_table, str | Path) else ("given" if mac_table else "shipped")
    return Run(treated.network, spec, chosen.name, pricer.objective, pricer, name, wall_s, tuple(runs), tuple(notes))


def _run_layers(
    treated: Treated, pricer: LayerPricer, engine: Engine, mappings: dict[str, Mapping], bits: int | None
) -> list[LayerRun]:
    full = pricer.tile.word_bits
    unmapped = [one for one in treated.network.layers if one.name not in mappings]
    best_mappings(unmapped, pricer.tile, pricer.costs, pricer.objective)
    runs = []
    for one, precision, zeros in zip(treated.network.layers, treated.precisions, treated.zeros, strict=True):
        widths = precision or Precision(bits or full, bits or full)
        if max(widths) > full:
            raise InputError(
                f"layer '{one.name}': {max(widths)} bits do not fit the {full}-bit datapath of '{pricer.tile.name}'"
            )
        # pooling and elementwise layers move words of the datapath's width
        moved = widths if isinstance(one, ConvLayer) else Precision(full, full)
        runs.append(engine.run(one, moved, zeros, mappings.get(one.name)))
    return runs


def _untreated(net: Network) -> Treated:
    return Treated(net, (None,) * len(net.layers), (ZeroShares(),) * len(net.layers))


def _alone(treated: Treated, name: str) -> Treated:
    index = treated.network.index(name)
    alone = Network(treated.network.name, (treated.network.layers[index],), ((-1,),))
    return Treated(alone, (treated.precisions[index],), (treated.zeros[index],))


def _row(run: LayerRun) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": run.layer.name,
        "type": run.layer.kind.value,
        "macs": run.cost.macs,
        "weight_bits": run.bits.weight,
        "activation_bits": run.bits.activation,
        "cycles": run.cost.cycles,
        "processing_cycles": run.analysis.processing_cycles,
        "stall_cycles": sum(run.analysis.stall_cycles.values()),
        "latency_ms": run.cost.latency_ms,
        "active_pes": run.analysis.active_pes,
        "utilization": run.analysis.utilization,
        "bound": run.bound,
        "energy_pj": run.cost.energy_pj,
        **{f"{part}_pj": run.cost.breakdown_pj[part] for part in BREAKDOWN},
    }
    for level, operands in run.analysis.accesses.as_dict().items():
        for operand, directions in operands.items():
            for direction, words in directions.items():
                row[f"{level}_{operand}_{direction}_words"] = words
    row["mapping"] = " ".join(f"{letter}{value}" for letter, value in run.analysis.mapping.as_dict().items())
    return row
