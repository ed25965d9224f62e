"""The search over mappings with lower bounds; hwsim/mapping/mapper.py states its space.

Only `search` is cached on disk, with all that it calls inside.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hwsim.kernels import nest, tuples
from hwsim.kernels.caching import njit_cached
from hwsim.kernels.nest import (
    axis_table,
    balanced_blocks,
    ceil_div,
    count_cycles,
    pixels_used,
    processing_cycles,
    rf_fits,
    set_slots,
)
from hwsim.kernels.tuples import NestMap, NestShape, NestTile, Place

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TIE = 1e-12
"""Objectives that differ by less than this fraction are equal: their sums of exact counts round differently."""


@njit(cache=False)
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


@njit(cache=False)
def _place(sh: NestShape, tl: NestTile, at: NestMap) -> Place:
    """Return what the position block of a mapping fixes."""
    rows = pixels_used(at.e, sh.taps_v, sh.stride_v, sh.dilation_v)
    columns = pixels_used(at.f, sh.taps_h, sh.stride_h, sh.dilation_h)
    strips = ceil_div(sh.rows, at.e)
    around = ceil_div(sh.batch, at.n) * ceil_div(sh.columns, at.f)
    folds = ceil_div(sh.taps_v, at.k)
    weight_bits = tl.word_bits * sh.weighted * sh.taps_h
    return Place(
        around * strips,
        around * sh.rows,
        folds,
        sh.batch * sh.columns * strips * folds * sh.taps_h,
        at.n * at.e * at.f * tl.psum_bits,
        at.n * rows * columns * tl.word_bits,
        at.k * weight_bits,
        at.keep_filter * sh.channels * sh.taps_v * weight_bits,
    )


@njit(cache=False, error_model="numpy")
def _room(sh: NestShape, tl: NestTile, at: NestMap, place: Place, held: int, least: int, g: int) -> int:
    """Return how many filters' psums (and weights, where they stay) the GLB has room for beside the rest.

    held: channels whose rows it holds, unless it keeps all; least: filters of a pass; g: groups side by side.
    """
    held = min(sh.channels, held)
    ifmap = g * place.ifmap_bits * (sh.channels if at.keep_ifmap == 1 else held)
    filters = (1 - at.keep_filter) * g * min(sh.filters, least) * held * place.filter_bits
    if tl.glb_filter_bits == 0:
        return (tl.glb_bits - ifmap - filters) // (g * (place.psum_bits + place.kept_bits))
    room = (tl.glb_bits - tl.glb_filter_bits - ifmap) // (g * place.psum_bits)
    if place.kept_bits > 0:
        return min(room, tl.glb_filter_bits // (g * place.kept_bits))
    return room if filters <= tl.glb_filter_bits else 0


@njit(cache=False, error_model="numpy")
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


@njit(cache=False)
def _raise(sh: NestShape, k: Floats, n: Ints, folds: int, held: int, chains: int, cost: Floats) -> None:
    """Raise the energy bound by what one PE and the array cannot do at once.

    A PE holds at most `held` filters times channels, the array `chains` sets: passes over filters and over channels are
    at least the quotient as a product, and a x + b y is at least 2 sqrt(a b x y).
    """
    work = float(sh.filters) * sh.channels / held
    cost[0] += max(0.0, 2.0 * np.sqrt(k[2] * k[4] * work * folds / chains) - k[2] * n[1] - k[4] * n[3])
    cost[0] += max(0.0, 2.0 * np.sqrt(k[3] * k[5] * work) - k[3] * n[2] - k[5] * n[4])


@njit(cache=False, error_model="numpy")
def _worse(objective: int, cost: Floats, best: Floats) -> bool:
    """Tell whether nothing that costs at least this much (energy, cycles) precedes the best mapping so far."""
    first, second = cost
    if objective == 1:
        second, first = cost
    elif objective == 2:
        first, second = cost[0] * cost[1], cost[0]
    if first > best[0] * (1.0 + TIE):
        return True
    return first >= best[0] * (1.0 - TIE) and second >= best[1] * (1.0 - TIE)


@njit(cache=False)
def _try(
    sh: NestShape, tl: NestTile, k: Floats, objective: int, mp: NestMap,
    n: Ints, cost: Floats, best: Floats, found: Ints,
) -> None:  # fmt: skip
    """Time one mapping whose energy is in cost, and keep it where it is the best so far; n: its counts."""
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
    best[2:] = cost
    for i in range(13):
        found[i] = mp[i]


@njit(cache=False, error_model="numpy")
def _search_sets(
    sh: NestShape, tl: NestTile, k: Floats, objective: int, at: NestMap, place: Place,
    slots: int, n: Ints, cost: Floats, best: Floats, found: Ints, sizes: Ints,
) -> None:  # fmt: skip
    """Search t and g for a mapping that fixes the rest, from the ideal counts in n; slots: chains of sets that fit."""
    stage = at.q * at.r
    steps = place.steps * (sh.channels // stage * at.q + min(at.q, sh.channels % stage))
    few = at.keep_ifmap == 1 or (at.filters_outer == 1 and at.keep_filter == 0)
    one_block = stage >= sh.channels
    single = place.positions == 1
    keeps_ifmap = (at.keep_ifmap == 1 or one_block) and (single or at.filters_outer == 0)
    least_steps = n[8]
    for ti in range(balanced_blocks(n[2], slots, sizes[1])):
        t = sizes[1, ti]
        chunk = at.p * t
        n[1] = ceil_div(sh.filters, chunk)
        sizes[2, 0] = 1
        for gi in range(1 if sh.groups == 1 else balanced_blocks(sh.groups, slots // t, sizes[2])):
            g = sizes[2, gi]
            room = _room(sh, tl, at, place, stage, chunk, g)
            if room < min(chunk, sh.filters):
                continue
            m, blocks = sh.filters, 1
            if few:
                m, blocks = min(m, chunk), n[1]
            elif room < m:
                blocks = ceil_div(n[1], room // chunk)
                m = min(m, chunk * ceil_div(n[1], blocks))
            stays = at.filters_outer == 1 or blocks == 1
            n[0] = 1 if keeps_ifmap else blocks
            n[6] = 1 if single or (one_block and place.folds == 1 and m <= chunk and stays) else place.positions
            n[5] = 1 if n[6] == 1 or (at.keep_filter == 1 and stays) else place.positions
            n[7] = at.e if n[6] == 1 else place.strips
            n[8] = least_steps
            _bound(k, n, cost)
            if _worse(objective, cost, best):
                continue
            sum_p = sh.filters // chunk * at.p + min(at.p, sh.filters % chunk)
            n[8] = steps * sum_p * ceil_div(sh.groups, g)
            _bound(k, n, cost)
            if not _worse(objective, cost, best):
                _try(sh, tl, k, objective, NestMap(m, *at[1:7], t, g, *at[9:]), n, cost, best, found)
    n[8] = least_steps


@njit(cache=False)
def _chains(sh: NestShape, tl: NestTile, k: int, limits: Ints) -> Ints:
    """Return int64[chains, 9], by falling q, then falling r, what they fix in any position block.

    q, r, filters that a PE holds at this q, channels of a pass, passes over these, passes over q channels, channels
    that a PE goes through in all of them, chains over the array's height, row of the next q.
    """
    height = tl.array_rows // k
    sizes = np.empty(2 * int(np.sqrt(max(sh.channels, height))) + 2, np.int64)
    out = np.empty((limits[1] * min(len(sizes), height), 9), np.int64)
    count = 0
    widest = 1
    for q in range(limits[1], 0, -1):
        while widest < limits[0] and rf_fits(sh, tl, widest + 1, q):
            widest += 1
        passes = ceil_div(sh.channels, q)
        blocks = balanced_blocks(passes, height, sizes)
        for i in range(blocks):
            stage = q * sizes[i]
            row = out[count]
            row[0], row[1], row[2], row[3] = q, sizes[i], widest, stage
            row[4], row[5] = ceil_div(sh.channels, stage), passes
            row[6] = sh.channels // stage * q + min(q, sh.channels % stage)
            row[7] = height // sizes[i]
            row[8] = count - i + blocks
            count += 1
    return out[:count]


@njit(cache=False, error_model="numpy")
def _search_chains(
    sh: NestShape, tl: NestTile, k: Floats, objective: int, at: NestMap, chains: Ints,
    filter_passes: Ints, n: Ints, cost: Floats, best: Floats, found: Ints, sizes: Ints,
) -> None:  # fmt: skip
    """Search p, q, r (then t and g) for one position block, order and residency.

    chains: as `_chains` gives them; filter_passes int64[p]: passes over p filters.
    """
    place = _place(sh, tl, at)
    across = tl.array_columns // at.e
    segments = ceil_div(at.e, tl.array_columns)
    most = set_slots(tl, at.e, at.k, 1)
    i = 0
    while i < len(chains):
        row = chains[i]
        q, widest, stage = row[0], row[2], row[3]
        if i == 0 or chains[i - 1, 0] != q:
            # the longest chain and the most filters a PE holds at this q: no r and no p does better than both
            if not _ideal(sh, tl, at, place, row, widest, filter_passes[widest], most, q, 1, n):
                i = row[8]
                continue
            _bound(k, n, cost)
            _raise(sh, k, n, place.folds, widest * q, most, cost)
            if _worse(objective, cost, best):
                i = row[8]
                continue
        i += 1
        slots = row[7] * across if across > 0 else row[7] // segments
        if slots == 0 or not _ideal(sh, tl, at, place, row, widest, filter_passes[widest], slots, stage, 1, n):
            continue
        _bound(k, n, cost)
        if _worse(objective, cost, best):
            continue
        for p in range(widest, 0, -1):
            if not _ideal(sh, tl, at, place, row, p, filter_passes[p], slots, stage, p, n):
                continue
            _bound(k, n, cost)
            if _worse(objective, cost, best):
                continue
            mp = NestMap(1, at.n, at.e, at.f, p, q, row[1], 1, 1, at.k, at.filters_outer, at.keep_ifmap, at.keep_filter)
            _search_sets(sh, tl, k, objective, mp, place, slots, n, cost, best, found, sizes)


@njit(cache=False, error_model="numpy")
def _ideal(
    sh: NestShape, tl: NestTile, at: NestMap, place: Place, chain: Ints,
    p: int, filter_passes: int, slots: int, held: int, least: int, n: Ints,
) -> bool:  # fmt: skip
    """Fill n with the fewest passes and loads of any t and g; return whether there are any.

    A pass has at least `least` filters, at most p in a PE; the array has `slots` chains as in a row of `_chains`; the
    GLB holds at least `held` channels.
    """
    stage = chain[3]
    room = _room(sh, tl, at, place, held, least, 1)
    one_chunk = stage >= sh.channels and place.folds == 1
    passing = at.filters_outer == 1 and at.keep_filter == 0
    if room < min(least, sh.filters) or (passing and not one_chunk):
        return False
    positions = place.positions
    chunk = max(1, min(room, p * slots))
    m = min(room, sh.filters)
    if passing:
        m = min(m, chunk)
    stays = positions == 1 or (one_chunk and (at.filters_outer == 1 or chunk >= sh.filters))
    keeps = at.keep_filter == 1 and (at.filters_outer == 1 or m >= sh.filters)
    keeps_ifmap = (at.keep_ifmap == 1 or stage >= sh.channels) and (positions == 1 or at.filters_outer == 0)
    n[0] = 1 if keeps_ifmap or m >= sh.filters else (sh.filters + m - 1) // m
    n[1] = 1 if chunk >= sh.filters else (sh.filters + chunk - 1) // chunk
    n[2] = filter_passes
    n[3] = place.folds * chain[4]
    n[4] = chain[5]
    n[5] = 1 if stays or keeps else positions
    n[6] = 1 if stays else positions
    n[7] = at.e if stays else place.strips
    n[8] = int(float(place.steps * chain[6]) * (sh.filters * sh.groups) / slots)
    return True


@njit(cache=False)
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


@njit_cached(nest, tuples, nogil=True)
def search(sh: NestShape, tl: NestTile, w: Floats, objective: int, best: Floats, found: Ints) -> None:
    """Find the best mapping; objective 0 energy, 1 cycles, 2 their product; ties go to the other, then to the first.

    w: float64[6] as in `_price`. best: float64[4] out, objective, tie-breaker, energy pJ, cycles; infinite where
    nothing fits. found: int64[13] out. Position blocks, orders and residencies are visited by rising lower bound;
    what cannot precede the best so far is skipped, and nothing else.
    """
    best[:] = np.inf
    sizes = np.empty((3, 2 * int(np.sqrt(max(sh.rows, sh.columns, sh.batch, sh.groups, sh.filters))) + 2), np.int64)
    e_sizes = sizes[0, : balanced_blocks(sh.rows, sh.rows, sizes[0])].copy()
    f_sizes = sizes[0, : balanced_blocks(sh.columns, sh.columns, sizes[0])].copy()
    n_sizes = sizes[0, : balanced_blocks(sh.batch, sh.batch, sizes[0])].copy()
    k = ceil_div(sh.taps_v, ceil_div(sh.taps_v, tl.array_rows))
    rows = np.empty((3, len(e_sizes)), np.int64)
    columns = np.empty((3, len(f_sizes)), np.int64)
    axis_table(sh, k, e_sizes, True, rows)
    axis_table(sh, k, f_sizes, False, columns)
    limits = np.zeros(3, np.int64)
    while limits[0] < sh.filters and rf_fits(sh, tl, limits[0] + 1, 1):
        limits[0] += 1
    while limits[1] < sh.channels and rf_fits(sh, tl, 1, limits[1] + 1):
        limits[1] += 1
    if limits[0] == 0 or limits[1] == 0:
        return
    chains = _chains(sh, tl, k, limits)
    filter_passes = np.empty(limits[0] + 1, np.int64)
    for p in range(1, limits[0] + 1):
        filter_passes[p] = ceil_div(sh.filters, p)
    # the best of every chain at once, for the bound of a position block
    deepest = chains[0].copy()
    deepest[3] = limits[1] * (tl.array_rows // k)
    deepest[4] = ceil_div(sh.channels, deepest[3])
    deepest[6] = sh.channels
    for row in chains:
        limits[2] = max(limits[2], row[0] * row[2])
        deepest[6] = min(deepest[6], row[6])
    bounds = np.full(4 * len(e_sizes) * len(f_sizes) * len(n_sizes), np.inf)
    prices = np.empty(14, np.float64)
    counts = np.empty(9, np.int64)
    cost = np.empty(2, np.float64)
    for index in range(len(bounds)):
        ei, fi, at = _position(sh, tl, index, e_sizes, f_sizes, n_sizes, k)
        slots = set_slots(tl, at.e, k, 1)
        place = _place(sh, tl, at)
        widest = limits[0]
        if slots < 1 or not _ideal(sh, tl, at, place, deepest, widest, filter_passes[widest], slots, 1, 1, counts):
            continue
        _price(sh, tl, w, rows[:, ei], columns[:, fi], prices)
        _bound(prices, counts, cost)
        _raise(sh, prices, counts, place.folds, limits[2], slots, cost)
        bounds[index] = cost[objective] if objective < 2 else cost[0] * cost[1]
    for index in np.argsort(bounds, kind="mergesort"):
        if not bounds[index] <= best[0] * (1.0 + TIE):
            break
        ei, fi, at = _position(sh, tl, index, e_sizes, f_sizes, n_sizes, k)
        _price(sh, tl, w, rows[:, ei], columns[:, fi], prices)
        _search_chains(sh, tl, prices, objective, at, chains, filter_passes, counts, cost, best, found, sizes)
