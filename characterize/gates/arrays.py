"""A netlist with its delays and energies as plain arrays: what the simulation kernels read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


class GateArrays(NamedTuple):
    """Gates in topological order, flip-flops and inputs of one netlist; times in fs, energies in zJ (1e-6 fJ).

    Net 0 is constant 0, net 1 constant 1. Gate g has inputs `pin_net[pin_start[g]:pin_start[g + 1]]`; with k inputs
    its state is the integer whose bit i is the level of input i, its function `tables[table_start[g] + state]`. For
    an event on input i that leads to a state, entry `arc_start[g] + (i << k) + state` of `delay_fs` is the delay to
    the output, of `output_energy_zj` the energy of the output toggle that it causes (cell and driven net), and of
    `input_energy_zj` what the event itself costs inside the cell where the output does not follow (0 where it does:
    the output's entry holds it).

    Flip-flop f copies net `ff_data[f]` (inverted where `ff_invert[f]`) to net `ff_output[f]` at the rising clock
    edge, seen `ff_delay_fs[f, new level]` later for `ff_toggle_zj[f, new level]`; an edge that changes nothing costs
    `ff_clock_rise_zj[f, level]`, the falling edge `ff_clock_fall_zj[f, data level, output level]` (both with the
    clock pin's share of the clock net), and a toggle of the data pin `ff_data_zj[f, clock level, new data level]`.
    Input i drives net `input_net[i]` from a flip-flop outside, `input_delay_fs[i, new level]` after the edge, for
    `input_toggle_zj[i]`.
    """

    gate_output: Ints
    gate_group: Ints
    pin_start: Ints
    pin_net: Ints
    table_start: Ints
    tables: Bytes
    arc_start: Ints
    delay_fs: Longs
    output_energy_zj: Longs
    input_energy_zj: Longs
    ff_data: Ints
    ff_output: Ints
    ff_invert: Bytes
    ff_delay_fs: Longs
    ff_toggle_zj: Longs
    ff_clock_rise_zj: Longs
    ff_clock_fall_zj: Longs
    ff_data_zj: Longs
    input_net: Ints
    input_delay_fs: Longs
    input_toggle_zj: Longs
    period_fs: Longs
