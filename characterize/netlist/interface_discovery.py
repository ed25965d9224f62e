"""What a user's MAC does with its ports: signs, latencies, levels, found by simulating its netlist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from characterize.mac.interface import MacInterface, Role
from characterize.mac.operands import Integers, held_weights, wrapped
from characterize.netlist.functional import run_cycles
from characterize.netlist.netlist import Netlist
from characterize.netlist.port_roles import assign_roles
from hwsim.errors import InputError

MAX_DELAY = 6
"""Deepest pipeline that is tried, cycles."""

_STREAMS, _CYCLES, _RESET_CYCLES, _SETTLED = 48, 40, 4, 14
_SEED = 20110


@dataclass(frozen=True, eq=False)
class _Trace:
    """Random inputs of one simulation and its output, all int64[cycles, streams]; operands are unsigned port values.

    `weight` is the value in effect: the last loaded one where the MAC has a weight_load port.
    """

    weight: Integers
    activation: Integers
    psum: Integers
    out: Integers


def discover_interface(netlist: Netlist, named: Mapping[str, str]) -> MacInterface:
    """Return the interface of a mapped MAC whose roles the user may have named (role to port).

    Every combination of reset polarity, levels of enable and clear, operand signs and latencies up to MAX_DELAY is
    compared with the simulated netlist on random operands. Raises InputError where roles are unclear, registers are
    not clocked by the clock port, or no combination computes a multiply-accumulate.
    """
    ports = assign_roles(netlist, named)
    _check_clock(netlist, ports[Role.CLOCK])
    bits = {role: len(netlist.ports[name].nets) for role, name in ports.items()}
    for levels in _levels(ports):
        trace = _simulate(netlist, ports, levels)
        for accumulates in (False, True) if Role.PSUM_IN in ports else (True,):
            rule = _match(trace, bits, accumulates)
            if rule is not None:
                if accumulates and Role.PSUM_IN in ports:
                    raise InputError(
                        f"module '{netlist.name}' adds to its own output and ignores psum_in '{ports[Role.PSUM_IN]}';"
                        " remove the port"
                    )
                return MacInterface(
                    ports=ports,
                    weight_bits=bits[Role.WEIGHT],
                    activation_bits=bits[Role.ACTIVATION],
                    psum_bits=bits[Role.PSUM_OUT],
                    accumulates=accumulates,
                    reset_active_high=levels.reset_high,
                    constants=levels.constants,
                    **rule._asdict(),
                )
    base = ports.get(Role.PSUM_IN, "itself")
    played = ", ".join(f"{role.value}={name}" for role, name in ports.items())
    raise InputError(
        f"module '{netlist.name}': '{ports[Role.PSUM_OUT]}' is not {base} + {ports[Role.WEIGHT]} *"
        f" {ports[Role.ACTIVATION]} for any signs and any latency up to {MAX_DELAY} cycles; check --port (now {played})"
    )


def _check_clock(netlist: Netlist, clock: str) -> None:
    net = netlist.ports[clock].nets[0]
    if not netlist.sequential:
        raise InputError(f"module '{netlist.name}' has no register; characterize a MAC with a clocked output")
    for index in netlist.sequential:
        cell = netlist.cells[index]
        flip_flop = netlist.library[cell.cell_type].flip_flop
        if flip_flop is not None and cell.pins[flip_flop.clock_pin] != net:
            name = netlist.net_names[cell.pins[flip_flop.clock_pin]]
            raise InputError(
                f"module '{netlist.name}': register '{cell.name}' is clocked by '{name}', not by '{clock}';"
                " use one clock and its rising edge, without gating"
            )


class _Levels(NamedTuple):
    """Polarity of the reset, and levels at which the ports enable and clear are held."""

    reset_high: bool
    constants: dict[str, int]


def _levels(ports: Mapping[Role, str]) -> Iterator[_Levels]:
    """Yield reset polarities and constant levels to try, the likely ones first."""
    name = ports.get(Role.RESET, "reset").lower()
    low_name = name.endswith(("n", "_ni", "_b")) or name.startswith("n")
    polarities = ((False, True) if low_name else (True, False)) if Role.RESET in ports else (True,)
    held = [(ports[role], levels) for role, levels in ((Role.ENABLE, (1, 0)), (Role.CLEAR, (0, 1))) if role in ports]
    for levels in product(*(levels for _, levels in held)):
        for reset_high in polarities:
            yield _Levels(reset_high, {port: level for (port, _), level in zip(held, levels, strict=True)})


def _simulate(netlist: Netlist, ports: Mapping[Role, str], levels: _Levels) -> _Trace:
    rng = np.random.default_rng(_SEED)
    shape = (_CYCLES, _STREAMS)

    def draw(role: Role) -> Integers:
        width = len(netlist.ports[ports[role]].nets)
        return rng.integers(0, 1 << width, shape)

    weight, activation = draw(Role.WEIGHT), draw(Role.ACTIVATION)
    stimulus = {ports[Role.WEIGHT]: weight, ports[Role.ACTIVATION]: activation}
    psum = np.zeros(shape, np.int64)
    if Role.PSUM_IN in ports:
        # in the middle half of its range, where a MAC that saturates does not yet
        bits = len(netlist.ports[ports[Role.PSUM_IN]].nets)
        psum = stimulus[ports[Role.PSUM_IN]] = (draw(Role.PSUM_IN) >> 1) - (1 << bits - 2)
    if Role.RESET in ports:
        reset = np.full(shape, int(not levels.reset_high), np.int64)
        reset[:_RESET_CYCLES] = int(levels.reset_high)
        stimulus[ports[Role.RESET]] = reset
    effective = weight
    if Role.WEIGHT_LOAD in ports:
        load = rng.integers(0, 2, shape)
        load[: _RESET_CYCLES + 1] = 1
        stimulus[ports[Role.WEIGHT_LOAD]] = load
        effective = held_weights(weight, load)
    stimulus |= {port: np.full(shape, level, np.int64) for port, level in levels.constants.items()}
    out = run_cycles(netlist, stimulus, ports[Role.PSUM_OUT], signed=False)
    return _Trace(effective, activation, psum, out)


class _Rule(NamedTuple):
    """Signs and delays with which a MAC's output follows from its inputs."""

    weight_signed: bool
    activation_signed: bool
    weight_delay: int
    activation_delay: int
    psum_delay: int


