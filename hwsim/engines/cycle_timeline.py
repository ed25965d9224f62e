"""The cycle engine's time and traffic: the nest executed pass by pass, with buses, double buffering and DRAM.

What depends on shape only is stepped once for each distinct pass (at most 256 of them) and reused; data is the
business of hwsim/engines/cycle_execution.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.engines.access_counts import SHAPE, AccessCounts
from hwsim.engines.analytic import Analysis, full_pass, utilization
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.kernels.nest import glb_bits
from hwsim.kernels.timeline import PASS_FIELDS, pass_cycles, timeline
from hwsim.kernels.tuples import NestMap, NestShape, NestTile
from hwsim.kernels.walk import CLASS_FIELDS, axis_blocks, new_columns, walk
from hwsim.mapping.lowering import axis_across, axis_down, lower_layer, lower_tile
from hwsim.mapping.mapping import Mapping, check_mapping
from hwsim.vocabulary import Objective
from hwsim.workload.layer import Layer

Ints = NDArray[np.int64]
PASS_CLASSES = 256


@dataclass(frozen=True)
class Timeline:
    """When the first passes of a layer ran: int64[passes, 5], core cycles.

    Columns: the pass takes over the array, its filters and psums are in, its first window is in, its last MAC is done;
    and its class (which blocks are ragged).
    """

    events: Ints


PHASES = ("filters and psums in", "first window in", "MACs")
"""What lies between the first four columns of a timeline."""


class TimedRun(NamedTuple):
    """Counts and time of a layer, and its first passes one by one."""

    analysis: Analysis
    timeline: Timeline


def run_cycles(
    layer: Layer,
    tile: AcceleratorSpec,
    mapping: Mapping | None = None,
    objective: Objective | str = Objective.ENERGY,
    events: int = 0,
    *,
    ifmap_coding: float = 1.0,
) -> TimedRun:
    """Execute a layer's nest in time, without data; `events` passes are recorded in the timeline.

    `ifmap_coding`: bits of an ifmap in DRAM over those of its words, each transfer coded alike.
    `stall_cycles` say what DRAM held up: filters, ifmap rows, room for psums, or the last ofmap block on its way out.
    Raises InputError where the layer cannot be mapped.
    """
    if mapping is None:
        from hwsim.mapping.mapper import best_mapping

        mapping = best_mapping(layer, tile, objective=objective)
    else:
        check_mapping(layer, tile, mapping)
    shape, lowered, nest = lower_layer(layer), lower_tile(tile), mapping.lowered()
    words, classes, passes = _walk(shape, lowered, nest)
    durations = _durations(shape, lowered, nest, classes)
    out = np.zeros(10, np.int64)
    recorded = np.zeros((min(events, len(passes)), 5), np.int64)
    setup = _setup(shape, lowered, nest, tile)
    timeline(lowered, passes, durations, setup, tile.dram_bits_per_cycle, ifmap_coding, out, recorded)
    cycles, processing = int(out[0]), int(out[1:6].sum())
    causes = dict(zip(("dram_filter", "dram_ifmap", "dram_psum_room", "dram_ofmap"), out[6:].tolist(), strict=True))
    names = ("compute", "bus", "ifmap_fill", "filter_load", "psum_hand_over")
    analysis = Analysis(
        layer,
        mapping,
        AccessCounts(words),
        cycles,
        processing,
        causes,
        dict(zip(names, out[1:6].tolist(), strict=True)),
        len(passes),
        full_pass(shape, nest).pes,
        utilization(shape, cycles, tile),
        ifmap_coding,
    )
    return TimedRun(analysis, Timeline(recorded))


class _Passes(NamedTuple):
    """A walked nest: words moved, what tells the classes of passes apart, and every pass (hwsim/kernels/walk.py)."""

    words: Ints
    classes: Ints
    passes: Ints


def _walk(sh: NestShape, tl: NestTile, mp: NestMap) -> _Passes:
    vertical, horizontal = (np.array(axis[2:], np.int64) for axis in (axis_down(sh), axis_across(sh)))
    strips, column_blocks, folds = -(-sh.rows // mp.e), -(-sh.columns // mp.f), -(-sh.taps_v // mp.k)
    rows, columns = np.empty((strips, 2), np.int64), np.empty((column_blocks, 2), np.int64)
    axis_blocks(sh.rows, mp.e, vertical, 0, sh.taps_v, rows)
    axis_blocks(sh.columns, mp.f, horizontal, 0, sh.taps_h, columns)
    read_rows = np.empty((folds, strips), np.int64)
    part = np.empty((strips, 2), np.int64)
    for fold in range(folds):
        axis_blocks(sh.rows, mp.e, vertical, fold * mp.k, min(mp.k, sh.taps_v - fold * mp.k), part)
        read_rows[fold] = part[:, 0]
    blocks = -(-sh.filters // mp.m)
    chunks = (blocks - 1) * -(-mp.m // (mp.p * mp.t)) + -(-(sh.filters - (blocks - 1) * mp.m) // (mp.p * mp.t))
    count = -(-sh.groups // mp.g) * -(-sh.batch // mp.n) * strips * column_blocks
    count *= chunks * -(-sh.channels // (mp.q * mp.r)) * folds
    passes = np.empty((count, 5), np.int64)
    words = np.zeros(SHAPE, np.int64)
    classes = np.zeros((PASS_CLASSES, CLASS_FIELDS), np.int64)
    walk(sh, tl, mp, rows, read_rows, columns, words, classes, passes)
    return _Passes(words, classes, passes)


def _durations(sh: NestShape, tl: NestTile, mp: NestMap, classes: Ints) -> Ints:
    """Return the cycles of each class of passes, int64[256, 6]."""
    durations = np.zeros((PASS_CLASSES, PASS_FIELDS), np.int64)
    geometry = np.array([sh.stride_h, sh.dilation_h], np.int64)
    phases = sh.dilation_h // gcd(sh.stride_h, sh.dilation_h)
    fresh: dict[int, Ints] = {}
    for kind in np.flatnonzero(classes[:, 0]):
        columns = int(classes[kind, 6])
        if columns not in fresh:
            # windows that share ifmap columns follow each other, so that a dilated window needs no wider spad
            order = np.concatenate([np.arange(phase, columns, phases) for phase in range(phases)]).astype(np.int64)
            fresh[columns] = np.empty(columns, np.int64)
            new_columns(columns, geometry, sh.taps_h, order, fresh[columns])
        pass_cycles(sh, tl, mp, classes[kind], fresh[columns], durations[kind])
    return durations


def _setup(sh: NestShape, tl: NestTile, mp: NestMap, tile: AcceleratorSpec) -> Ints:
    """Return burst bits, DRAM latency and whether the GLB has room for a second ifmap or psum block beside all else."""
    psum, ifmap, filters = glb_bits(sh, tl, mp)
    if tl.glb_filter_bits:
        spare = tl.glb_bits - tl.glb_filter_bits - psum - ifmap
    else:
        spare = tl.glb_bits - psum - ifmap - filters
    two_ifmaps = spare >= ifmap
    two_psums = spare - (ifmap if two_ifmaps else 0) >= psum
    return np.array([tile.dram_burst_bytes * 8, tile.dram_latency_cycles, two_ifmaps, two_psums], np.int64)
