"""Closed forms of the row-stationary nest: words, cycles, capacities of one mapping (see hwsim/mapping/mapping.py)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels import tuples
from hwsim.kernels.caching import njit_cached
from hwsim.kernels.tuples import NestMap, NestShape, NestTile

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit_cached(tuples)
def ceil_div(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


@njit_cached(tuples)
def pixels_used(windows: int, taps: int, stride: int, dilation: int) -> int:
    """Return how many distinct positions `windows` windows of `taps` taps touch along one axis."""
    a, b = stride, dilation
    while b:
        a, b = b, a % b
    shared_windows = max(0, windows - dilation // a)
    shared_taps = max(0, taps - stride // a)
    return windows * taps - shared_windows * shared_taps


@njit_cached(tuples)
def axis_words(
    windows: int, block: int, taps: int, stride: int, dilation: int, padding: int, size: int, out: Ints
) -> None:
    """Sum over blocks of windows along one axis: out[0] positions touched, out[1] those that are not padding."""
    a, b = stride, dilation
    while b:
        a, b = b, a % b
    step_w, step_t = dilation // a, stride // a
    touched = 0
    real = 0
    for i in range(windows):
        local = i % block
        for j in range(taps):
            # a position is counted at the first window of the block that touches it
            if local < step_w or j + step_t >= taps:
                touched += 1
                x = i * stride + j * dilation - padding
                if 0 <= x < size:
                    real += 1
    out[0] = touched
    out[1] = real


@njit_cached(tuples)
def folded_rows(sh: NestShape, e: int, k: int) -> int:
    """Return the ifmap rows the array reads, summed over strips of e ofmap rows and folds of k filter rows."""
    total = 0
    full, rest = sh.rows // e, sh.rows % e
    for fold in range(ceil_div(sh.taps_v, k)):
        taps = min(k, sh.taps_v - fold * k)
        total += full * pixels_used(e, taps, sh.stride_v, sh.dilation_v)
        if rest:
            total += pixels_used(rest, taps, sh.stride_v, sh.dilation_v)
    return total


@njit_cached(tuples)
def axis_table(sh: NestShape, k: int, blocks: Ints, vertical: bool, table: Ints) -> None:
    """Fill table int64[3, :] for each block size along an axis: positions stored, not padding, read by the array."""
    axis = np.empty(2, np.int64)
    for i in range(len(blocks)):
        if vertical:
            axis_words(sh.rows, blocks[i], sh.taps_v, sh.stride_v, sh.dilation_v, sh.padding_v, sh.in_rows, axis)
            table[2, i] = folded_rows(sh, blocks[i], k)
        else:
            axis_words(sh.columns, blocks[i], sh.taps_h, sh.stride_h, sh.dilation_h, sh.padding_h, sh.in_columns, axis)
            table[2, i] = axis[0]
        table[0, i], table[1, i] = axis


@njit_cached(tuples)
def reloads(sh: NestShape, mp: NestMap) -> tuple[int, int, int]:
    """Return (ifmap, GLB filter, RF filter): how often a word is loaded for a position block or a filter block."""
    positions = ceil_div(sh.batch, mp.n) * ceil_div(sh.rows, mp.e) * ceil_div(sh.columns, mp.f)
    blocks = ceil_div(sh.filters, mp.m)
    channel_blocks = ceil_div(sh.channels, mp.q * mp.r)
    one_chunk = channel_blocks == 1 and mp.k >= sh.taps_v and mp.m <= mp.p * mp.t
    stays = blocks == 1 or mp.filters_outer == 1
    ifmap = blocks
    if (mp.keep_ifmap == 1 or channel_blocks == 1) and (positions == 1 or mp.filters_outer == 0):
        ifmap = 1
    rf_filter = 1 if one_chunk and stays else positions
    glb_filter = 1 if rf_filter == 1 or (mp.keep_filter == 1 and stays) else positions
    return ifmap, glb_filter, rf_filter


@njit_cached(tuples)
def count_cycles(sh: NestShape, tl: NestTile, mp: NestMap, out: Ints) -> None:
    """Fill out: int64[6] with compute, bus-bound, first-fill, filter-load and psum hand-over cycles, and passes.

    Each class of equal passes is priced once. The hand-over between two passes overlaps the psums that leave and enter
    with the filter load of the next: the larger of the two sums bounds it (hwsim/engines/analytic.py adds up).
    """
    out[:] = 0
    chunk = mp.p * mp.t
    stage = mp.q * mp.r
    folds = ceil_div(sh.taps_v, mp.k)
    rf_loads = reloads(sh, mp)[2]
    positions = ceil_div(sh.batch, mp.n) * ceil_div(sh.rows, mp.e) * ceil_div(sh.columns, mp.f)
    for gi in range(2):
        g = mp.g if gi == 0 else sh.groups % mp.g
        g_count = sh.groups // mp.g if gi == 0 else min(1, g)
        for wi in range(2):
            w = chunk if wi == 0 else sh.filters % chunk
            w_count = sh.filters // chunk if wi == 0 else min(1, w)
            for ci in range(2):
                c = stage if ci == 0 else sh.channels % stage
                c_count = sh.channels // stage if ci == 0 else min(1, c)
                for ki in range(2):
                    k = mp.k if ki == 0 else sh.taps_v % mp.k
                    k_count = sh.taps_v // mp.k if ki == 0 else min(1, k)
                    count = g_count * w_count * c_count * k_count
                    if count == 0:
                        continue
                    load = ceil_div(w * c * k * sh.taps_h * g * tl.word_bits, tl.filter_bus)
                    out[3] += count * rf_loads * load * sh.weighted
                    # passes on the first channels and the first rows start from zero, unless psums are preloaded
                    first = 0
                    if tl.preload == 0 and ki == 0 and (ci == 0 or sh.channels < stage):
                        first = g_count * w_count
                    _position_cycles(sh, tl, mp, g, w, c, k, count, first, out)
    out[5] = positions * ceil_div(sh.groups, mp.g) * ceil_div(sh.filters, chunk) * ceil_div(sh.channels, stage) * folds


@njit_cached(tuples)
def _position_cycles(
    sh: NestShape, tl: NestTile, mp: NestMap, g: int, w: int, c: int, k: int, count: int, first: int, out: Ints
) -> None:
    """Add the passes of one class of filters and channels over all position blocks."""
    per_column = min(mp.p, w) * min(mp.q, c) * sh.taps_h
    hops = ceil_div(c, mp.q) * k
    for ni in range(2):
        n = mp.n if ni == 0 else sh.batch % mp.n
        n_count = sh.batch // mp.n if ni == 0 else min(1, n)
        for ei in range(2):
            e = mp.e if ei == 0 else sh.rows % mp.e
            e_count = sh.rows // mp.e if ei == 0 else min(1, e)
            for fi in range(2):
                f = mp.f if fi == 0 else sh.columns % mp.f
                f_count = sh.columns // mp.f if fi == 0 else min(1, f)
                many = n_count * e_count * f_count
                if many == 0:
                    continue
                column_bits = w * e * g * tl.psum_bits
                ifmap_rows = pixels_used(e, k, sh.stride_v, sh.dilation_v) * c * g * tl.word_bits
                window = sh.taps_h * ifmap_rows
                plane = n * pixels_used(f, sh.taps_h, sh.stride_h, sh.dilation_h) * ifmap_rows
                steps = n * f
                compute = steps * per_column
                leave = ceil_div((steps - 1) * column_bits, tl.psum_out_bus)
                enter = ceil_div((steps - 1) * column_bits, tl.psum_in_bus)
                bound = max(compute, leave, ceil_div(plane - window, tl.ifmap_bus))
                bound_in = max(bound, enter)
                hand_over = hops + ceil_div(column_bits, tl.psum_out_bus)
                preload = ceil_div(column_bits, tl.psum_in_bus)
                later = count - first
                out[0] += many * count * compute
                out[1] += many * (first * (bound - compute) + later * (bound_in - compute))
                out[2] += many * count * ceil_div(window, tl.ifmap_bus)
                out[4] += many * (count * hand_over + later * preload)


@njit_cached(tuples)
def processing_cycles(cycles: Ints) -> int:
    """Return the on-chip cycles of `count_cycles`' result."""
    return cycles[0] + cycles[1] + cycles[2] + max(cycles[3], cycles[4])


