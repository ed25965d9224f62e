"""Inter-layer reuse: an ofmap that fits stays in the GLB until its last reader has run, and never sees DRAM.

While it is resident, every layer from its writer to its last reader maps into what is left of the GLB. The writer saves
the way to DRAM and stores the ofmap in the GLB once more, at the width of a word; a reader saves the DRAM reads and the
fills of that share of its ifmap. An ofmap stays only where the whole costs less, by the run's objective.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hwsim.engines.analytic import Analysis, analyze, dram_cycles, utilization
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapper import best_mapping
from hwsim.pricing.layer_pricer import LayerPricer
from hwsim.pricing.work import OperandUse, Work
from hwsim.simulation.layer_run import LayerRun
from hwsim.vocabulary import Direction, Level, Objective, Operand
from hwsim.workload.network import NETWORK_INPUT, Network

_IFMAP_FROM_DRAM = (Level.DRAM, Operand.IFMAP, Direction.READ)
_IFMAP_INTO_GLB = (Level.GLB, Operand.IFMAP, Direction.WRITE)
_OFMAP_TO_DRAM = (Level.DRAM, Operand.PSUM, Direction.WRITE)


def keep_in_glb(network: Network, runs: list[LayerRun], pricer: LayerPricer) -> tuple[list[LayerRun], str]:
    """Return the runs with ofmaps kept where that pays, and a sentence that says which.

    Greedy in execution order: each ofmap is tried beside those kept before it.
    """
    last_reader = {index: max(network.consumers(index), default=index) for index in range(len(network.layers))}
    current, kept = list(runs), set[int]()
    for index, last in last_reader.items():
        if last == index:
            continue
        trial = _with_resident(
            network, plain=runs, current=current, kept=kept | {index}, span=range(index, last + 1), pricer=pricer
        )
        if trial is not None and _figure(trial, pricer.objective) < _figure(current, pricer.objective):
            current = trial
            kept.add(index)
    names = ", ".join(network.layers[index].name for index in sorted(kept)) or "none"
    energy = 1 - _figure(current, Objective.ENERGY) / _figure(runs, Objective.ENERGY)
    time = 1 - _figure(current, Objective.LATENCY) / _figure(runs, Objective.LATENCY)
    saved = f"this saves {energy:.1%} of the energy and {time:.1%} of the time"
    return current, f"ofmaps kept in the GLB for their readers: {names}; {saved}"


def _figure(runs: list[LayerRun], objective: Objective) -> float:
    energy_pj = sum(run.cost.energy_pj for run in runs)
    cycles = sum(run.cost.cycles for run in runs)
    return {Objective.ENERGY: energy_pj, Objective.LATENCY: float(cycles), Objective.EDP: energy_pj * cycles}[objective]


def _with_resident(
    network: Network,
    *,
    plain: list[LayerRun],
    current: list[LayerRun],
    kept: set[int],
    span: range,
    pricer: LayerPricer,
) -> list[LayerRun] | None:
    """Return the current runs with those of a span made anew beside the kept ofmaps; None where a layer has no room."""
    trial = list(current)
    for place in span:
        resident_bytes = sum(
            math.ceil(network.layers[index].ofmap_words * pricer.tile.word_bits / 8)
            for index in kept
            if index <= place <= max(network.consumers(index))
        )
        analysis = _mapped_beside(plain[place], resident_bytes, pricer)
        if analysis is None:
            return None
        share = _resident_share(network, network.inputs[place], kept)
        moved = _without_dram(analysis, pricer.tile, share, writes=place not in kept)
        work = Work(moved.cycles, moved.processing_cycles, plain[place].cost.macs)
        use = OperandUse(plain[place].bits, plain[place].operands, ifmap_coding=moved.ifmap_coding)
        cost = pricer.price_counts(moved.accesses, work, use)
        trial[place] = replace(plain[place], analysis=moved, cost=cost)
    return trial


def _mapped_beside(run: LayerRun, resident_bytes: int, pricer: LayerPricer) -> Analysis | None:
    """Return the best analysis of a layer in the rest of the GLB; None where it does not fit."""
    tile = pricer.tile
    free_bytes = tile.glb_size_bytes - resident_bytes
    if free_bytes <= tile.glb_filter_bytes:
        return None
    rest = tile.model_copy(update={"glb_size_bytes": free_bytes})
    try:
        mapping = best_mapping(run.layer, rest, pricer.costs, pricer.objective)
        return analyze(run.layer, rest, mapping, ifmap_coding=run.analysis.ifmap_coding)
    except InputError:
        return None


def _resident_share(network: Network, sources: tuple[int, ...], kept: set[int]) -> float:
    """Return the share of a layer's ifmap words that lies in the GLB already."""
    if NETWORK_INPUT in sources:
        return 0.0
    words = {index: network.layers[index].ofmap_words for index in sources}
    return sum(count for index, count in words.items() if index in kept) / sum(words.values())


def _without_dram(analysis: Analysis, tile: AcceleratorSpec, share: float, *, writes: bool) -> Analysis:
    """Return an analysis without the DRAM words of its resident ifmap share and, unless it writes, of its ofmap."""
    get = analysis.accesses.get
    changed = {count: round(get(*count) * (1 - share)) for count in (_IFMAP_FROM_DRAM, _IFMAP_INTO_GLB)}
    if not writes:
        changed[_IFMAP_INTO_GLB] += get(*_OFMAP_TO_DRAM)
        changed[_OFMAP_TO_DRAM] = 0
    accesses = analysis.accesses.replaced(changed)
    cycles = max(analysis.processing_cycles, dram_cycles(accesses, tile, analysis.ifmap_coding))
    return replace(
        analysis,
        accesses=accesses,
        cycles=cycles,
        stall_cycles={"dram": cycles - analysis.processing_cycles},
        utilization=utilization(lower_layer(analysis.layer), cycles, tile),
    )
