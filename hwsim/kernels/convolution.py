"""Integer convolution on real words, exact: what the PEs of the passes add up, blocked for the host's caches.

The ifmap comes padded and split by stride phases, so that the words of one filter tap for consecutive ofmap positions
are consecutive in memory. Positions run over whole rows of such a plane: the few past the end of an ofmap row are
computed and thrown away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Ints = NDArray[np.int64]

FILTERS = 4
"""Filters that share one read of the ifmap words."""

POSITIONS = 2048
"""ofmap positions of a task: four accumulator rows of them stay in the first-level cache."""


@njit(cache=True, parallel=True)
def convolve(planes: Any, weights: Any, taps: Ints, shape: Ints, out: Any) -> None:
    """Add one convolution to out.

    planes int16[images, phases, groups * channels, words]; weights int16[groups * filters, channels, taps], filters a
    multiple of 4 a group; taps int64[taps, 2]: phase and offset of each; shape: groups, filters a group (as stored),
    first and last + 1 channel of a group, positions. out int32 or int64[images, groups * filters, positions].
    """
    groups, filters, first, last, positions = shape
    blocks = filters // FILTERS
    pieces = -(-positions // POSITIONS)
    tasks = planes.shape[0] * groups * blocks * pieces
    channels = planes.shape[2] // groups
    for task in prange(tasks):
        piece = task % pieces
        block = task // pieces % (groups * blocks)
        image = task // pieces // (groups * blocks)
        group = block // blocks
        low = piece * POSITIONS
        many = min(POSITIONS, positions - low)
        m = block * FILTERS
        a0 = out[image, m, low : low + many]
        a1 = out[image, m + 1, low : low + many]
        a2 = out[image, m + 2, low : low + many]
        a3 = out[image, m + 3, low : low + many]
        for c in range(first, last):
            for tap in range(taps.shape[0]):
                w0, w1, w2, w3 = (
                    a0.dtype.type(weights[m, c, tap]), a1.dtype.type(weights[m + 1, c, tap]),
                    a2.dtype.type(weights[m + 2, c, tap]), a3.dtype.type(weights[m + 3, c, tap]),
                )  # fmt: skip
                if w0 == 0 and w1 == 0 and w2 == 0 and w3 == 0:
                    continue
                start = low + taps[tap, 1]
                x = planes[image, taps[tap, 0], group * channels + c, start : start + many]
                for i in range(many):
                    a0[i] += w0 * x[i]
                    a1[i] += w1 * x[i]
                    a2[i] += w2 * x[i]
                    a3[i] += w3 * x[i]


@njit(cache=True, parallel=True)
def convolve_few(planes: Any, weights: Any, taps: Ints, shape: Ints, out: Any) -> None:
    """Do what `convolve` does, for layers of a few positions: the words of a window are gathered, then multiplied."""
    groups, filters, first, last, positions = shape
    count = taps.shape[0]
    channels = planes.shape[2] // groups
    many = (last - first) * count
    words = np.empty((planes.shape[0], groups, positions, many), np.int16)
    for image in range(planes.shape[0]):
        for group in range(groups):
            for i in range(positions):
                for c in range(first, last):
                    for tap in range(count):
                        x = planes[image, taps[tap, 0], group * channels + c, taps[tap, 1] + i]
                        words[image, group, i, (c - first) * count + tap] = x
    for m in prange(groups * filters):
        row = weights[m, first:last].copy().reshape(many)
        for image in range(planes.shape[0]):
            for i in range(positions):
                window = words[image, m // filters, i]
                total = out.dtype.type(0)
                for j in range(many):
                    total += out.dtype.type(row[j]) * window[j]
                out[image, m, i] += total


@njit(cache=True)
def bits_set(value: int) -> int:
    """Return how many bits of a word are one."""
    count = 0
    while value:
        value &= value - 1
        count += 1
    return count


@njit(cache=True)
def ifmap_toggles(padded: Any, rows: Ints, visits: Ints, windows: Ints, taps: Ints, sets: Ints, mask: int) -> int:
    """Count the bits that flip at the ifmap operand of the PEs, for one pass over each word.

    padded int16[images, channels, rows, columns]; rows, visits int64[k]: the ifmap rows that PEs read and how many PEs
    read each; windows int64[blocks, columns]: first ifmap column of the windows in the order of a PE, -1 past the end;
    taps int64[S]: columns of a window from its first; sets int64[k, 2]: channels that a PE interleaves.
    """
    total = 0
    for image in range(padded.shape[0]):
        for chosen in range(sets.shape[0]):
            low, high = sets[chosen]
            for r in range(len(rows)):
                flips = 0
                for block in range(windows.shape[0]):
                    before = -1
                    for f in range(windows.shape[1]):
                        if windows[block, f] < 0:
                            break
                        for c in range(low, high):
                            for s in range(len(taps)):
                                word = int(padded[image, c, rows[r], windows[block, f] + taps[s]]) & mask
                                if before >= 0:
                                    flips += bits_set(word ^ before)
                                before = word
                total += flips * visits[r]
    return total


@njit(cache=True)
def filter_toggles(weights: Any, p: int, q: int, steps: int, starts: int, mask: int) -> int:
    """Count the bits that flip at the filter operand of the PEs of one group.

    weights int16[filters, channels, R, S]; a PE goes round p filters on q channels of one filter row once a step;
    steps: rounds of each, over all ofmap positions; starts: how many of them begin a sequence, with nothing before.
    """
    filters, channels, height, width = weights.shape
    total = 0
    for m in range(0, filters, p):
        for low in range(0, channels, q):
            for j in range(height):
                flips = 0
                before = -1
                first = 0
                for c in range(low, min(channels, low + q)):
                    for s in range(width):
                        for w in range(m, min(filters, m + p)):
                            word = int(weights[w, c, j, s]) & mask
                            if before < 0:
                                first = word
                            else:
                                flips += bits_set(word ^ before)
                            before = word
                total += flips * steps + bits_set(before ^ first) * (steps - starts)
    return total
