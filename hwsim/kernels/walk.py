"""The nest, executed pass by pass: what each buffer holds decides what moves, and every word is counted as it moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels import tuples
from hwsim.kernels.caching import njit_cached
from hwsim.kernels.tuples import NestMap, NestShape, NestTile

Ints = NDArray[np.int64]

CLASS_FIELDS = 10
"""w filters, c channels, k rows, g groups, n images, e rows, f columns, psums come in, ifmap rows, ifmap columns."""


@njit_cached(tuples)
def axis_blocks(windows: int, block: int, geometry: Ints, first_tap: int, taps: int, out: Ints) -> None:
    """Mark what blocks of windows touch along one axis; out int64[blocks, 2]: positions, those not padding.

    geometry: stride, dilation, padding, size of the plane. Taps first_tap to first_tap + taps - 1 of the window.
    """
    stride, dilation, padding, size = geometry
    reach = (windows - 1) * stride + (first_tap + taps - 1) * dilation + 1
    touched = np.zeros(reach, np.bool_)
    for index in range(out.shape[0]):
        touched[:] = False
        for i in range(index * block, min(windows, (index + 1) * block)):
            for j in range(first_tap, first_tap + taps):
                touched[i * stride + j * dilation] = True
        out[index] = 0
        for x in range(reach):
            if touched[x]:
                out[index, 0] += 1
                if 0 <= x - padding < size:
                    out[index, 1] += 1


@njit_cached(tuples)
def new_columns(columns: int, geometry: Ints, taps: int, order: Ints, out: Ints) -> None:
    """Fill out int64[columns]: the ifmap columns that each window adds to those the PEs hold from the window before.

    order int64[columns]: the windows as a PE visits them, those that share positions one after the other.
    """
    stride, dilation = geometry[0], geometry[1]
    for step in range(columns):
        out[step] = taps
        if step == 0:
            continue
        for s in range(taps):
            x = order[step] * stride + s * dilation
            for before in range(taps):
                if order[step - 1] * stride + before * dilation == x:
                    out[step] -= 1


@njit_cached(tuples)
def _last(index: int, block: int, total: int) -> int:
    return min(block, total - index * block)


@njit_cached(tuples)
def walk(
    sh: NestShape, tl: NestTile, mp: NestMap, rows: Ints, read_rows: Ints, columns: Ints,
    words: Ints, classes: Ints, passes: Ints,
) -> int:  # fmt: skip
    """Execute the nest; return the number of passes.

    rows int64[strips, 2], columns int64[column blocks, 2]: positions touched, and not padding. read_rows
    int64[folds, strips]: rows that the array reads. words int64[4, 3, 2] out: counts. classes int64[256, 10] out: what
    a pass of a class is. passes int64[passes, 5] out: class, DRAM words of filters and of ifmap rows that it waits
    for, ofmap words that leave after it, and whether its ifmap load may start while the block before is in use.
    """
    words[:] = 0
    strips, column_blocks, folds = rows.shape[0], columns.shape[0], read_rows.shape[0]
    images = -(-sh.batch // mp.n)
    positions = images * strips * column_blocks
    blocks = -(-sh.filters // mp.m)
    stages = -(-sh.channels // (mp.q * mp.r))
    held = np.full(
        5, -1, np.int64
    )  # what is where: RF chunk, GLB filter block and since when, GLB ifmap and since when
    done = 0
    for gi in range(-(-sh.groups // mp.g)):
        g = _last(gi, mp.g, sh.groups)
        for turn in range(positions * blocks):
            pos = turn % positions if mp.filters_outer == 1 else turn // blocks
            mb = turn // positions if mp.filters_outer == 1 else turn % blocks
            m = _last(mb, mp.m, sh.filters)
            fi = pos % column_blocks
            ei = pos // column_blocks % strips
            ni = pos // column_blocks // strips
            n, e, f = _last(ni, mp.n, sh.batch), _last(ei, mp.e, sh.rows), _last(fi, mp.f, sh.columns)
            for ci in range(stages):
                c = _last(ci, mp.q * mp.r, sh.channels)
                waits = _load_ifmap(mp, held, gi * positions + pos, ci, mb)
                ifmap_words = waits * n * g * c
                words[0, 0, 0] += ifmap_words * rows[ei, 1] * columns[fi, 1]
                words[1, 0, 1] += ifmap_words * rows[ei, 0] * columns[fi, 0]
                for ki in range(folds):
                    k = _last(ki, mp.k, sh.taps_v)
                    for wi in range(-(-m // (mp.p * mp.t))):
                        w = _last(wi, mp.p * mp.t, m)
                        chunk = (((gi * blocks + mb) * stages + ci) * folds + ki) * (sh.filters + 1) + wi
                        loads = _load_filters(mp, held, chunk, gi * blocks + mb, pos)
                        weights = w * c * k * sh.taps_h * g * sh.weighted
                        words[0, 1, 0] += weights * (loads // 2)
                        words[1, 1, 1] += weights * (loads // 2)
                        words[1, 1, 0] += weights * (loads % 2)
                        words[2, 1, 0] += weights * (loads % 2) * e
                        inner = ci > 0 or ki > 0
                        psums = w * g * n * e * f
                        _count_pass(
                            mp, words, psums, inner or tl.preload == 1, c, k, sh.taps_h * sh.weighted, sh.taps_h
                        )
                        moved = read_rows[ki, ei] * columns[fi, 0] * n * g * c
                        words[1, 0, 0] += moved
                        delivered = -(-w // mp.p) * k * e * columns[fi, 0] * n * g * c
                        words[2, 0, 0] += delivered
                        words[3, 0, 1] += delivered
                        kind = 0
                        for cut in (
                            g < mp.g,
                            w < mp.p * mp.t,
                            c < mp.q * mp.r,
                            k < mp.k,
                            n < mp.n,
                            e < mp.e,
                            f < mp.f,
                            inner,
                        ):
                            kind = 2 * kind + int(cut)
                        classes[kind, 0], classes[kind, 1], classes[kind, 2], classes[kind, 3] = w, c, k, g
                        classes[kind, 4], classes[kind, 5], classes[kind, 6] = n, e, f
                        classes[kind, 7] = int(inner or tl.preload == 1)
                        classes[kind, 8], classes[kind, 9] = read_rows[ki, ei], columns[fi, 0]
                        row = passes[done]
                        row[0] = kind
                        row[1] = weights * (loads // 2) if loads else -1
                        first = ki == 0 and wi == 0
                        row[2] = ifmap_words * rows[ei, 1] * columns[fi, 1] if first else 0
                        row[3] = 0
                        row[4] = int(waits == 1 and first and mp.keep_ifmap == 1 and ci > 0)
                        done += 1
            passes[done - 1, 3] = m * g * n * e * f
            words[0, 2, 1] += m * g * n * e * f
            words[1, 2, 0] += m * g * n * e * f
    words[3, 1, 1] = words[2, 1, 0]
    return done


@njit_cached(tuples)
def _count_pass(
    mp: NestMap, words: Ints, psums: int, comes_in: bool, c: int, k: int, weight_taps: int, taps: int
) -> None:
    """Count what the PEs of one pass do for `psums` psums: MACs, the psums' way in, up the chain and out."""
    words[3, 0, 0] += psums * c * k * taps
    words[3, 1, 0] += psums * c * k * weight_taps
    words[3, 2, 0] += psums * c * k * taps
    words[3, 2, 1] += psums * c * k * taps
    # k rows of each set in the chain hand the psum to the next PE, the last one to the GLB
    words[2, 2, 1] += psums * k * -(-c // mp.q)
    words[1, 2, 1] += psums
    if comes_in:
        words[1, 2, 0] += psums
        words[2, 2, 0] += psums


@njit_cached(tuples)
def _load_ifmap(mp: NestMap, held: Ints, pos: int, ci: int, mb: int) -> int:
    """Return 1 where the rows of channel block ci are not in the GLB, and put them there."""
    if mp.keep_ifmap == 1:
        if held[3] != pos:
            held[3] = pos
            held[4] = mb
        return int(held[4] == mb)
    # one channel block at a time: it stays until another one is needed
    if held[3] == pos and held[4] == ci:
        return 0
    held[3] = pos
    held[4] = ci
    return 1


@njit_cached(tuples)
def _load_filters(mp: NestMap, held: Ints, chunk: int, block: int, pos: int) -> int:
    """Return 0 where the PEs hold the chunk, 1 where it comes from the GLB, 3 where it comes from DRAM."""
    if held[0] == chunk and mp.m <= mp.p * mp.t:
        return 0
    held[0] = chunk
    if mp.keep_filter == 1:
        if held[1] != block:
            held[1] = block
            held[2] = pos
        return 3 if held[2] == pos else 1
    return 3
