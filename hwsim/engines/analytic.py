"""The analytic engine: words moved and cycles of a mapped layer in closed form, with bandwidth bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hwsim.engines.access_counts import AccessCounts
from hwsim.engines.counts_result import Accesses, CountsResult
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.kernels.nest import axis_words, ceil_div, count_cycles, folded_rows, processing_cycles, reloads
from hwsim.kernels.tuples import NestMap, NestShape, NestTile
from hwsim.mapping.lowering import NestAxis, axis_across, axis_down, lower_layer, lower_tile
from hwsim.mapping.mapping import Mapping, check_mapping
from hwsim.vocabulary import Direction, Level, Objective, Operand
from hwsim.workload.layer import Layer

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Analysis:
    """What a layer costs on a tile with a mapping.

    `processing_cycles`: the array's time with DRAM never late; `processing_by_cause` splits it. `stall_cycles`: what
    DRAM adds, by cause; cycles = processing_cycles + the sum of stall_cycles. `active_pes`: PEs that a full pass uses.
    `utilization`: MACs over cycles times all PEs. `ifmap_coding`: bits that an ifmap takes in DRAM over those of its
    words, other than 1 where the tile codes it.
    """

    layer: Layer
    mapping: Mapping
    accesses: AccessCounts
    cycles: int
    processing_cycles: int
    stall_cycles: dict[str, int]
    processing_by_cause: dict[str, int] = field(default_factory=dict)
    passes: int = 0
    active_pes: int = 0
    utilization: float = 0.0
    ifmap_coding: float = 1.0

    def to_frame(self) -> pd.DataFrame:
        """Return the words moved: a row for each level and operand, read and written."""
        import pandas as pd

        counts = self.accesses.as_dict()
        rows = [
            {"level": level, "operand": operand, **words}
            for level, operands in counts.items()
            for operand, words in operands.items()
        ]
        return pd.DataFrame(rows)

    def result(self) -> CountsResult:
        """Return what a file of these counts holds."""
        return CountsResult(
            name=self.layer.name,
            type=self.layer.kind,
            cycles=self.cycles,
            processing_cycles=self.processing_cycles,
            stall_cycles=self.stall_cycles,
            active_pes=self.active_pes,
            utilization=self.utilization,
            accesses=Accesses.of(self.accesses),
            mapping=self.mapping,
        )

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the counts as the text of a file; with a path, also write it there, whole or not at all."""
        return self.result().to_json(path)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.layer.name}: {self.cycles:,} cycles, {self.active_pes} PEs,"
            f" {100 * self.utilization:.1f} % busy, {self.accesses.total(Level.DRAM):,} DRAM words)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>\n{self.to_frame().to_html(index=False)}"


def analyze(
    layer: Layer,
    tile: AcceleratorSpec,
    mapping: Mapping | None = None,
    objective: Objective | str = Objective.ENERGY,
    *,
    ifmap_coding: float = 1.0,
) -> Analysis:
    """Return the analytic cost of one layer; the mapper chooses the mapping where none is given.

    Words are counted whatever their coding, DRAM's time is that of the coded bits; the mapper knows words only.
    Raises InputError where the layer cannot be mapped, naming the constraint.
    """
    if mapping is None:
        from hwsim.mapping.mapper import best_mapping

        mapping = best_mapping(layer, tile, objective=objective)
    else:
        check_mapping(layer, tile, mapping)
    shape, lowered, nest = lower_layer(layer), lower_tile(tile), mapping.lowered()
    accesses = count_accesses(shape, lowered, nest)
    parts = np.empty(6, np.int64)
    count_cycles(shape, lowered, nest, parts)
    processing = int(processing_cycles(parts))
    dram = dram_cycles(accesses, tile, ifmap_coding)
    cycles = max(processing, dram)
    by_cause = {"compute": int(parts[0]), "bus": int(parts[1]), "ifmap_fill": int(parts[2])}
    by_cause["filter_load" if parts[3] >= parts[4] else "psum_hand_over"] = int(max(parts[3], parts[4]))
    return Analysis(
        layer,
        mapping,
        accesses,
        cycles,
        processing,
        {"dram": cycles - processing},
        by_cause,
        int(parts[5]),
        full_pass(shape, nest).pes,
        utilization(shape, cycles, tile),
        ifmap_coding,
    )


def array_macs(shape: NestShape) -> int:
    """Return the operations on the PEs: MACs, or reductions of pooling and elementwise layers."""
    outputs = shape.groups * shape.filters * shape.batch * shape.rows * shape.columns
    return outputs * shape.channels * shape.taps_v * shape.taps_h


