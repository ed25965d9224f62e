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

TIE = 1e-12
"""Objectives that differ by less than this fraction are equal: their sums of exact counts round differently."""


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
def _axis_table(sh: NestShape, k: int, blocks: Ints, vertical: bool, table: Ints) -> None:
    """Fill table int64[3, :] for each block size along an axis: positions stored, not padding, read by the array."""
    axis = np.empty(2, np.int64)
    for i in range(len(blocks)):
        if vertical:
            axis_words(sh.rows, blocks[i], sh.taps_v, sh.stride_v, sh.dilation_v, sh.padding_v, sh.in_rows, axis)
            table[2, i] = folded_rows(sh, blocks[i], k)
        else:
            axis_words(sh.columns, blocks[i], sh.taps_h, sh.stride_h, sh.dilation_h, sh.padding_h, sh.in_columns, axis)
            table[2, i] = axis[0]
        table[0, i] = axis[0]
        table[1, i] = axis[1]


@njit(cache=True)
def _price(sh: NestShape, tl: NestTile, w: Floats, rows: Ints, columns: Ints, out: Floats) -> None:
    """Fill out float64[14]: what a unit of each count adds for one position block size.

    0 fixed energy; energy of 1 an ifmap load, 2 a pass over p t filters, 3 over p filters, 4 over q r channels, 5 over
    q channels, 6 a GLB load of the filters, 7 an RF load, 8 a strip that gets them. 9 fixed DRAM cycles, 10 those of an
    ifmap load, 11 of a filter load; bus cycles of 12 a pass over q r channels, 13 a pass over p t filters.
    w: pJ of a bit in DRAM, GLB, NoC and RF, pJ of a MAC, DRAM bits a cycle.
    """
    planes = sh.groups * sh.channels * sh.batch
    weights = sh.groups * sh.filters * sh.channels * sh.taps_v * sh.taps_h * sh.weighted
    ofmap = sh.groups * sh.filters * sh.batch * sh.rows * sh.columns
    macs = ofmap * sh.channels * sh.taps_v * sh.taps_h
    word, psum = float(tl.word_bits), float(tl.psum_bits)
    dram, glb, noc, rf = w[0], w[1], w[2], w[3]
    out[0] = ofmap * (word * dram + psum * (glb + (tl.preload - 1) * (glb + noc)))
    out[0] += macs * ((1 + sh.weighted) * word * rf + 2 * psum * rf + w[4])
    out[1] = planes * word * (rows[1] * columns[1] * dram + rows[0] * columns[0] * glb)
    out[2] = planes * rows[2] * columns[0] * word * glb
    out[3] = planes * sh.rows * sh.taps_v * columns[0] * word * (noc + rf)
    out[4] = ofmap * psum * (2 * glb + noc)
    out[5] = ofmap * sh.taps_v * psum * noc
    out[6] = weights * word * (dram + glb)
    out[7] = weights * word * glb
    out[8] = weights * word * (noc + rf)
    out[9] = ofmap * word / w[5]
    out[10] = planes * rows[1] * columns[1] * word / w[5]
    out[11] = weights * word / w[5]
    out[12] = ofmap * psum / tl.psum_out_bus
    out[13] = planes * rows[2] * columns[0] * word / tl.ifmap_bus