def _match(trace: _Trace, bits: Mapping[Role, int], accumulates: bool) -> _Rule | None:
    """Return the rule that holds, or None."""
    mask = (1 << bits[Role.PSUM_OUT]) - 1
    weights = {True: wrapped(trace.weight, bits[Role.WEIGHT]), False: trace.weight}
    activations = {True: wrapped(trace.activation, bits[Role.ACTIVATION]), False: trace.activation}
    now = slice(_SETTLED, _CYCLES)

    def before(values: Integers, delay: int) -> Integers:
        return values[_SETTLED - delay : _CYCLES - delay]

    for psum_delay in (0,) if accumulates else range(MAX_DELAY + 1):
        base = before(trace.out, 1) if accumulates else before(trace.psum, psum_delay)
        added = (trace.out[now] - base) & mask
        for signs in product((True, False), repeat=2):
            for late_weight, late_activation in product(range(MAX_DELAY + 1), repeat=2):
                weight = before(weights[signs[0]], late_weight)
                activation = before(activations[signs[1]], late_activation)
                # one cycle tells most wrong rules apart
                if np.array_equal((weight[0] * activation[0]) & mask, added[0]) and np.array_equal(
                    (weight * activation) & mask, added
                ):
                    return _Rule(signs[0], signs[1], late_weight, late_activation, psum_delay)
    return None
