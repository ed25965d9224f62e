"""When things happen: the columns of a pass on the array, and the passes of a layer against DRAM.

All times are core cycles. DRAM serves one transfer at a time: what a pass waits for goes first, ofmap blocks that leave
and ifmap blocks fetched ahead use the time that is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels import tuples
from hwsim.kernels.caching import njit_cached
from hwsim.kernels.tuples import NestMap, NestShape, NestTile

Ints = NDArray[np.int64]

PASS_FIELDS = 6
"""compute, bus-bound, window fill, filter load, psums out (last column), psums in (first column)."""


@njit_cached(tuples)
def pass_cycles(sh: NestShape, tl: NestTile, mp: NestMap, kind: Ints, fresh: Ints, out: Ints) -> None:
    """Step one pass column by column; kind as in hwsim/kernels/walk.py, fresh int64[f]: ifmap columns a step adds.

    A column's MACs start when its ifmap words are in the PEs; its psums move up the chain when its MACs are done, the
    psums it adds to have come in, and those of the column before have left. The psum buses work one column ahead of the
    PEs, the ifmap bus as far as the PEs' FIFOs hold.
    """
    w, c, k, g, n, e, f, comes_in, rows = (
        kind[0],
        kind[1],
        kind[2],
        kind[3],
        kind[4],
        kind[5],
        kind[6],
        kind[7],
        kind[8],
    )
    macs = min(mp.p, w) * min(mp.q, c) * sh.taps_h
    column_bits = w * e * g * tl.psum_bits
    enter = -(-column_bits // tl.psum_in_bus) if comes_in else 0
    leave = -(-column_bits // tl.psum_out_bus)
    row_bits = rows * c * g * tl.word_bits
    per_column = -(-row_bits // tl.ifmap_bus)
    ahead = max(1, tl.ifmap_fifo // min(mp.q, c))
    starts = np.zeros(n * f, np.int64)
    taken = np.zeros(n * f, np.int64)  # ifmap columns that the windows up to a step took out of the FIFOs
    end, oldest, ifmap_there, psum_there, left = macs, 0, 0, 0, 0
    for step in range(1, n * f):
        for column in range(taken[step - 1], taken[step - 1] + fresh[step % f]):
            # a word may come when its FIFO has room, at the latest when the window before is done with
            while oldest < step - 1 and taken[oldest] + ahead <= column:
                oldest += 1
            room = starts[oldest] if taken[oldest] + ahead > column else end
            ifmap_there = max(ifmap_there, room) + per_column
        taken[step] = taken[step - 1] + fresh[step % f]
        psum_there = max(psum_there, starts[step - 1]) + enter
        left = max(left, end) + leave
        starts[step] = max(end, ifmap_there)
        end = max(starts[step] + macs, psum_there, left)
    out[0] = n * f * macs
    out[1] = end - out[0]
    out[2] = -(-sh.taps_h * row_bits // tl.ifmap_bus)
    out[3] = -(-w * c * k * sh.taps_h * g * tl.word_bits * sh.weighted // tl.filter_bus)
    out[4] = -(-c // mp.q) * k + leave
    out[5] = enter


@njit_cached(tuples)
def _occupied(words: int, word_bits: float, burst_bits: int, bits_per_cycle: float) -> int:
    """Return the cycles that a transfer keeps DRAM busy, whole bursts."""
    bursts = np.ceil(words * word_bits / burst_bits)
    return int(np.ceil(bursts * burst_bits / bits_per_cycle))


@njit_cached(tuples)
def _until(dram: Ints, now: int) -> None:
    """Let DRAM work on what can wait until `now`; dram: free from, ifmap backlog, ofmap backlog."""
    for queue in (2, 1):
        idle = max(0, now - dram[0])
        served = min(idle, dram[queue])
        dram[queue] -= served
        dram[0] += served
    dram[0] = max(dram[0], now)


@njit_cached(tuples)
def _finish(dram: Ints, queue: int, now: int) -> int:
    """Serve the rest of a backlog first; return when it is done."""
    _until(dram, now)
    if dram[queue] == 0:
        return now
    dram[0] += dram[queue]
    dram[queue] = 0
    return dram[0]


@njit_cached(tuples)
def timeline(
    tl: NestTile, passes: Ints, durations: Ints, setup: Ints, bits_per_cycle: float, coding: float,
    out: Ints, events: Ints,
) -> None:  # fmt: skip
    """Run the passes against DRAM.

    passes int64[n, 5] as `walk` leaves them; durations int64[256, 6]; setup: burst bits, latency, whether the GLB has
    room for a second ifmap block, a second psum block; coding: DRAM bits of an ifmap over those of its words. out
    int64[10]: cycles, compute, bus, fill, filter load, psum hand-over, stalls for filters, ifmap rows, ofmap blocks and
    the last ofmap block. events int64[m, 5]: start, filters in, fill done, end and class of the first m passes.
    """
    out[:] = 0
    burst, latency, two_ifmaps, two_psums = setup
    ifmap_bits = tl.word_bits * coding
    dram = np.zeros(3, np.int64)
    count = passes.shape[0]
    now, handing, slot, leaves, ahead = 0, 0, 0, 0, -1
    leaving = 0
    for i in range(count):
        kind = passes[i, 0]
        compute, bus, fill, load, hand_out, hand_in = durations[kind]
        filters_there = now
        if passes[i, 1] > 0:
            # the GLB's filter words are a queue: the next ones follow as these leave for the PEs, never overtaking them
            busy = _occupied(passes[i, 1], tl.word_bits, burst, bits_per_cycle)
            _until(dram, slot + max(0, leaves - busy))
            dram[0] += busy
            filters_there = dram[0] + latency
        if passes[i, 1] < 0:
            load = 0
        psums_free = now
        if leaving > 0:
            if two_psums:
                psums_free = _finish(dram, 2, now)
            _until(dram, now)
            dram[2] += _occupied(leaving, tl.word_bits, burst, bits_per_cycle)
            if not two_psums:
                psums_free = _finish(dram, 2, now)
            leaving = 0
        switch = max(load, handing + hand_in)
        out[4 if load >= handing + hand_in else 5] += switch
        ready = max(now + handing + hand_in, max(now, filters_there) + load)
        out[6] += ready - now - switch
        slot, leaves = max(now, filters_there), load
        ifmap_there = ready
        if passes[i, 2] > 0:
            if ahead != i:
                _until(dram, now)
                dram[1] += _occupied(passes[i, 2], ifmap_bits, burst, bits_per_cycle)
            ifmap_there = _finish(dram, 1, now) + latency
        begin = max(ready, ifmap_there, psums_free)
        if ifmap_there >= psums_free:
            out[7] += begin - ready
        else:
            out[8] += begin - ready
        if passes[i, 2] > 0 or i == 0:
            ahead = _fetch_ahead(ifmap_bits, passes, i, two_ifmaps, begin, burst, bits_per_cycle, dram)
        if i < events.shape[0]:
            events[i, 0], events[i, 1], events[i, 2], events[i, 4] = now, ready, begin + fill, kind
            events[i, 3] = begin + fill + compute + bus
        out[1] += compute
        out[2] += bus
        out[3] += fill
        now = begin + fill + compute + bus
        handing = hand_out
        leaving = passes[i, 3]
    out[5] += handing
    now += handing
    _until(dram, now)
    dram[2] += _occupied(leaving, tl.word_bits, burst, bits_per_cycle)
    done = max(now, _finish(dram, 2, now))
    out[9] = done - now
    out[0] = done


@njit_cached(tuples)
def _fetch_ahead(
    ifmap_bits: float, passes: Ints, i: int, two_ifmaps: int, now: int, burst: int, bits_per_cycle: float, dram: Ints
) -> int:
    """Queue the next ifmap block where the GLB has room for it beside the one in use; return the pass it is for."""
    for later in range(i + 1, passes.shape[0]):
        if passes[later, 2] > 0:
            if two_ifmaps or passes[later, 4]:
                _until(dram, now)
                dram[1] += _occupied(passes[later, 2], ifmap_bits, burst, bits_per_cycle)
                return later
            return -1
    return -1
