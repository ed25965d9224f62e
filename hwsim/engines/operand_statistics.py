"""What operands the PEs really saw: zeros and bit transitions, counted on the data in the order of the mapping."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.engines.ifmap_plane import under_tap
from hwsim.kernels.convolution import filter_toggles, ifmap_toggles
from hwsim.kernels.tuples import NestMap, NestShape

RUN_BITS = 5
"""A 5-bit run of zeros before each value, three pairs in 64 bits. Source: Eyeriss, JSSC 2017, section IV-C."""
PAIRS = 3
PACKET_BITS = 64


@dataclass(frozen=True)
class OperandStatistics:
    """Shares of the layer's MACs, padding included, and bits that flip at the multipliers' inputs, a MAC.

    `zero_ifmap`, `zero_filter`, `zero_both`: fraction of MACs with that operand zero. `ifmap_toggles`,
    `filter_toggles`: mean Hamming distance to the operand before, bits a MAC, in the order in which a PE works
    (channels, taps, then filters; sequences start anew at each image's column block). `gated_macs`: MACs that zero
    gating skips, 0 where the tile has none. `ifmap_coded_bits`: the ifmap in DRAM, run-length coded; None where the
    tile does not code.
    """

    macs: int
    zero_ifmap: float
    zero_filter: float
    zero_both: float
    ifmap_toggles: float
    filter_toggles: float
    gated_macs: int = 0
    ifmap_coded_bits: int | None = None


def measure_operands(
    padded: NDArray[np.int16], filters: NDArray[np.int16], sh: NestShape, mp: NestMap, word_bits: int
) -> OperandStatistics:
    """Measure one convolution; padded int16[N, C, rows, columns] with its padding, filters int16[M, C/groups, R, S]."""
    zero_x = np.empty((sh.groups, sh.channels, sh.taps_v, sh.taps_h), np.int64)
    empty = padded == 0
    for j in range(sh.taps_v):
        for s in range(sh.taps_h):
            seen = np.count_nonzero(under_tap(empty, sh, j, s), axis=(0, 2, 3))
            zero_x[:, :, j, s] = seen.reshape(sh.groups, sh.channels)
    zero_w = (filters == 0).reshape(sh.groups, sh.filters, sh.channels, sh.taps_v, sh.taps_h).sum(axis=1)
    positions = sh.batch * sh.rows * sh.columns
    macs = positions * filters.size
    return OperandStatistics(
        macs,
        int(zero_x.sum()) * sh.filters / macs,
        int(zero_w.sum()) * positions / macs,
        int((zero_x * zero_w).sum()) / macs,
        _ifmap_flips(padded, sh, mp, word_bits) / macs,
        _filter_flips(filters, sh, mp, word_bits) / macs,
    )


def _ifmap_flips(padded: NDArray[np.int16], sh: NestShape, mp: NestMap, word_bits: int) -> int:
    used = [i * sh.stride_v + j * sh.dilation_v for i in range(sh.rows) for j in range(sh.taps_v)]
    rows, visits = np.unique(np.array(used, np.int64), return_counts=True)
    phases = sh.dilation_h // gcd(sh.stride_h, sh.dilation_h)
    windows = np.full((-(-sh.columns // mp.f), mp.f), -1, np.int64)
    for block in range(len(windows)):
        columns = np.arange(block * mp.f, min(sh.columns, (block + 1) * mp.f))
        order = np.concatenate([columns[phase::phases] for phase in range(phases)])
        windows[block, : len(order)] = order * sh.stride_h
    lows = np.arange(0, sh.channels, mp.q)
    sets = np.stack([lows, np.minimum(lows + mp.q, sh.channels)], axis=1)
    offsets = np.arange(sh.groups)[:, None, None] * sh.channels
    sets = (sets[None] + offsets).reshape(-1, 2).astype(np.int64)
    taps = np.arange(sh.taps_h, dtype=np.int64) * sh.dilation_h
    flips = ifmap_toggles(padded, rows, visits.astype(np.int64), windows, taps, sets, (1 << word_bits) - 1)
    # every p filters another pass, or another set, goes over the same words
    return int(flips) * -(-sh.filters // mp.p)


def _filter_flips(filters: NDArray[np.int16], sh: NestShape, mp: NestMap, word_bits: int) -> int:
    steps = sh.batch * sh.rows * sh.columns
    starts = sh.batch * sh.rows * -(-sh.columns // mp.f)
    grouped = filters.reshape(sh.groups, sh.filters, sh.channels, sh.taps_v, sh.taps_h)
    mask = (1 << word_bits) - 1
    return sum(int(filter_toggles(group, mp.p, mp.q, steps, starts, mask)) for group in grouped)


def run_length_bits(words: NDArray[Any], word_bits: int) -> int:
    """Return the bits of a tensor run-length coded: runs of up to 31 zeros, then a value, three pairs in 64 bits.

    Words of another width than 16 bits take as many bits a packet as three of them need.
    """
    flat = words.reshape(-1)
    at = np.flatnonzero(flat)
    runs = np.diff(at, prepend=-1) - 1
    longest = 2**RUN_BITS - 1
    pairs: int = len(at) + int((runs // (longest + 1)).sum())
    rest = len(flat) - 1 - (int(at[-1]) if len(at) else -1)
    pairs += -(-rest // (longest + 1))
    return -(-pairs // PAIRS) * _packet_bits(word_bits)


def typical_coding(zero_share: float, word_bits: int) -> float:
    """Return the coded bits over those of the words for zeros at random places; 1 where coding would lengthen them.

    A word that is not zero takes a pair, a run of zeros one more for each 32 of them.
    """
    pairs_per_word = (1.0 - zero_share) / (1.0 - zero_share ** (2**RUN_BITS)) if zero_share < 1.0 else 2.0**-RUN_BITS
    return min(1.0, pairs_per_word * _packet_bits(word_bits) / PAIRS / word_bits)


def _packet_bits(word_bits: int) -> int:
    return PACKET_BITS if word_bits == 16 else PAIRS * (RUN_BITS + word_bits) + 1
