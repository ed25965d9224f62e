"""Runs side by side: what each costs, and what it saves against the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, ClassVar

from hwsim.energy.units import energy_text
from hwsim.engines.counts_result import Part
from hwsim.errors import InputError, check_kind, shown
from hwsim.files.document import Document
from hwsim.pricing.savings import saved_pct
from hwsim.simulation.result import EnergyParts, SimulationResult
from hwsim.simulation.run import Run
from hwsim.vocabulary import EngineName, Objective

if TYPE_CHECKING:
    import pandas as pd


class ComparedRun(Part):
    """One run of a comparison, for its whole batch; `saved_pct`, `latency_saved_pct`: against the first run."""

    network: str
    accelerator: str
    batch: int
    engine: EngineName
    objective: Objective
    costs: str
    mac_table: str
    energy_pj: float
    saved_pct: float
    energy_breakdown_pj: EnergyParts
    latency_ms: float
    latency_saved_pct: float
    cycles: int
    macs: int
    dram_words: int


class Comparison(Document):
    """Runs side by side, in the order given; `notes` say where their figures are not of the same work or price."""

    KIND: ClassVar[str] = "a comparison of runs"

    runs: tuple[ComparedRun, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row a run."""
        import pandas as pd

        rows = []
        for run in self.runs:
            row = run.model_dump(mode="json", exclude={"energy_breakdown_pj"})
            rows.append({**row, **{f"{part}_pj": pj for part, pj in run.energy_breakdown_pj.model_dump().items()}})
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        best = min(self.runs, key=lambda run: run.energy_pj)
        return (
            f"Comparison({len(self.runs)} runs: {energy_text(self.runs[0].energy_pj)} first, lowest"
            f" {energy_text(best.energy_pj)} by {best.network} on {best.accelerator}, saving {best.saved_pct:.1f} %)"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"{self.to_frame().to_html(index=False)}\n{notes}"


_EXPECTED = "a list of runs of hwsim.simulate"


def compare(runs: Iterable[Run | SimulationResult]) -> Comparison:
    """Return runs, or results read from files, side by side; raises InputError where there is none."""
    check_kind("runs", runs, (Iterable,), _EXPECTED)
    if isinstance(runs, Run | SimulationResult | str):
        raise InputError(f"runs is {shown(runs)}, must be {_EXPECTED}")
    listed = list(runs)
    for index, run in enumerate(listed):
        check_kind(f"runs[{index}]", run, (Run, SimulationResult), "a run of hwsim.simulate, or a result read from it")
    results = [run.result() if isinstance(run, Run) else run for run in listed]
    if not results:
        raise InputError("there is no run to compare; give at least one")
    first = results[0].totals
    rows = tuple(
        ComparedRun(
            network=one.network,
            accelerator=one.accelerator,
            batch=one.batch,
            engine=one.engine,
            objective=one.objective,
            costs=one.costs,
            mac_table=one.mac_table,
            energy_pj=one.totals.energy_pj,
            saved_pct=saved_pct(first.energy_pj, one.totals.energy_pj),
            energy_breakdown_pj=one.totals.energy_breakdown_pj,
            latency_ms=one.totals.latency_ms,
            latency_saved_pct=saved_pct(first.latency_ms, one.totals.latency_ms),
            cycles=one.totals.cycles,
            macs=one.totals.macs,
            dram_words=one.totals.accesses.dram.words,
        )
        for one in results
    )
    return Comparison(runs=rows, notes=_differences(results))


def _differences(results: Sequence[SimulationResult]) -> tuple[str, ...]:
    """Return what keeps the runs' figures from being of the same work at the same prices, a sentence each."""
    found = (
        ("networks differ ({}): the runs do not do the same work", [one.network for one in results]),
        ("batches differ ({}): figures are those of a whole batch", [str(one.batch) for one in results]),
        ("costs differ ({}): energies are not at the same prices", [one.costs for one in results]),
        ("MAC tables differ ({}): energies are not at the same prices", [one.mac_table for one in results]),
        ("engines differ ({}): one counts in closed form, one on tensors", [one.engine.value for one in results]),
    )
    distinct = ((sentence, list(dict.fromkeys(values))) for sentence, values in found)
    return tuple(sentence.format(", ".join(values)) for sentence, values in distinct if len(values) > 1)
