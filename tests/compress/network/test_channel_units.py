"""Units of channels: what is tied leaves together."""

from __future__ import annotations

import numpy as np

from compress.network.channel_units import UnitSpace


def test_ties_repeated_by_a_flatten_hold() -> None:
    # equal ties are summed into one link: their number must not wrap
    space = UnitSpace()
    left, right = space.fresh(1), space.fresh(1)
    space.tie(np.repeat(left, 256), np.repeat(right, 256))
    merged, frozen = space.resolve()
    assert merged.tolist() == [0, 0]
    assert frozen.tolist() == [False]


def test_a_frozen_unit_holds_those_tied_to_it() -> None:
    space = UnitSpace()
    free, held = space.fresh(2), space.frozen_fresh(1)
    space.tie(free[:1], held)
    merged, frozen = space.resolve()
    assert frozen[merged].tolist() == [True, False, True]