@njit_cached(tuples)
def rf_fits(sh: NestShape, tl: NestTile, p: int, q: int) -> bool:
    """Tell whether a PE's register file holds q windows, p filters on q channels and p psums.

    A pooling window that does not overlap the next is reduced word by word: it needs one word, not the window.
    """
    streamed = sh.weighted == 0 and sh.stride_h >= sh.taps_h
    window = q if streamed else q * sh.taps_h
    filters = p * q * sh.taps_h * sh.weighted
    if tl.rf_bits > 0:
        return (window + filters) * tl.word_bits + p * tl.psum_bits <= tl.rf_bits
    return window <= tl.rf_ifmap and filters <= tl.rf_filter and p <= tl.rf_psum


@njit_cached(tuples)
def glb_bits(sh: NestShape, tl: NestTile, mp: NestMap) -> tuple[int, int, int]:
    """Return the GLB bits that a mapping holds at once: (psums, ifmap rows, filters)."""
    ifmap_channels = sh.channels if mp.keep_ifmap == 1 else min(sh.channels, mp.q * mp.r)
    rows = pixels_used(mp.e, sh.taps_v, sh.stride_v, sh.dilation_v)
    columns = pixels_used(mp.f, sh.taps_h, sh.stride_h, sh.dilation_h)
    m = min(mp.m, sh.filters)
    if mp.keep_filter == 1:
        filters = m * sh.channels * sh.taps_v * sh.taps_h
    else:
        filters = min(sh.filters, mp.p * mp.t) * min(sh.channels, mp.q * mp.r) * mp.k * sh.taps_h
    psum = mp.g * mp.n * m * mp.e * mp.f * tl.psum_bits
    ifmap = mp.g * mp.n * ifmap_channels * rows * columns * tl.word_bits
    return psum, ifmap, mp.g * filters * tl.word_bits * sh.weighted


@njit_cached(tuples)
def glb_fits(sh: NestShape, tl: NestTile, mp: NestMap) -> bool:
    """Tell whether the GLB, and its filter part where it has one, holds what the mapping keeps there."""
    psum, ifmap, filters = glb_bits(sh, tl, mp)
    if tl.glb_filter_bits > 0:
        return filters <= tl.glb_filter_bits and psum + ifmap <= tl.glb_bits - tl.glb_filter_bits
    return psum + ifmap + filters <= tl.glb_bits


@njit_cached(tuples)
def set_slots(tl: NestTile, e: int, k: int, r: int) -> int:
    """Return how many chains of r PE sets of k rows and e columns the array holds side by side."""
    across = tl.array_columns // e
    if across == 0:
        # a set wider than the array folds into segments, each in a chain of its own
        return tl.array_rows // k // r // ceil_div(e, tl.array_columns)
    return tl.array_rows // k // r * across


@njit_cached(tuples)
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
