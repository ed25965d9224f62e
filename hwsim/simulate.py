"""Runs a network on a tile: maps every layer, counts or executes it, prices it, and adds up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.accelerator import AcceleratorSpec, accelerator
from hwsim.analytic import Analysis
from hwsim.cost_preset import CostPreset
from hwsim.counts import AccessCounts
from hwsim.energy_table import MacEnergyTable
from hwsim.errors import InputError
from hwsim.layer import ConvLayer, Layer
from hwsim.mapper import best_mappings
from hwsim.mapping import Mapping
from hwsim.network import Network
from hwsim.network import network as load_network
from hwsim.policy_file import LayerTreatment, Treated, apply_policy
from hwsim.pricing import BREAKDOWN, LayerCost, LayerPricer
from hwsim.vocabulary import Objective

if TYPE_CHECKING:
    import pandas as pd

    from hwsim.engines import Engine


class EngineName(str, Enum):
    """How counts and cycles are found: in closed form, or by running the mapping on tensors."""

    ANALYTIC = "analytic"
    CYCLE = "cycle"


DRAM_BOUND_FROM = 0.05
"""A layer that waits for DRAM for more than this share of its time is bound by it; first fills are not."""


@dataclass(frozen=True)
class ZeroShares:
    """Shares of zero words among the operands; None where nothing was measured or stated."""

    zero_ifmap: float | None
    zero_filter: float | None


@dataclass(frozen=True)
class LayerRun:
    """One layer's counts, time and price."""

    layer: Layer
    analysis: Analysis
    cost: LayerCost
    bits: tuple[int, int]
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
            "type": self.layer.kind,
            "macs": self.cost.macs,
            "cycles": self.cost.cycles,
            "processing_cycles": analysis.processing_cycles,
            "stall_cycles": dict(analysis.stall_cycles),
            "active_pes": analysis.active_pes,
            "utilization": analysis.utilization,
            "bound": self.bound,
            "bits": {"weight": self.bits[0], "activation": self.bits[1]},
            "latency_ms": self.cost.latency_ms,
            "energy_total_pj": self.cost.energy_pj,
            "energy_pj": dict(self.cost.breakdown_pj),
            "accesses": analysis.accesses.as_dict(),
            "mapping": analysis.mapping.as_dict(),
            "operands": {"zero_ifmap": self.operands.zero_ifmap, "zero_filter": self.operands.zero_filter},
        }


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
        from hwsim.result_provenance import provenance

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
    from hwsim.engines import make_engine

    chosen = make_engine(engine, pricer, seed=seed, weights=weights or {})
    chosen.warm_up()
    start = time.perf_counter()
    runs = _run_layers(treated, pricer, chosen, mappings or {}, bits)
    notes = list(chosen.notes)
    if keep_ofmaps:
        from hwsim.residency import keep_in_glb

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
    for one, widths, zero_weight in zip(treated.network.layers, treated.bits, treated.zero_weight, strict=True):
        widths = widths or (bits or full, bits or full)
        if max(widths) > full:
            raise InputError(
                f"layer '{one.name}': {max(widths)} bits do not fit the {full}-bit datapath of '{pricer.tile.name}'"
            )
        # pooling and elementwise layers move words of the datapath's width
        pair = widths if isinstance(one, ConvLayer) else (full, full)
        runs.append(engine.run(one, pair, zero_weight, mappings.get(one.name)))
    return runs


def _untreated(net: Network) -> Treated:
    return Treated(net, (None,) * len(net.layers), (0.0,) * len(net.layers))


def _alone(treated: Treated, name: str) -> Treated:
    index = treated.network.index(name)
    alone = Network(treated.network.name, (treated.network.layers[index],), ((-1,),))
    return Treated(alone, (treated.bits[index],), (treated.zero_weight[index],))


def _row(run: LayerRun) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": run.layer.name,
        "type": run.layer.kind,
        "macs": run.cost.macs,
        "weight_bits": run.bits[0],
        "activation_bits": run.bits[1],
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
