"""Readable twins of the simulation kernels: one global event queue, and one bit a net."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np


def gate_state(gates: Any, gate: int, level: list[int]) -> int:
    """Return the input state of a gate."""
    pins = gates.pin_net[gates.pin_start[gate] : gates.pin_start[gate + 1]]
    return sum(level[net] << pin for pin, net in enumerate(pins))


def settled(gates: Any, level: list[int]) -> None:
    """Evaluate every gate in topological order, in place."""
    for gate in range(gates.gate_output.size):
        state = gate_state(gates, gate, level)
        level[gates.gate_output[gate]] = int(gates.tables[gates.table_start[gate] + state])


def simulate_timed(gates: Any, stimulus: Any, warm_up: int, value: Any, groups: int) -> tuple[Any, Any, Any]:
    """Event-driven simulation with inertial delays; returns (cycle energy zJ, toggles, time high fs)."""
    streams, steps, _ = stimulus.shape
    energy = np.zeros((streams, steps - warm_up, groups), np.int64)
    toggles = np.zeros(value.size, np.int64)
    high_fs = np.zeros(value.size, np.int64)
    for stream in range(streams):
        level = [int(v) for v in value]
        for step in range(steps):
            spent, events, high = one_cycle(gates, stimulus[stream, step], level, groups)
            if step >= warm_up:
                energy[stream, step - warm_up] = spent
                toggles += events
                high_fs += high
    return energy, toggles, high_fs


def one_cycle(gates: Any, inputs: Any, level: list[int], groups: int) -> tuple[Any, Any, Any]:
    """Simulate one cycle from settled `level` (updated in place); returns energies, toggles and time high."""
    period = int(gates.period_fs[0])
    spent = np.zeros(groups, np.int64)
    toggles = np.zeros(len(level), np.int64)
    high = np.array(level, np.int64) * period
    queue: list[tuple[int, int]] = []  # time, net
    for ff in range(gates.ff_output.size):
        net = int(gates.ff_output[ff])
        data = level[gates.ff_data[ff]] ^ int(gates.ff_invert[ff])
        idle = gates.ff_clock_rise_zj[ff, level[net]]
        spent[0] += idle
        if data != level[net]:
            spent[1] += gates.ff_toggle_zj[ff, data] - idle
            heapq.heappush(queue, (int(gates.ff_delay_fs[ff, data]), net))
    for index, net in enumerate(gates.input_net):
        if inputs[index] != level[net]:
            spent[2] += gates.input_toggle_zj[index]
            heapq.heappush(queue, (int(gates.input_delay_fs[index, inputs[index]]), int(net)))
    gate_of = {int(net): gate for gate, net in enumerate(gates.gate_output)}
    pending: dict[int, tuple[int, int]] = {}  # gate -> (due time, energy)
    while queue:
        now = queue[0][0]
        changed = set()
        while queue and queue[0][0] == now:
            net = heapq.heappop(queue)[1]
            gate = gate_of.get(net)
            if gate is not None:
                if gate not in pending or pending[gate][0] != now:
                    continue  # descheduled
                spent[gates.gate_group[gate]] += pending.pop(gate)[1]
            level[net] ^= 1
            toggles[net] += 1
            high[net] += (period - now) if level[net] else -(period - now)
            changed.add(net)
        for ff in range(gates.ff_output.size):
            if int(gates.ff_data[ff]) in changed:
                clock = 1 if now < period // 2 else 0
                spent[1] += gates.ff_data_zj[ff, clock, level[gates.ff_data[ff]]]
        for gate in range(gates.gate_output.size):
            react(gates, gate, now, changed, level, pending, queue, spent)
    for ff in range(gates.ff_output.size):
        spent[0] += gates.ff_clock_fall_zj[ff, level[gates.ff_data[ff]], level[gates.ff_output[ff]]]
    return spent, toggles, high


def react(  # noqa: PLR0917
    gates: Any, gate: int, now: int, changed: set[int], level: list[int], pending: Any, queue: Any, spent: Any
) -> None:
    """Let a gate see the inputs that changed at `now`: schedule, keep or deschedule its output."""
    pins = [int(net) for net in gates.pin_net[gates.pin_start[gate] : gates.pin_start[gate + 1]]]
    if not changed.intersection(pins):
        return
    state = gate_state(gates, gate, level)
    entries = [
        int(gates.arc_start[gate]) + (pin << len(pins)) + state for pin, net in enumerate(pins) if net in changed
    ]
    spent[gates.gate_group[gate]] += sum(gates.input_energy_zj[entry] for entry in entries)
    net = int(gates.gate_output[gate])
    if gates.tables[gates.table_start[gate] + state] == level[net]:
        pending.pop(gate, None)
    elif gate not in pending:
        fastest = min(entries, key=lambda entry: int(gates.delay_fs[entry]))
        due = now + int(gates.delay_fs[fastest])
        pending[gate] = (due, int(gates.output_energy_zj[fastest]))
        heapq.heappush(queue, (due, net))


def simulate_zero_delay(gates: Any, stimulus: Any, warm_up: int, value: Any) -> tuple[Any, Any, Any]:
    """One stream, `stimulus: uint8[steps, inputs]`; returns behind the warm-up (toggles, cycles high) of every net and
    the cycles in which data and output of every flip-flop are both high.
    """
    level = [int(v) for v in value]
    toggles = np.zeros(len(level), np.int64)
    high = np.zeros(len(level), np.int64)
    both = np.zeros(gates.ff_output.size, np.int64)
    for step, inputs in enumerate(stimulus):
        before = list(level)
        data = [before[gates.ff_data[ff]] ^ int(gates.ff_invert[ff]) for ff in range(gates.ff_output.size)]
        for ff, net in enumerate(gates.ff_output):
            level[net] = data[ff]
        for index, net in enumerate(gates.input_net):
            level[net] = int(inputs[index])
        settled(gates, level)
        if step >= warm_up:
            toggles += np.array(before) != np.array(level)
            high += np.array(level)
            both += np.array(level)[gates.ff_data] & np.array(level)[gates.ff_output]
    return toggles, high, both
