"""The search over mappings with lower bounds; hwsim/mapper.py states its space."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hwsim.kernels.nest import (
    axis_words,
    ceil_div,
    count_cycles,
    folded_rows,
    glb_bits,
    processing_cycles,
    reloads,
    rf_fits,
    set_slots,
)
from hwsim.kernels.tuples import NestMap, NestShape, NestTile

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True)
def balanced_blocks(total: int, largest: int, out: Ints) -> int:
    """Fill out with the block sizes that cut `total` into 1, 2, ... equal parts, largest first; return how many."""
    count = 0
    size = min(total, largest)
    while size >= 1:
        size = ceil_div(total, ceil_div(total, size))
        out[count] = size
        count += 1
        size -= 1
    return count


@njit(cache=True)
def _position_table(sh: NestShape, k: int, blocks_e: Ints, blocks_f: Ints, table: Ints) -> None:
    """Fill table int64[5, :]: ifmap rows stored, not padding, read; columns moved, not padding; for each block size."""
    axis = np.empty(2, np.int64)
    for i in range(len(blocks_e)):
        axis_words(sh.rows, blocks_e[i], sh.taps_v, sh.stride_v, sh.dilation_v, sh.padding_v, sh.in_rows, axis)
        table[0, i] = axis[0]
        table[1, i] = axis[1]
        table[2, i] = folded_rows(sh, blocks_e[i], k)
    for i in range(len(blocks_f)):
        axis_words(sh.columns, blocks_f[i], sh.taps_h, sh.stride_h, sh.dilation_h, sh.padding_h, sh.in_columns, axis)
        table[3, i] = axis[0]
        table[4, i] = axis[1]


@njit(cache=True)
def _cost(
    sh: NestShape, tl: NestTile, w: Floats, pos: Ints, block: Ints, passes: Ints, loads: Ints, out: Floats
) -> None:
    """Fill out with (energy pJ, lower bound of cycles).

    w: pJ of a bit in DRAM, GLB, NoC, RF, pJ of a MAC, DRAM bits a cycle. pos: rows stored, real, read, columns moved,
    real. block: e, f, n, number of position blocks, strips that get filters. passes: over p t filters, over p filters,
    over q r channels and folds, over q channels, array steps. loads: ifmap, GLB filter, RF filter. With best-case
    passes and loads both results are lower bounds; with those of a mapping the energy is exact.
    """
    planes = sh.groups * sh.channels * sh.batch
    weights = sh.groups * sh.filters * sh.channels * sh.taps_v * sh.taps_h * sh.weighted
    ofmap = sh.groups * sh.filters * sh.batch * sh.rows * sh.columns
    macs = ofmap * sh.channels * sh.taps_v * sh.taps_h
    reads = passes[2] - 1 + tl.preload
    ifmap_dram = planes * pos[1] * pos[4] * loads[0]
    ifmap_in = planes * pos[0] * pos[3] * loads[0]
    ifmap_read = planes * pos[2] * pos[3] * passes[0]
    ifmap_noc = planes * sh.rows * sh.taps_v * pos[3] * passes[1]
    filter_noc = weights * block[4]
    dram_bits = (ifmap_dram + weights * loads[1] + ofmap) * tl.word_bits
    glb_bits_moved = (ifmap_in + ifmap_read + weights * (loads[1] + loads[2])) * tl.word_bits
    glb_bits_moved += ofmap * (passes[2] + reads + 1) * tl.psum_bits
    noc_bits = (ifmap_noc + filter_noc) * tl.word_bits + ofmap * (reads + sh.taps_v * passes[3]) * tl.psum_bits
    rf_bits = (ifmap_noc + filter_noc + macs * (1 + sh.weighted)) * tl.word_bits + 2 * macs * tl.psum_bits
    out[0] = dram_bits * w[0] + glb_bits_moved * w[1] + noc_bits * w[2] + rf_bits * w[3] + macs * w[4]
    compute = passes[4] + weights * loads[2] * tl.word_bits / tl.filter_bus
    bus = max(ofmap * passes[2] * tl.psum_bits / tl.psum_out_bus, ofmap * reads * tl.psum_bits / tl.psum_in_bus)
    bus = max(bus, ifmap_read * tl.word_bits / tl.ifmap_bus)
    out[1] = max(compute, bus, dram_bits / w[5])


@njit(cache=True)
def _worse(objective: int, cost: Floats, best: Floats) -> bool:
    """Tell whether no mapping with at least this (energy, cycles) can precede the best one, rounding allowed for."""
    first, second = cost[0], cost[1]
    if objective == 1:
        first, second = cost[1], cost[0]
    elif objective == 2:
        first, second = cost[0] * cost[1], cost[0]
    slack = 1.0 + 1e-9
    return first > best[0] * slack or (first * slack >= best[0] and second > best[1] * slack)


@njit(cache=True)
def _largest_m(sh: NestShape, tl: NestTile, mp: NestMap, budget: int) -> int:
    """Return the smallest m that needs as few filter blocks as the largest one that fits the GLB, 0 where none fits."""
    chunk = mp.p * mp.t
    unit = mp.g * mp.n * mp.e * mp.f * tl.psum_bits
    _, ifmap, filters = glb_bits(sh, tl, mp)
    per_filter = mp.keep_filter * mp.g * sh.channels * sh.taps_v * sh.taps_h * tl.word_bits * sh.weighted
    if tl.glb_filter_bits > 0:
        room = (budget - tl.glb_filter_bits - ifmap) // unit
        if per_filter > 0:
            room = min(room, tl.glb_filter_bits // per_filter)
        elif filters > tl.glb_filter_bits:
            return 0
    else:
        room = (budget - ifmap - (0 if mp.keep_filter == 1 else filters)) // (unit + per_filter)
    if room >= sh.filters:
        return sh.filters
    if room < chunk:
        return 0
    passes = ceil_div(sh.filters, chunk)
    return chunk * ceil_div(passes, ceil_div(passes, room // chunk))


@njit(cache=True)
def _try_residency(
    sh: NestShape,
    tl: NestTile,
    w: Floats,
    objective: int,
    base: NestMap,
    pos: Ints,
    block: Ints,
    passes: Ints,
    work: Ints,
    cost: Floats,
    best: Floats,
    found: Ints,
) -> None:
    """Price the four useful orders and residencies of a spatial mapping; keep the first best one in found."""
    one_block = ceil_div(sh.channels, base.q * base.r) == 1
    one_chunk = one_block and base.k >= sh.taps_v
    loads = work[:3]
    for mode in range(4):
        if (mode == 1 and one_block) or (mode == 2 and not one_chunk):
            continue
        keep = NestMap(
            base.p * base.t, base.n, base.e, base.f, base.p, base.q, base.r, base.t, base.g, base.k,
            int(mode >= 2), int(mode == 1), int(mode == 3),
        )  # fmt: skip
        m = _largest_m(sh, tl, keep, tl.glb_bits)
        if m == 0:
            continue
        if mode in (1, 2):
            m = min(sh.filters, base.p * base.t)
        mp = NestMap(
            m, base.n, base.e, base.f, base.p, base.q, base.r, base.t, base.g, base.k,
            keep.filters_outer, keep.keep_ifmap, keep.keep_filter,
        )  # fmt: skip
        loads[0], loads[1], loads[2] = reloads(sh, mp)
        block[4] = base.e if loads[2] == 1 else ceil_div(sh.batch, base.n) * ceil_div(sh.columns, base.f) * sh.rows
        _cost(sh, tl, w, pos, block, passes, loads, cost)
        if _worse(objective, cost, best):
            continue
        parts = work[3:9]
        count_cycles(sh, tl, mp, parts)
        ifmap_dram = sh.groups * sh.channels * sh.batch * pos[1] * pos[4] * loads[0]
        weights = sh.groups * sh.filters * sh.channels * sh.taps_v * sh.taps_h * sh.weighted
        ofmap = sh.groups * sh.filters * sh.batch * sh.rows * sh.columns
        dram = np.ceil((ifmap_dram + weights * loads[1] + ofmap) * tl.word_bits / w[5])
        cycles = max(float(processing_cycles(parts)), dram)
        first, second = cost[0], cycles
        if objective == 1:
            first, second = cycles, cost[0]
        elif objective == 2:
            first, second = cost[0] * cycles, cost[0]
        if first < best[0] or (first == best[0] and second < best[1]):
            best[0] = first
            best[1] = second
            best[2] = cost[0]
            best[3] = cycles
            for i in range(13):
                found[i] = mp[i]


@njit(cache=True)
def _search_spatial(
    sh: NestShape,
    tl: NestTile,
    w: Floats,
    objective: int,
    k: int,
    pos: Ints,
    block: Ints,
    pmax: int,
    qmax: int,
    work: Ints,
    cost: Floats,
    best: Floats,
    found: Ints,
    sizes: Ints,
) -> None:
    """Search p, q, r, t, g for one position block."""
    e, f, n, positions = block[0], block[1], block[2], block[3]
    folds = ceil_div(sh.taps_v, k)
    strips = ceil_div(sh.rows, e)
    passes = np.empty(5, np.int64)
    loads = np.ones(3, np.int64)
    height = tl.array_rows // k
    steps = sh.batch * sh.columns * strips * folds * sh.taps_h
    for q in range(1, qmax + 1):
        channel_passes = ceil_div(sh.channels, q)
        for p in range(1, pmax + 1):
            if not rf_fits(sh, tl, p, q):
                break
            filter_passes = ceil_div(sh.filters, p)
            blocks_r = balanced_blocks(channel_passes, height, sizes[0])
            for ri in range(blocks_r):
                r = sizes[0, ri]
                slots = set_slots(tl, e, k, r)
                if slots == 0:
                    continue
                stage = q * r
                full_c, rest_c = sh.channels // stage, sh.channels % stage
                sum_q = full_c * q + min(q, rest_c)
                blocks_t = balanced_blocks(filter_passes, slots, sizes[1])
                for ti in range(blocks_t):
                    t = sizes[1, ti]
                    chunk = p * t
                    full_m, rest_m = sh.filters // chunk, sh.filters % chunk
                    passes[0] = ceil_div(sh.filters, chunk)
                    passes[1] = filter_passes
                    passes[2] = folds * ceil_div(sh.channels, stage)
                    passes[3] = channel_passes
                    work_per_group = steps * sum_q * (full_m * p + min(p, rest_m))
                    one = passes[2] == 1 or positions == 1
                    loads[2] = 1 if one else positions
                    block[4] = e if one else ceil_div(sh.batch, n) * ceil_div(sh.columns, f) * sh.rows
                    passes[4] = work_per_group * ceil_div(sh.groups, min(sh.groups, slots // t))
                    _cost(sh, tl, w, pos, block, passes, loads, cost)
                    # fewer sets side by side only add passes: the energy of what follows cannot fall below this
                    if _worse(objective, cost, best):
                        continue
                    blocks_g = balanced_blocks(sh.groups, slots // t, sizes[2])
                    for gi in range(blocks_g):
                        g = sizes[2, gi]
                        passes[4] = work_per_group * ceil_div(sh.groups, g)
                        base = NestMap(0, n, e, f, p, q, r, t, g, k, 0, 0, 0)
                        _try_residency(sh, tl, w, objective, base, pos, block, passes, work, cost, best, found)


@njit(cache=True)
def search(sh: NestShape, tl: NestTile, w: Floats, objective: int, best: Floats, found: Ints) -> None:
    """Find the best mapping; objective 0 energy, 1 cycles, 2 their product, ties to the other one, then to the first.

    w: float64[6] as in `_cost`. best: float64[4] out, objective, tie-breaker, energy pJ, cycles. found: int64[13] out.
    Position blocks are visited by rising lower bound; what cannot beat the best so far is skipped, nothing else.
    """
    best[:] = np.inf
    largest = max(sh.rows, sh.columns, sh.batch, sh.groups, sh.filters, sh.channels)
    sizes = np.empty((3, 2 * int(np.sqrt(largest)) + 2), np.int64)
    blocks_e = sizes[0, : balanced_blocks(sh.rows, sh.rows, sizes[0])].copy()
    blocks_f = sizes[0, : balanced_blocks(sh.columns, sh.columns, sizes[0])].copy()
    blocks_n = sizes[0, : balanced_blocks(sh.batch, sh.batch, sizes[0])].copy()
    k = ceil_div(sh.taps_v, ceil_div(sh.taps_v, tl.array_rows))
    table = np.empty((5, max(len(blocks_e), len(blocks_f))), np.int64)
    _position_table(sh, k, blocks_e, blocks_f, table)
    pmax = 0
    while pmax < sh.filters and rf_fits(sh, tl, pmax + 1, 1):
        pmax += 1
    qmax = 0
    while qmax < sh.channels and rf_fits(sh, tl, 1, qmax + 1):
        qmax += 1
    if pmax == 0 or qmax == 0:
        return
    bounds = np.full(len(blocks_e) * len(blocks_f) * len(blocks_n), np.inf)
    pos = np.empty(5, np.int64)
    block = np.empty(5, np.int64)
    passes = np.empty(5, np.int64)
    loads = np.ones(3, np.int64)
    cost = np.empty(2)
    work = np.empty(9, np.int64)
    for index in range(len(bounds)):
        room = _place(sh, index, blocks_e, blocks_f, blocks_n, table, pos, block, tl, k)
        slots = set_slots(tl, block[0], k, 1)
        if room < 1 or slots < 1:
            continue
        passes[0] = ceil_div(sh.filters, min(room, pmax * slots))
        passes[1] = ceil_div(sh.filters, pmax)
        passes[2] = ceil_div(sh.taps_v, k) * ceil_div(sh.channels, qmax * (tl.array_rows // k))
        passes[3] = ceil_div(sh.channels, qmax)
        steps = sh.batch * sh.columns * ceil_div(sh.rows, block[0]) * ceil_div(sh.taps_v, k) * sh.taps_h
        passes[4] = steps * sh.groups * sh.filters * sh.channels // slots
        one = passes[2] == 1 or block[3] == 1
        loads[2] = 1 if one else block[3]
        block[4] = block[0] if one else ceil_div(sh.batch, block[2]) * ceil_div(sh.columns, block[1]) * sh.rows
        _cost(sh, tl, w, pos, block, passes, loads, cost)
        bounds[index] = cost[objective] if objective < 2 else cost[0] * cost[1]
    for index in np.argsort(bounds, kind="mergesort"):
        if not bounds[index] <= best[0] * (1.0 + 1e-9):
            break
        _place(sh, index, blocks_e, blocks_f, blocks_n, table, pos, block, tl, k)
        _search_spatial(sh, tl, w, objective, k, pos, block, pmax, qmax, work, cost, best, found, sizes)


@njit(cache=True)
def _place(
    sh: NestShape,
    index: int,
    blocks_e: Ints,
    blocks_f: Ints,
    blocks_n: Ints,
    table: Ints,
    pos: Ints,
    block: Ints,
    tl: NestTile,
    k: int,
) -> int:
    """Fill pos and block for one position block; return how many filters' psums the GLB holds beside one channel."""
    ei = index // (len(blocks_f) * len(blocks_n))
    fi = index // len(blocks_n) % len(blocks_f)
    e, f, n = blocks_e[ei], blocks_f[fi], blocks_n[index % len(blocks_n)]
    pos[0], pos[1], pos[2] = table[0, ei], table[1, ei], table[2, ei]
    pos[3], pos[4] = table[3, fi], table[4, fi]
    block[0], block[1], block[2] = e, f, n
    block[3] = ceil_div(sh.batch, n) * ceil_div(sh.rows, e) * ceil_div(sh.columns, f)
    _, ifmap, _ = glb_bits(sh, tl, NestMap(1, n, e, f, 1, 1, 1, 1, 1, k, 0, 0, 0))
    return (tl.glb_bits - tl.glb_filter_bits - ifmap) // (n * e * f * tl.psum_bits)
