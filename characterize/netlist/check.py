"""Does a mapped netlist compute its multiply-accumulate rule? Checked with integers, without any other simulator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from characterize.mac.interface import MacInterface, Role
from characterize.mac.operands import Integers, held_weights, integer_range, wrapped
from characterize.netlist.functional import run_cycles
from characterize.netlist.netlist import Netlist
from hwsim.errors import RunError

_RESET_CYCLES = 3
_CORNER_SHARE = 0.3


@dataclass(frozen=True)
class MacVectors:
    """Inputs of many cycles and streams as integers, int64[cycles, streams]; `load` and `reset` are 0 or 1 (active)."""

    weight: Integers
    activation: Integers
    psum: Integers
    load: Integers
    reset: Integers


def draw_vectors(interface: MacInterface, cycles: int, streams: int, seed: int) -> MacVectors:
    """Draw random operands, a third of them corners (extremes, -1, 0, 1), with weights that load now and then."""
    rng = np.random.default_rng(seed)
    shape = (cycles, streams)
    load = (rng.random(shape) < 0.5).astype(np.int64)
    reset = np.zeros(shape, np.int64)
    start = _RESET_CYCLES if Role.RESET in interface.ports else 0
    reset[:start] = 1
    load[: start + 1] = 1
    return MacVectors(
        weight=_operands(rng, shape, interface.weight_bits, interface.weight_signed),
        activation=_operands(rng, shape, interface.activation_bits, interface.activation_signed),
        psum=_operands(rng, shape, interface.psum_bits, True),
        load=load,
        reset=reset,
    )


def _operands(rng: np.random.Generator, shape: tuple[int, int], bits: int, signed: bool) -> Integers:
    low, high = integer_range(bits, signed)
    corners = np.array([low, high, 0, 1, -1 if signed else high - 1])
    return np.where(rng.random(shape) < _CORNER_SHARE, rng.choice(corners, shape), rng.integers(low, high + 1, shape))


def expected_output(interface: MacInterface, vectors: MacVectors, first: Integers, settled: int) -> Integers:
    """Return psum_out as signed integers from cycle `settled` on, int64[cycles - settled, streams].

    `first`: int64[streams], the output in the cycle before, where an accumulating MAC starts from.
    """
    loads = Role.WEIGHT_LOAD in interface.ports
    held = held_weights(vectors.weight, vectors.load) if loads else vectors.weight
    cycles = held.shape[0]

    def late(values: Integers, delay: int) -> Integers:
        return values[settled - delay : cycles - delay]

    out = late(held, interface.weight_delay) * late(vectors.activation, interface.activation_delay)
    base = late(vectors.psum, interface.psum_delay)
    out = first + np.cumsum(out, axis=0) if interface.accumulates else base + out
    return wrapped(out, interface.psum_bits)


def check_netlist(
    netlist: Netlist, interface: MacInterface, cycles: int = 48, streams: int = 256, seed: int = 1
) -> int:
    """Compare the netlist with the rule of its interface and return how many outputs were compared.

    Raises RunError with the first counterexample: the cycle's operands, the expected and the given output.
    """
    vectors = draw_vectors(interface, cycles, streams, seed)
    ports = interface.ports
    levels = {
        Role.WEIGHT: vectors.weight,
        Role.ACTIVATION: vectors.activation,
        Role.PSUM_IN: vectors.psum,
        Role.WEIGHT_LOAD: vectors.load,
        Role.RESET: vectors.reset if interface.reset_active_high else 1 - vectors.reset,
    }
    stimulus = {ports[role]: values for role, values in levels.items() if role in ports}
    stimulus |= {port: np.full((cycles, streams), level, np.int64) for port, level in interface.constants.items()}
    out = run_cycles(netlist, stimulus, ports[Role.PSUM_OUT])
    settled = 2 * (interface.latency + 1) + _RESET_CYCLES
    expected = expected_output(interface, vectors, out[settled - 1], settled)
    wrong = np.argwhere(out[settled:] != expected)
    if wrong.size:
        cycle, stream = (int(index) for index in wrong[0])
        at = cycle + settled
        weight = vectors.weight[: at - interface.weight_delay + 1, stream]
        if Role.WEIGHT_LOAD in ports:
            loaded = np.flatnonzero(vectors.load[: weight.size, stream])
            weight = weight[: loaded[-1] + 1]
        before = "out before" if interface.accumulates else "psum_in"
        base = out[at - 1, stream] if interface.accumulates else vectors.psum[at - interface.psum_delay, stream]
        raise RunError(
            f"the netlist of '{netlist.name}' computes something else than its RTL: weight {weight[-1]}, activation"
            f" {vectors.activation[at - interface.activation_delay, stream]}, {before} {base}: expected"
            f" {expected[cycle, stream]}, got {out[at, stream]}"
        )
    return int(expected.size)
