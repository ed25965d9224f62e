"""A layer, a tile and a mapping as NamedTuples of integers: what kernels take instead of specs."""

from __future__ import annotations

from typing import NamedTuple


class NestShape(NamedTuple):
    """A layer as the nest sees it: `groups` independent convolutions of `channels` x `filters`."""

    groups: int
    filters: int
    channels: int
    batch: int
    rows: int
    columns: int
    taps_v: int
    taps_h: int
    stride_v: int
    stride_h: int
    dilation_v: int
    dilation_h: int
    padding_v: int
    padding_h: int
    in_rows: int
    in_columns: int
    weighted: int


class NestTile(NamedTuple):
    """A tile in integers: bits, words and PEs; `rf_*` is a shared file in bits, or three spads in words."""

    array_rows: int
    array_columns: int
    rf_bits: int
    rf_ifmap: int
    rf_filter: int
    rf_psum: int
    glb_bits: int
    glb_filter_bits: int
    word_bits: int
    psum_bits: int
    filter_bus: int
    ifmap_bus: int
    psum_in_bus: int
    psum_out_bus: int
    preload: int
    ifmap_fifo: int


class NestMap(NamedTuple):
    """A mapping in integers, letters of JSSC 2017, Table II, and what the nest needs beyond (mapping/mapping.py)."""

    m: int
    n: int
    e: int
    f: int
    p: int
    q: int
    r: int
    t: int
    g: int
    k: int
    filters_outer: int
    keep_ifmap: int
    keep_filter: int


class Place(NamedTuple):
    """What a position block fixes for all mappings of it: counts of blocks and steps, GLB bits of a unit (one group).

    positions: blocks in all; strips: ofmap rows that filters are delivered to, over all blocks; folds of filter rows;
    steps: array cycles of one filter on one channel; then bits a filter's psums, a channel's ifmap rows, a filter's
    weights on one channel in a pass, and a filter's weights where they stay (0 where they do not) take.
    """

    positions: int
    strips: int
    folds: int
    steps: int
    psum_bits: int
    ifmap_bits: int
    filter_bits: int
    kept_bits: int