@njit(cache=True)
def _room(sh: NestShape, tl: NestTile, mp: NestMap) -> int:
    """Return how many filters' psums (and weights, where they stay) the GLB has room for, beside the rest of mp."""
    unit = mp.g * mp.n * mp.e * mp.f * tl.psum_bits
    _, ifmap, filters = glb_bits(sh, tl, mp)
    per_filter = mp.keep_filter * mp.g * sh.channels * sh.taps_v * sh.taps_h * tl.word_bits * sh.weighted
    if tl.glb_filter_bits > 0:
        room = (tl.glb_bits - tl.glb_filter_bits - ifmap) // unit
        if per_filter > 0:
            return min(room, tl.glb_filter_bits // per_filter)
        return room if filters <= tl.glb_filter_bits else 0
    return (tl.glb_bits - ifmap - (1 - mp.keep_filter) * filters) // (unit + per_filter)


@njit(cache=True)
def _bound(k: Floats, n: Ints, out: Floats) -> None:
    """Fill out with energy and a lower bound of cycles, from unit prices k and counts n.

    n: int64[9], ifmap loads, passes over p t filters, p filters, q r channels, q channels, loads of filters into GLB
    and RFs, strips that get them, array cycles.
    """
    energy = k[0]
    for i in range(8):
        energy += k[i + 1] * n[i]
    out[0] = energy
    out[1] = max(k[9] + k[10] * n[0] + k[11] * n[5], k[12] * n[3], k[13] * n[1], float(n[8]))


@njit(cache=True)
def _worse(objective: int, cost: Floats, best: Floats) -> bool:
    """Tell whether nothing that costs at least this much (energy, cycles) precedes the best mapping so far."""
    first, second = cost[0], cost[1]
    if objective == 1:
        first, second = cost[1], cost[0]
    elif objective == 2:
        first, second = cost[0] * cost[1], cost[0]
    if first > best[0] * (1.0 + TIE):
        return True
    return first >= best[0] * (1.0 - TIE) and second >= best[1] * (1.0 - TIE)


@njit(cache=True)
def _strips(sh: NestShape, mp: NestMap, rf_loads: int) -> int:
    return mp.e if rf_loads == 1 else ceil_div(sh.batch, mp.n) * ceil_div(sh.columns, mp.f) * sh.rows


@njit(cache=True)
def _try(
    sh: NestShape,
    tl: NestTile,
    k: Floats,
    objective: int,
    mp: NestMap,
    n: Ints,
    cost: Floats,
    best: Floats,
    found: Ints,
) -> None:
    """Price one mapping (n holds its passes) and keep it where it is the best so far."""
    n[0], n[5], n[6] = reloads(sh, mp)
    n[7] = _strips(sh, mp, n[6])
    _bound(k, n, cost)
    if _worse(objective, cost, best):
        return
    parts = np.empty(6, np.int64)
    count_cycles(sh, tl, mp, parts)
    cost[1] = max(float(processing_cycles(parts)), np.ceil(k[9] + k[10] * n[0] + k[11] * n[5] - 1e-6))
    if _worse(objective, cost, best):
        return
    best[0], best[1] = cost[0], cost[1]
    if objective == 1:
        best[0], best[1] = cost[1], cost[0]
    elif objective == 2:
        best[0], best[1] = cost[0] * cost[1], cost[0]
    best[2], best[3] = cost[0], cost[1]
    for i in range(13):
        found[i] = mp[i]


@njit(cache=True)
def _search_sets(
    sh: NestShape,
    tl: NestTile,
    k: Floats,
    objective: int,
    at: NestMap,
    n: Ints,
    cost: Floats,
    best: Floats,
    found: Ints,
) -> None:
    """Search t and g for a mapping that fixes the rest; steps of the array for one q, p and g are in n[8]."""
    steps = n[8]
    sizes = np.empty((2, 2 * int(np.sqrt(max(sh.filters, sh.groups))) + 2), np.int64)
    slots = set_slots(tl, at.e, at.k, at.r)
    one_chunk = ceil_div(sh.channels, at.q * at.r) == 1 and at.k >= sh.taps_v
    few = at.keep_ifmap == 1 or (at.filters_outer == 1 and at.keep_filter == 0)
    for ti in range(balanced_blocks(n[2], slots, sizes[0])):
        t = sizes[0, ti]
        chunk = at.p * t
        n[1] = ceil_div(sh.filters, chunk)
        sum_p = sh.filters // chunk * at.p + min(at.p, sh.filters % chunk)
        for gi in range(balanced_blocks(sh.groups, slots // t, sizes[1])):
            g = sizes[1, gi]
            n[8] = steps * sum_p * ceil_div(sh.groups, g)
            mp = NestMap(chunk, *at[1:7], t, g, *at[9:])
            room = _room(sh, tl, mp)
            if room < min(chunk, sh.filters):
                continue
            m = sh.filters
            if room < m:
                m = min(m, chunk * ceil_div(n[1], ceil_div(n[1], room // chunk)))
            if few:
                m = min(sh.filters, chunk)
            if at.filters_outer == 1 and at.keep_filter == 0 and not one_chunk:
                continue
            mp = NestMap(
                m, at.n, at.e, at.f, at.p, at.q, at.r, t, g, at.k, at.filters_outer, at.keep_ifmap, at.keep_filter
            )
            _try(sh, tl, k, objective, mp, n, cost, best, found)
    n[8] = steps


@njit(cache=True)
def _search_chains(
    sh: NestShape,
    tl: NestTile,
    k: Floats,
    objective: int,
    at: NestMap,
    limits: Ints,
    cost: Floats,
    best: Floats,
    found: Ints,
) -> None:
    """Search p, q, r (then t and g) for one position block, order and residency."""
    n = np.empty(9, np.int64)
    sizes = np.empty(2 * int(np.sqrt(sh.channels)) + 2, np.int64)
    height = tl.array_rows // at.k
    for q in range(limits[1], 0, -1):
        widest = limits[0]
        while not rf_fits(sh, tl, widest, q):
            widest -= 1
        blocks = balanced_blocks(ceil_div(sh.channels, q), height, sizes)
        # the longest chain and the most filters a PE holds at this q: no r and no p does better than both
        if not _ideal(sh, tl, at, widest, q, sizes[0], set_slots(tl, at.e, at.k, 1), q, 1, n):
            continue
        _bound(k, n, cost)
        if _worse(objective, cost, best):
            continue
        for ri in range(blocks):
            r = sizes[ri]
            slots = set_slots(tl, at.e, at.k, r)
            if slots == 0:
                continue
            if not _ideal(sh, tl, at, widest, q, r, slots, q * r, 1, n):
                continue
            _bound(k, n, cost)
            if _worse(objective, cost, best):
                continue
            for p in range(widest, 0, -1):
                if not _ideal(sh, tl, at, p, q, r, slots, q * r, p, n):
                    continue
                _bound(k, n, cost)
                if _worse(objective, cost, best):
                    continue
                steps = sh.batch * sh.columns * ceil_div(sh.rows, at.e) * ceil_div(sh.taps_v, at.k) * sh.taps_h
                n[8] = steps * (sh.channels // (q * r) * q + min(q, sh.channels % (q * r)))
                mp = NestMap(1, at.n, at.e, at.f, p, q, r, 1, 1, at.k, at.filters_outer, at.keep_ifmap, at.keep_filter)
                _search_sets(sh, tl, k, objective, mp, n, cost, best, found)


@njit(cache=True)
def _ideal(
    sh: NestShape, tl: NestTile, at: NestMap, p: int, q: int, r: int, slots: int, held: int, least: int, n: Ints
) -> bool:
    """Fill n with the fewest passes and loads of any t and g, where a pass has at least `least` filters, the GLB
    holds at least `held` channels, and the array `slots` chains; tell if any."""
    mp = NestMap(least, at.n, at.e, at.f, least, held, 1, 1, 1, at.k, at.filters_outer, at.keep_ifmap, at.keep_filter)
    room = _room(sh, tl, mp)
    mp = NestMap(least, at.n, at.e, at.f, least, q, r, 1, 1, at.k, at.filters_outer, at.keep_ifmap, at.keep_filter)
    if room < min(least, sh.filters):
        return False
    folds = ceil_div(sh.taps_v, at.k)
    positions = ceil_div(sh.batch, at.n) * ceil_div(sh.rows, at.e) * ceil_div(sh.columns, at.f)
    steps = sh.batch * sh.columns * ceil_div(sh.rows, at.e) * folds * sh.taps_h
    stage = q * r
    chunk = max(1, min(room, p * slots))
    _loads(sh, mp, min(room, sh.filters), stage >= sh.channels and folds == 1, positions, chunk, n)
    n[1] = ceil_div(sh.filters, chunk)
    n[2] = ceil_div(sh.filters, p)
    n[3] = folds * ceil_div(sh.channels, stage)
    n[4] = ceil_div(sh.channels, q)
    sum_q = sh.channels // stage * q + min(q, sh.channels % stage)
    n[8] = ceil_div(steps * sum_q * sh.filters * sh.groups, slots)
    return True


@njit(cache=True)
def _loads(sh: NestShape, mp: NestMap, m: int, one_chunk: bool, positions: int, chunk: int, n: Ints) -> None:
    """Fill n with the fewest loads that filter blocks of up to m allow in mp's order and residency."""
    stays = positions == 1 or (one_chunk and (mp.filters_outer == 1 or chunk >= sh.filters))
    n[6] = 1 if stays else positions
    keeps = mp.keep_filter == 1 and (mp.filters_outer == 1 or m >= sh.filters)
    n[5] = 1 if stays or keeps else positions
    if mp.filters_outer == 1 and mp.keep_filter == 0:
        m = min(m, chunk)
    blocks = ceil_div(sh.filters, m)
    one_block = ceil_div(sh.channels, mp.q * mp.r) == 1
    n[0] = 1 if (mp.keep_ifmap == 1 or one_block) and (positions == 1 or mp.filters_outer == 0) else blocks
    n[7] = _strips(sh, mp, n[6])


@njit(cache=True)
def _position(
    sh: NestShape, tl: NestTile, index: int, e_sizes: Ints, f_sizes: Ints, n_sizes: Ints, k: int
) -> tuple[int, int, NestMap]:
    """Return the index-th order and residency of the index-th position block: (row of e, row of f, the rest 1)."""
    mode = index % 4
    ni = index // 4 % len(n_sizes)
    fi = index // 4 // len(n_sizes) % len(f_sizes)
    ei = index // 4 // len(n_sizes) // len(f_sizes)
    at = NestMap(
        1, n_sizes[ni], e_sizes[ei], f_sizes[fi], 1, 1, 1, 1, 1, k, int(mode >= 2), int(mode == 1), int(mode == 3)
    )
    return ei, fi, at


@njit(cache=True)
def search(sh: NestShape, tl: NestTile, w: Floats, objective: int, best: Floats, found: Ints) -> None:
    """Find the best mapping; objective 0 energy, 1 cycles, 2 their product; ties go to the other, then to the first.

    w: float64[6] as in `_price`. best: float64[4] out, objective, tie-breaker, energy pJ, cycles; infinite where
    nothing fits. found: int64[13] out. Position blocks, orders and residencies are visited by rising lower bound;
    what cannot precede the best so far is skipped, and nothing else.
    """
    best[:] = np.inf
    sizes = np.empty(2 * int(np.sqrt(max(sh.rows, sh.columns, sh.batch))) + 2, np.int64)
    e_sizes = sizes[: balanced_blocks(sh.rows, sh.rows, sizes)].copy()
    f_sizes = sizes[: balanced_blocks(sh.columns, sh.columns, sizes)].copy()
    n_sizes = sizes[: balanced_blocks(sh.batch, sh.batch, sizes)].copy()
    k = ceil_div(sh.taps_v, ceil_div(sh.taps_v, tl.array_rows))
    rows = np.empty((3, len(e_sizes)), np.int64)
    columns = np.empty((3, len(f_sizes)), np.int64)
    _axis_table(sh, k, e_sizes, True, rows)
    _axis_table(sh, k, f_sizes, False, columns)
    limits = np.zeros(2, np.int64)
    while limits[0] < sh.filters and rf_fits(sh, tl, limits[0] + 1, 1):
        limits[0] += 1
    while limits[1] < sh.channels and rf_fits(sh, tl, 1, limits[1] + 1):
        limits[1] += 1
    if limits[0] == 0 or limits[1] == 0:
        return
    bounds = np.full(4 * len(e_sizes) * len(f_sizes) * len(n_sizes), np.inf)
    prices = np.empty(14, np.float64)
    counts = np.empty(9, np.int64)
    cost = np.empty(2, np.float64)
    for index in range(len(bounds)):
        ei, fi, at = _position(sh, tl, index, e_sizes, f_sizes, n_sizes, k)
        slots = set_slots(tl, at.e, k, 1)
        room = _room(sh, tl, at)
        if room < 1 or slots < 1:
            continue
        _price(sh, tl, w, rows[:, ei], columns[:, fi], prices)
        _ideal(sh, tl, at, limits[0], limits[1], tl.array_rows // k, slots, 1, 1, counts)
        _bound(prices, counts, cost)
        bounds[index] = cost[objective] if objective < 2 else cost[0] * cost[1]
    for index in np.argsort(bounds, kind="mergesort"):
        if not bounds[index] <= best[0] * (1.0 + TIE):
            break
        ei, fi, at = _position(sh, tl, index, e_sizes, f_sizes, n_sizes, k)
        _price(sh, tl, w, rows[:, ei], columns[:, fi], prices)
        _search_chains(sh, tl, prices, objective, at, limits, cost, best, found)
