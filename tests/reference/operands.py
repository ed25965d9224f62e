"""The operands of every MAC in the order of the PEs, one by one: twin of hwsim/engines/operand_statistics.py."""

from __future__ import annotations

from itertools import product
from math import gcd
from typing import Any

import numpy as np

from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapping import Mapping
from hwsim.workload.layer import Layer
from tests.reference.row_stationary import Machine, cut


def operand_statistics(
    layer: Layer, tile: AcceleratorSpec, mapping: Mapping, data: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    sh = lower_layer(layer)
    machine = Machine(layer, tile, mapping, *data)
    phases = sh.dilation_h // gcd(sh.stride_h, sh.dilation_h)
    total = {"zero_ifmap": 0, "zero_filter": 0, "zero_both": 0, "ifmap_toggles": 0, "filter_toggles": 0}
    pes = product(
        range(sh.groups), range(sh.rows), range(sh.taps_v), cut(sh.channels, mapping.q), cut(sh.filters, mapping.p)
    )
    for (g, i, j, cs, ms), n, fs in product(list(pes), range(sh.batch), cut(sh.columns, mapping.f)):
        before: Any = None
        for f in (f for phase in range(phases) for f in fs[phase::phases]):
            for c, s, m in product(cs, range(sh.taps_h), ms):
                y, x = i * sh.stride_v + j * sh.dilation_v, f * sh.stride_h + s * sh.dilation_h
                pair = machine.word(g, n, c, y, x) or 0, int(data[1][g * sh.filters + m, c, j, s])
                total["zero_ifmap"] += pair[0] == 0
                total["zero_filter"] += pair[1] == 0
                total["zero_both"] += pair == (0, 0)
                if before is not None:
                    mask = 2**tile.word_bits - 1
                    total["ifmap_toggles"] += ((pair[0] ^ before[0]) & mask).bit_count()
                    total["filter_toggles"] += ((pair[1] ^ before[1]) & mask).bit_count()
                before = pair
    return {name: count / layer.macs for name, count in total.items()}


def run_length_pairs(words: list[int]) -> list[tuple[int, int]]:
    """Runs of at most 31 zeros and the word after each; a longer run spends a pair on its 32nd zero."""
    pairs, run = [], 0
    for word in words:
        if word == 0 and run < 31:
            run += 1
            continue
        pairs.append((run, word))
        run = 0
    if run:
        pairs.append((run - 1, 0))
    return pairs
