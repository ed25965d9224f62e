"""A run as a Chrome trace: layers, the array's phases and DRAM on one time axis; opens in Perfetto.

Source: the Trace Event Format (complete events "X", counters "C", metadata "M"); times are in microseconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hwsim.engines.analytic import dram_cycles
from hwsim.engines.cycle_timeline import PHASES, run_cycles
from hwsim.simulation.layer_run import LayerRun
from hwsim.simulation.run import Run
from hwsim.vocabulary import EngineName, Level

LAYERS, ARRAY, DRAM, PASSES = 1, 2, 3, 4
_TRACKS = {LAYERS: "layers", ARRAY: "PE array, time by cause", DRAM: "DRAM", PASSES: "PE array, first passes"}
TRACED_PASSES = 64
"""Passes of each layer that the cycle engine's trace shows one by one."""


class Span(NamedTuple):
    """When something happens, core cycles."""

    start: int
    cycles: int


def chrome_trace(run: Run) -> dict[str, Any]:
    """Return the trace of a run: layers one after the other, and within each the time by cause.

    The parts of a layer on the array's track are sums over all of its passes (how much, not when); DRAM's bar is the
    time that its words occupy it. A run of the cycle engine also shows the first passes of each layer as they happened.
    """
    process = f"{run.network.name} on {run.tile.name}"
    events: list[dict[str, Any]] = [{"ph": "M", "pid": 1, "name": "process_name", "args": {"name": process}}]
    events += [
        {"ph": "M", "pid": 1, "tid": track, "name": "thread_name", "args": {"name": name}}
        for track, name in _TRACKS.items()
    ]
    start = 0
    for one in run.runs:
        events += _layer_events(run, one, start)
        if run.engine is EngineName.CYCLE:
            events += _pass_events(run, one, start)
        start += one.cost.cycles
    events.append(_counter(run, start, 0, 0.0))
    return {
        "traceEvents": events,
        "displayTimeUnit": "ns",
        "otherData": {
            "network": run.network.name,
            "accelerator": run.tile.name,
            "engine": run.engine.value,
            "clock_mhz": run.tile.clock_mhz,
            "cycles": run.cycles,
        },
    }


def _layer_events(run: Run, one: LayerRun, start: int) -> list[dict[str, Any]]:
    cycles = one.cost.cycles
    details = {
        "macs": one.cost.macs,
        "cycles": cycles,
        "utilization": one.analysis.utilization,
        "bound": one.bound,
        "passes": one.analysis.passes,
        "energy_pj": one.cost.energy_pj,
        "mapping": one.analysis.mapping.as_dict(),
    }
    events = [_bar(run, LAYERS, one.layer.name, Span(start, cycles), details)]
    at = start
    for cause, spent in {**one.analysis.processing_by_cause, **one.analysis.stall_cycles}.items():
        if spent:
            events.append(_bar(run, ARRAY, cause.replace("_", " "), Span(at, spent), {"cycles": spent}))
            at += spent
    words = one.analysis.accesses.total(Level.DRAM)
    busy = min(cycles, dram_cycles(one.analysis.accesses, run.tile, one.analysis.ifmap_coding))
    if busy:
        events.append(_bar(run, DRAM, one.layer.name, Span(start, busy), {"words": words}))
    events.append(_counter(run, start, one.analysis.active_pes, one.analysis.utilization))
    return events


def _pass_events(run: Run, one: LayerRun, start: int) -> list[dict[str, Any]]:
    timed = run_cycles(
        one.layer, run.tile, one.analysis.mapping, events=TRACED_PASSES, ifmap_coding=one.analysis.ifmap_coding
    )
    events = []
    for number, moments in enumerate(timed.timeline.events.tolist()):
        for phase, begin, end in zip(PHASES, moments, moments[1:4], strict=False):
            if end > begin:
                details = {"layer": one.layer.name, "pass": number, "cycles": end - begin}
                events.append(_bar(run, PASSES, phase, Span(start + begin, end - begin), details))
    return events


def _bar(run: Run, track: int, name: str, span: Span, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "ph": "X",
        "pid": 1,
        "tid": track,
        "name": name,
        "ts": span.start / run.tile.clock_mhz,
        "dur": span.cycles / run.tile.clock_mhz,
        "args": details,
    }


def _counter(run: Run, start: int, active_pes: int, utilization: float) -> dict[str, Any]:
    return {
        "ph": "C",
        "pid": 1,
        "name": "PEs",
        "ts": start / run.tile.clock_mhz,
        "args": {"mapped": active_pes, "busy on average": utilization * run.tile.pes},
    }