class FullPass(NamedTuple):
    """What a full pass uses of the array: chains of sets, one under the other, of rows x columns PEs each."""

    chains: int
    sets: int
    rows: int
    columns: int

    @property
    def pes(self) -> int:
        """PEs that work."""
        return self.rows * self.columns * self.sets * self.chains


def full_pass(shape: NestShape, nest: NestMap) -> FullPass:
    """Return a full pass: no more sets than there are channels and filters for."""
    sets = min(nest.r, ceil_div(shape.channels, nest.q))
    chains = min(nest.t, ceil_div(shape.filters, nest.p)) * nest.g
    return FullPass(chains, sets, nest.k, nest.e)


def utilization(shape: NestShape, cycles: int, tile: AcceleratorSpec) -> float:
    """Return the operations of a layer over those that all PEs could do in its cycles."""
    return array_macs(shape) / (cycles * tile.pes)


def dram_bits(accesses: AccessCounts, tile: AcceleratorSpec, ifmap_coding: float = 1.0) -> float:
    """Return the bits that the layer moves to and from DRAM."""
    coded_away = accesses.get(Level.DRAM, Operand.IFMAP, Direction.READ) * (1.0 - ifmap_coding)
    return (accesses.total(Level.DRAM) - coded_away) * tile.word_bits


def dram_cycles(accesses: AccessCounts, tile: AcceleratorSpec, ifmap_coding: float = 1.0) -> int:
    """Return the cycles that the layer's DRAM words occupy the DRAM at its bandwidth."""
    return math.ceil(dram_bits(accesses, tile, ifmap_coding) / tile.dram_bits_per_cycle)


class _AxisWords(NamedTuple):
    """Words along one axis that the blocks of a layer store: with padding, and without."""

    stored: int
    real: int


@lru_cache(maxsize=16384)
def _axis(block: int, axis: NestAxis) -> _AxisWords:
    out = np.empty(2, np.int64)
    axis_words(axis.positions, block, axis.taps, axis.stride, axis.dilation, axis.padding, axis.size, out)
    return _AxisWords(int(out[0]), int(out[1]))


def count_accesses(sh: NestShape, tl: NestTile, mp: NestMap) -> AccessCounts:
    """Return the words that a mapping moves, in closed form; see hwsim/engines/access_counts.py."""
    down, across = _axis(mp.e, axis_down(sh)), _axis(mp.f, axis_across(sh))
    rows, columns = down.stored, across.stored
    planes = sh.groups * sh.channels * sh.batch
    ifmap_loads, glb_loads, rf_loads = reloads(sh, mp)
    # m is a multiple of p t, or all filters: no pass is cut by an m block
    filter_passes = ceil_div(sh.filters, mp.p * mp.t)
    weights = sh.groups * sh.filters * sh.channels * sh.taps_v * sh.taps_h * sh.weighted
    ofmap = sh.groups * sh.filters * sh.batch * sh.rows * sh.columns
    macs = ofmap * sh.channels * sh.taps_v * sh.taps_h
    psum_passes = ceil_div(sh.channels, mp.q * mp.r) * ceil_div(sh.taps_v, mp.k)
    psum_reads = psum_passes - 1 + tl.preload
    # filters that stay in the RFs are delivered once, to the first strip's sets
    strips = mp.e if rf_loads == 1 else ceil_div(sh.batch, mp.n) * ceil_div(sh.columns, mp.f) * sh.rows
    ifmap_deliveries = planes * sh.rows * sh.taps_v * columns * ceil_div(sh.filters, mp.p)
    words = np.zeros((4, 3, 2), np.int64)
    dram, glb, noc, rf = words
    dram[0, 0] = planes * down.real * across.real * ifmap_loads
    dram[1, 0] = weights * glb_loads
    dram[2, 1] = ofmap
    glb[0] = planes * folded_rows(sh, mp.e, mp.k) * columns * filter_passes, planes * rows * columns * ifmap_loads
    glb[1] = weights * rf_loads, weights * glb_loads
    glb[2] = ofmap * psum_reads + ofmap, ofmap * psum_passes
    noc[0, 0] = ifmap_deliveries
    noc[1, 0] = weights * strips
    noc[2] = ofmap * psum_reads, ofmap * sh.taps_v * ceil_div(sh.channels, mp.q)
    rf[0] = macs, ifmap_deliveries
    rf[1] = macs * sh.weighted, weights * strips
    rf[2] = macs, macs
    return AccessCounts(words)
