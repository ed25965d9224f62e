"""The row-stationary nest PE by PE and word by word, with sets: the readable twin of the engines, for tiny layers."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np

from hwsim.engines.access_counts import DIRECTIONS, LEVELS, OPERANDS, SHAPE
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapping import Mapping
from hwsim.workload.layer import Layer


def cut(total: int, block: int) -> list[range]:
    return [range(low, min(total, low + block)) for low in range(0, total, block)]


class Machine:
    """Counts what moves while it runs a mapping; the ofmap is a dictionary of Python integers."""

    def __init__(self, layer: Layer, tile: AcceleratorSpec, mapping: Mapping, ifmap: Any, filters: Any) -> None:
        self.sh, self.tile, self.mp = lower_layer(layer), tile, mapping
        self.ifmap, self.filters = ifmap, filters
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.psums: dict[tuple[int, ...], int] = {}
        self.glb_ifmap: tuple[Any, set[Any]] = (None, set())
        self.glb_filters: tuple[Any, set[Any]] = (None, set())
        self.rf_chunk: Any = None
        self.passes = 0
        self.overflows = 0

    def word(self, g: int, n: int, c: int, y: int, x: int) -> int | None:
        """The ifmap word at padded coordinates, None on padding."""
        y, x = y - self.sh.padding_v, x - self.sh.padding_h
        if 0 <= y < self.sh.in_rows and 0 <= x < self.sh.in_columns:
            return int(self.ifmap[n, g * self.sh.channels + c, y, x])
        return None

    def columns(self, fs: range) -> set[int]:
        return {f * self.sh.stride_h + s * self.sh.dilation_h for f in fs for s in range(self.sh.taps_h)}

    def rows(self, es: range, js: range) -> set[int]:
        return {i * self.sh.stride_v + j * self.sh.dilation_v for i in es for j in js}

    def run(self) -> np.ndarray:
        sh, mp = self.sh, self.mp
        positions = list(product(cut(sh.batch, mp.n), cut(sh.rows, mp.e), cut(sh.columns, mp.f)))
        blocks = cut(sh.filters, mp.m)
        if mp.filters_outer:
            turns = [(position, block) for block in blocks for position in positions]
        else:
            turns = [(position, block) for position in positions for block in blocks]
        for gs in cut(sh.groups, mp.g):
            for position, block in turns:
                for cs in cut(sh.channels, mp.q * mp.r):
                    self.fill_ifmap(gs, position, cs)
                    for js in cut(sh.taps_v, mp.k):
                        for low in range(0, len(block), mp.p * mp.t):
                            ms = block[low : low + mp.p * mp.t]
                            self.run_pass(gs, position, (cs, js), (ms, block))
                self.drain(gs, position, block)
        return self.counts_array()

    def fill_ifmap(self, gs: range, position: Any, cs: range) -> None:
        ns, es, fs = position
        wanted = set(product(gs, ns, cs, self.rows(es, range(self.sh.taps_v)), self.columns(fs)))
        held, words = self.glb_ifmap
        key = (gs, position) if self.mp.keep_ifmap else (gs, position, cs)
        if held != key:
            words = set()
        new = wanted - words
        self.glb_ifmap = (key, words | new)
        self.counts["glb", "ifmap", "write"] += len(new)
        self.counts["dram", "ifmap", "read"] += sum(self.word(*word) is not None for word in new)

    def fill_filters(self, gs: range, words: set[Any], es: range, block: range) -> None:
        one_chunk_blocks = self.mp.m <= self.mp.p * self.mp.t
        if self.rf_chunk == (gs, words) and one_chunk_blocks:
            return
        held, kept = self.glb_filters
        if not self.mp.keep_filter or held != (gs, block):
            kept = set()
        new = words - kept
        self.glb_filters = ((gs, block), kept | new)
        self.rf_chunk = (gs, words)
        weight = self.sh.weighted
        self.counts["dram", "filter", "read"] += weight * len(new)
        self.counts["glb", "filter", "write"] += weight * len(new)
        self.counts["glb", "filter", "read"] += weight * len(words)
        self.counts["noc", "filter", "read"] += weight * len(words) * len(es)

    def run_pass(self, gs: range, position: Any, depth: tuple[range, range], some: tuple[range, range]) -> None:
        self.passes += 1
        (cs, js), (ms, block) = depth, some
        ns, es, fs = position
        self.fill_filters(gs, set(product(gs, ms, cs, js, range(self.sh.taps_h))), es, block)
        read: set[Any] = set()
        starts = js.start == 0 and cs.start == 0
        for g, i, m_set in product(gs, es, cut(len(ms), self.mp.p)):
            for n, f, m in product(ns, fs, (ms[index] for index in m_set)):
                psum = 0 if starts else self.psums[g, n, m, i, f]
                if not starts or self.tile.psum_preload:
                    self.counts["glb", "psum", "read"] += 1
                    self.counts["noc", "psum", "read"] += 1
                for c_set, j in product(cut(len(cs), self.mp.q), js):
                    psum += self.window((g, n, m, i, f), j, [cs[index] for index in c_set])
                    self.counts["noc", "psum", "write"] += 1
                self.psums[g, n, m, i, f] = self.limited(psum)
                self.counts["glb", "psum", "write"] += 1
            for c_set, j in product(cut(len(cs), self.mp.q), js):
                y = i * self.sh.stride_v + j * self.sh.dilation_v
                mine = set(product([g], ns, (cs[index] for index in c_set), [y], self.columns(fs)))
                assert mine <= self.glb_ifmap[1]
                read |= mine
                self.counts["noc", "ifmap", "read"] += len(mine)
        self.counts["glb", "ifmap", "read"] += len(read)

    def window(self, psum: tuple[int, int, int, int, int], j: int, cs: list[int]) -> int:
        """One PE's work on one psum: S taps on its q channels."""
        g, n, m, i, f = psum
        total = 0
        for c, s in product(cs, range(self.sh.taps_h)):
            y, x = i * self.sh.stride_v + j * self.sh.dilation_v, f * self.sh.stride_h + s * self.sh.dilation_h
            weight = int(self.filters[g * self.sh.filters + m, c, j, s]) if self.sh.weighted else 1
            total += (self.word(g, n, c, y, x) or 0) * weight
            self.counts["rf", "ifmap", "read"] += 1
            self.counts["rf", "filter", "read"] += self.sh.weighted
            # the first MAC of a window writes without reading; the hand-over reads once more
            self.counts["rf", "psum", "read"] += 1
            self.counts["rf", "psum", "write"] += 1
        return total

    def limited(self, psum: int) -> int:
        """A psum as the GLB keeps it."""
        half = 1 << (self.tile.psum_bits - 1)
        if -half <= psum < half:
            return psum
        self.overflows += 1
        if self.tile.overflow == "saturate":
            return half - 1 if psum > 0 else -half
        return (psum + half) % (2 * half) - half

    def drain(self, gs: range, position: Any, block: range) -> None:
        words = len(gs) * len(block) * len(position[0]) * len(position[1]) * len(position[2])
        self.counts["glb", "psum", "read"] += words
        self.counts["dram", "psum", "write"] += words

    def counts_array(self) -> np.ndarray:
        self.counts["rf", "ifmap", "write"] = self.counts["noc", "ifmap", "read"]
        self.counts["rf", "filter", "write"] = self.counts["noc", "filter", "read"]
        words = np.zeros(SHAPE, np.int64)
        for (level, operand, direction), count in self.counts.items():
            at = [x.value for x in LEVELS].index(level), [x.value for x in OPERANDS].index(operand)
            words[(*at, [x.value for x in DIRECTIONS].index(direction))] = count
        return words

    def ofmap(self) -> np.ndarray:
        sh = self.sh
        out = np.zeros((sh.batch, sh.groups * sh.filters, sh.rows, sh.columns), np.int64)
        for (g, n, m, e, f), psum in self.psums.items():
            out[n, g * sh.filters + m, e, f] = psum
        return out
