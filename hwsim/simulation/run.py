"""What a simulation came to: totals, layers, and how to look at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.energy.units import energy_text
from hwsim.engines.access_counts import AccessCounts
from hwsim.engines.counts_result import Accesses
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.pricing.layer_pricer import BREAKDOWN, LayerPricer
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.provenance import provenance
from hwsim.simulation.result import EnergyParts, SimulationResult, Totals
from hwsim.vocabulary import EngineName, Objective
from hwsim.workload.network import Network

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ["name", "type", "macs", "cycles", "latency_ms", "utilization", "bound", "energy_pj"]
"""The columns that a notebook shows of a run; `to_frame` has them all."""


@dataclass(frozen=True, eq=False, repr=False)
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

        return pd.DataFrame([run.row() for run in self.runs])

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row a layer, which the caller may change."""
        return self.layers.copy()

    def result(self) -> SimulationResult:
        """Return what the result file holds."""
        totals = Totals(
            macs=self.macs,
            cycles=self.cycles,
            latency_ms=self.latency_ms,
            energy_pj=self.energy_pj,
            energy_breakdown_pj=EnergyParts(**self.breakdown_pj),
            accesses=Accesses.of(self.accesses),
        )
        return SimulationResult(
            network=self.network.name,
            accelerator=self.tile.name,
            batch=self.network.batch,
            engine=self.engine,
            objective=self.objective,
            costs=self.pricer.preset.name,
            mac_table=self.mac_table_name,
            engine_wall_s=self.engine_wall_s,
            totals=totals,
            layers=tuple(run.result() for run in self.runs),
            notes=self.notes,
            provenance=provenance(self.pricer),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the content of the result file as plain values."""
        return self.result().as_json()

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the text of the result file; with a path, also write it there, whole or not at all."""
        return self.result().to_json(path)

    def __repr__(self) -> str:
        return (
            f"Run({self.network.name}, batch {self.network.batch}, on {self.tile.name}, {self.engine.value} engine:"
            f" {energy_text(self.energy_pj)}, {self.latency_ms:,.4g} ms, {self.macs:,} MACs)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>\n{self.layers[_SHOWN].to_html(index=False)}"
