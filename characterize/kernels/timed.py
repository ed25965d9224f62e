"""Event-driven gate-level simulation with inertial delays, one clock cycle at a time, a waveform a net.

Between two clock edges the combinational netlist has no loop and every delay is a constant of (pin, input state), so
the events of a cycle can be found gate by gate in topological order: a gate merges the toggle times of its inputs and
writes the toggle times of its output. That gives the same events as a global event queue at a fraction of its cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

MAX_INPUTS = 12
"""Widest cell that the kernels accept."""

CLOCK_GROUP = 0
"""Column of the energy arrays for clock energy."""

REGISTER_GROUP = 1
"""Column for what flip-flops spend beyond the clock."""

INPUT_GROUP = 2
"""Column for the nets that the primary inputs drive."""


@njit(cache=True, nogil=True)
def gate_waveform(
    pin_net: Any,
    first: int,
    pins: int,
    tables: Any,
    function: int,
    delay_fs: Any,
    output_energy_zj: Any,
    input_energy_zj: Any,
    arcs: int,
    value: Any,
    wave_start: Any,
    wave_count: Any,
    times: Any,
    tail: int,
    number: Any,
    position: Any,
    last: Any,
    following: Any,
) -> tuple[Any, Any]:
    """Write the toggle times of one gate's output behind `tail` and return (number of toggles, energy zJ).

    Arrays and offsets `first`, `function`, `arcs` as in GateArrays; at least one of the `pins` inputs toggles in this
    cycle. `value: uint8[nets]` holds levels before the cycle; net n toggles at times[wave_start[n]:][:wave_count[n]],
    fs. An input change that leaves the function at the level already scheduled changes nothing; one that restores the
    present level removes the scheduled toggle (a pulse shorter than the delay is swallowed, and costs only the energy
    of its input events). Of inputs that change in the same femtosecond the one with the smallest delay counts; ties
    go to the first pin. Returns -1 toggles where `times` is full. The last four are scratch, int64[MAX_INPUTS].
    """
    never = np.int64(1) << 62
    state = np.int64(0)
    moving = 0  # pins that toggle in this cycle come first in the scratch arrays
    for pin in range(pins):
        net = pin_net[first + pin]
        state |= np.int64(value[net]) << pin
        if wave_count[net] > 0:
            number[moving] = pin
            position[moving] = wave_start[net]
            last[moving] = wave_start[net] + wave_count[net]
            following[moving] = times[wave_start[net]]
            moving += 1
    level = tables[function + state]
    due = never
    due_energy = np.int64(0)
    energy = np.int64(0)
    count = 0
    while True:
        now = following[0]
        for index in range(1, moving):
            now = min(now, following[index])
        if due <= now and due != never:
            if tail + count >= times.size:
                return -1, 0
            times[tail + count] = due
            count += 1
            level ^= 1
            energy += due_energy
            due = never
        if now == never:
            break
        changed = 0
        for index in range(moving):
            if following[index] == now:
                changed |= 1 << number[index]
                position[index] += 1
                following[index] = times[position[index]] if position[index] < last[index] else never
        state ^= changed
        delay = never
        arc = 0
        for index in range(moving):
            if (changed >> number[index]) & 1:
                entry = arcs + (number[index] << pins) + state
                energy += input_energy_zj[entry]
                if delay_fs[entry] < delay:
                    delay = delay_fs[entry]
                    arc = entry
        if tables[function + state] == level:
            due = never
        elif due == never:
            due = now + delay
            due_energy = output_energy_zj[arc]
    return count, energy


@njit(cache=True, nogil=True)
def launch(gates: Any, inputs: Any, value: Any, wave_start: Any, wave_count: Any, times: Any, energy: Any) -> Any:
    """Start a cycle: toggle flip-flop outputs and primary inputs behind the clock edge; return the end of used `times`.

    `inputs: uint8[inputs]` are this cycle's levels. Flip-flops take the level that their data net settled to. Clock
    energy is what an edge costs a flip-flop that keeps its output, plus the clock net; what a toggle costs beyond
    that goes to REGISTER_GROUP.
    """
    ff_output, ff_data, ff_invert, ff_delay_fs = gates.ff_output, gates.ff_data, gates.ff_invert, gates.ff_delay_fs
    ff_clock_rise_zj, ff_toggle_zj = gates.ff_clock_rise_zj, gates.ff_toggle_zj
    input_net, input_delay_fs, input_toggle_zj = gates.input_net, gates.input_delay_fs, gates.input_toggle_zj
    tail = 0
    for ff in range(ff_output.size):
        net = ff_output[ff]
        level = value[net]
        data = value[ff_data[ff]] ^ ff_invert[ff]
        idle = ff_clock_rise_zj[ff, level]
        energy[CLOCK_GROUP] += idle
        if data != level:
            energy[REGISTER_GROUP] += ff_toggle_zj[ff, data] - idle
            wave_start[net] = tail
            wave_count[net] = 1
            times[tail] = ff_delay_fs[ff, data]
            tail += 1
    for index in range(input_net.size):
        net = input_net[index]
        if inputs[index] != value[net]:
            energy[INPUT_GROUP] += input_toggle_zj[index]
            wave_start[net] = tail
            wave_count[net] = 1
            times[tail] = input_delay_fs[index, inputs[index]]
            tail += 1
    return tail


@njit(cache=True, nogil=True)
def data_pin_energy(gates: Any, value: Any, wave_start: Any, wave_count: Any, times: Any) -> Any:
    """Return what the toggles of all data pins cost inside the flip-flops, zJ; the clock is high for half a period."""
    ff_data, ff_data_zj = gates.ff_data, gates.ff_data_zj
    half = gates.period_fs[0] // 2
    total = np.int64(0)
    for ff in range(ff_data.size):
        net = ff_data[ff]
        level = value[net]
        for index in range(wave_start[net], wave_start[net] + wave_count[net]):
            level ^= 1
            total += ff_data_zj[ff, 1 if times[index] < half else 0, level]
    return total


@njit(cache=True, nogil=True)
def falling_edge_energy(gates: Any, value: Any) -> Any:
    """Return what the falling clock edge costs in all flip-flops, zJ."""
    ff_data, ff_output, ff_clock_fall_zj = gates.ff_data, gates.ff_output, gates.ff_clock_fall_zj
    total = np.int64(0)
    for ff in range(ff_data.size):
        total += ff_clock_fall_zj[ff, value[ff_data[ff]], value[ff_output[ff]]]
    return total


@njit(cache=True, nogil=True)
def settle(now: int, value: Any, wave_start: Any, wave_count: Any, times: Any, toggles: Any, high_fs: Any) -> Any:
    """End a cycle: apply all toggles to `value`, count them and the time spent high; return the latest time, fs."""
    latest: Any = np.int64(0)
    for net in range(2, value.size):
        count = wave_count[net]
        if count == 0:
            continue
        toggles[net] += count
        level = value[net]
        for index in range(wave_start[net], wave_start[net] + count):
            level ^= 1
            at = times[index]
            high_fs[net] += -(now + at) if level else now + at
            latest = max(latest, at)
        value[net] = level
        wave_count[net] = 0
    return latest


@njit(cache=True, nogil=True)
def simulate_timed(
    gates: Any, stimulus: Any, warm_up: int, value: Any, cycle_energy_zj: Any, toggles: Any, high_fs: Any
) -> tuple[Any, Any]:
    """Simulate independent streams and return (status, latest event of any cycle, fs); status 0 is success.

    `stimulus: uint8[streams, warm_up + cycles, inputs]`; `value: uint8[nets]` the settled levels every stream starts
    from (left as found); outputs `cycle_energy_zj: int64[streams, cycles, groups]` without leakage, `toggles:
    int64[nets]` and `high_fs: int64[nets]` (time at level 1) summed over streams. The first `warm_up` cycles fill the
    pipeline and are not counted. Status 1: a cycle held more events than the buffer.
    """
    nets = value.size
    streams, steps, _ = stimulus.shape
    gate_output, gate_group = gates.gate_output, gates.gate_group  # reading a field costs as much as a gate: once
    pin_start, pin_net = gates.pin_start, gates.pin_net
    table_start, tables, arc_start = gates.table_start, gates.tables, gates.arc_start
    delay_fs, output_zj, input_zj = gates.delay_fs, gates.output_energy_zj, gates.input_energy_zj
    wave_start = np.zeros(nets, np.int64)
    wave_count = np.zeros(nets, np.int64)
    times = np.empty(256 * nets + 4096, np.int64)
    level = np.empty(nets, np.uint8)
    energy = np.zeros(cycle_energy_zj.shape[2], np.int64)
    number = np.empty(MAX_INPUTS, np.int64)
    position = np.empty(MAX_INPUTS, np.int64)
    last = np.empty(MAX_INPUTS, np.int64)
    following = np.empty(MAX_INPUTS, np.int64)
    cold_toggles = np.zeros(nets, np.int64)
    cold_high = np.zeros(nets, np.int64)
    period = gates.period_fs[0]
    latest: Any = np.int64(0)
    for stream in range(streams):
        level[:] = value
        for step in range(steps):
            energy[:] = 0
            tail = launch(gates, stimulus[stream, step], level, wave_start, wave_count, times, energy)
            for gate in range(gate_output.size):
                first, end = pin_start[gate], pin_start[gate + 1]
                active = False
                for pin in range(first, end):
                    active |= wave_count[pin_net[pin]] > 0
                if not active:
                    continue
                count, spent = gate_waveform(
                    pin_net,
                    first,
                    end - first,
                    tables,
                    table_start[gate],
                    delay_fs,
                    output_zj,
                    input_zj,
                    arc_start[gate],
                    level,
                    wave_start,
                    wave_count,
                    times,
                    tail,
                    number,
                    position,
                    last,
                    following,
                )
                if count < 0:
                    return 1, latest
                net = gate_output[gate]
                energy[gate_group[gate]] += spent
                wave_start[net] = tail
                wave_count[net] = count
                tail += count
            energy[REGISTER_GROUP] += data_pin_energy(gates, level, wave_start, wave_count, times)
            measured = step >= warm_up
            now = (step - warm_up) * period
            if measured:
                settled = settle(now, level, wave_start, wave_count, times, toggles, high_fs)
            else:
                settled = settle(now, level, wave_start, wave_count, times, cold_toggles, cold_high)
            latest = max(latest, settled)
            energy[CLOCK_GROUP] += falling_edge_energy(gates, level)
            if measured:
                cycle_energy_zj[stream, step - warm_up] = energy
        for net in range(nets):
            if level[net]:
                high_fs[net] += (steps - warm_up) * period
    return 0, latest
