"""Runs operand streams through a lowered netlist on the compiled kernels: energy per cycle and group, and activity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from characterize.gates.activity import Activity
from characterize.gates.arrays import GateArrays
from characterize.gates.lowering import FS_PER_PS, GROUPS, LoweredNetlist
from characterize.gates.tape import write_tape
from characterize.kernels.timed import CLOCK_GROUP, INPUT_GROUP, REGISTER_GROUP, simulate_timed
from characterize.kernels.zero_delay import simulate_zero_delay
from characterize.streams.port_drive import PortDrive
from characterize.streams.stimulus import OperandStream
from hwsim.errors import InputError, RunError

WARM_UP = 6
"""Cycles that fill the pipeline before counting starts."""
LANES = 64


@dataclass(frozen=True, eq=False)
class SimulatedStreams:
    """Energies and activity of some streams.

    `energy_zj: int64[streams, cycles, groups]` (timed) or `int64[1, 1, groups]` (zero delay: the mean over cycles and
    streams), without leakage.
    """

    energy_zj: NDArray[np.int64]
    activity: Activity


class TimedSimulator:
    """Event-driven simulation of one netlist; safe to call from several threads."""

    source = "compiled, timed"
    streams_per_batch = 1

    def __init__(self, lowered: LoweredNetlist, drive: PortDrive) -> None:
        """Settle the netlist with all inputs and registers at 0, from where every stream starts."""
        self.lowered = lowered
        self.drive = drive
        self.start = settled_levels(lowered)

    def run(self, streams: Sequence[OperandStream]) -> SimulatedStreams:
        """Simulate streams of the same length.

        Raises InputError where the clock period is too short for the netlist.
        """
        stimulus = np.stack([self.drive.columns(stream, WARM_UP) for stream in streams])
        cycles = stimulus.shape[1] - WARM_UP
        energy = np.zeros((len(streams), cycles, len(GROUPS)), np.int64)
        toggles = np.zeros(self.lowered.nets, np.int64)
        high = np.zeros(self.lowered.nets, np.int64)
        arrays = self.lowered.arrays
        status, latest = simulate_timed(arrays, stimulus, WARM_UP, self.start, energy, toggles, high)
        if status:
            raise RunError("a clock cycle held more events than the simulator's buffer; the netlist oscillates")
        period = self.lowered.period_fs
        if latest >= period:
            raise InputError(
                f"--period-ps {period / FS_PER_PS:g} is too short: signals still move {latest / FS_PER_PS:.0f} ps"
                f" behind the clock edge; give at least --period-ps {int(latest / FS_PER_PS * 1.1) + 1}"
            )
        activity = Activity(
            self.lowered.net_names, toggles, high, cycles * len(streams), period, self.source, int(latest)
        )
        return SimulatedStreams(energy, activity)


class ZeroDelaySimulator:
    """Settled levels only, 64 streams at a time: a preview that misses glitches."""

    source = "compiled, zero-delay"
    streams_per_batch = LANES

    def __init__(self, lowered: LoweredNetlist, drive: PortDrive) -> None:
        """Lower the netlist to a tape and settle it."""
        self.lowered = lowered
        self.drive = drive
        self.tape = write_tape(lowered.arrays, lowered.nets)
        self.start = settled_levels(lowered)
        self.toggle_zj = mean_toggle_energies(lowered)

    def run(self, streams: Sequence[OperandStream]) -> SimulatedStreams:
        """Simulate exactly 64 streams of the same length; they form one batch."""
        if len(streams) != LANES:
            raise RunError(f"the zero-delay kernel takes {LANES} streams at a time, not {len(streams)}")
        arrays = self.lowered.arrays
        columns = [self.drive.columns(stream, WARM_UP) for stream in streams]
        steps, inputs = columns[0].shape
        stimulus = np.zeros((steps, inputs), np.uint64)
        for lane, bits in enumerate(columns):
            stimulus |= bits.astype(np.uint64) << np.uint64(lane)
        word = np.zeros(self.tape.slots, np.uint64)
        word[: self.lowered.nets] = np.where(self.start == 1, np.uint64(2**64 - 1), np.uint64(0))
        toggles = np.zeros(self.lowered.nets, np.int64)
        high = np.zeros(self.lowered.nets, np.int64)
        both_high = np.zeros(arrays.ff_output.size, np.int64)
        simulate_zero_delay(
            self.tape.operations,
            arrays.ff_data,
            arrays.ff_output,
            arrays.ff_invert,
            arrays.input_net,
            stimulus,
            WARM_UP,
            word,
            toggles,
            high,
            both_high,
        )
        cycles = (steps - WARM_UP) * LANES
        energy = np.zeros((1, 1, len(GROUPS)), np.int64)
        energy[0, 0] = np.rint((toggles @ self.toggle_zj) / cycles).astype(np.int64)
        energy[0, 0, CLOCK_GROUP] = clock_energy_zj(arrays, high / cycles, both_high / cycles)
        period = self.lowered.period_fs
        return SimulatedStreams(
            energy, Activity(self.lowered.net_names, toggles, high * period, cycles, period, self.source)
        )


def clock_energy_zj(arrays: GateArrays, high: NDArray[np.float64], both: NDArray[np.float64]) -> int:
    """Return the mean clock energy of a cycle from the share of time that nets are high, `high: float64[nets]`.

    `both: float64[flip-flops]` is the share that data and output of a flip-flop are high together.
    """
    data, output = high[arrays.ff_data], high[arrays.ff_output]
    rise = arrays.ff_clock_rise_zj[:, 0] * (1 - output) + arrays.ff_clock_rise_zj[:, 1] * output
    states = np.stack([1 - data - output + both, output - both, data - both, both], 1)
    fall = (states * arrays.ff_clock_fall_zj.reshape(-1, 4)).sum(1)
    return int(np.rint((rise + fall).sum()))


def mean_toggle_energies(lowered: LoweredNetlist) -> NDArray[np.float64]:
    """Return the mean energy of a toggle of each net by group, `float64[nets, groups]` zJ, over its driver's states."""
    arrays = lowered.arrays
    energy = np.zeros((lowered.nets, len(GROUPS)))
    for gate, net in enumerate(arrays.gate_output):
        pins = int(arrays.pin_start[gate + 1] - arrays.pin_start[gate])
        start, table = arrays.arc_start[gate], arrays.table_start[gate]
        found = [
            arrays.output_energy_zj[start + (pin << pins) + state]
            for pin in range(pins)
            for state in range(1 << pins)
            if arrays.tables[table + state] != arrays.tables[table + (state ^ 1 << pin)]
        ]
        energy[net, arrays.gate_group[gate]] = float(np.mean(found)) if found else 0.0
    idle = arrays.ff_clock_rise_zj.mean(1)
    energy[arrays.ff_output, REGISTER_GROUP] += arrays.ff_toggle_zj.mean(1) - idle
    # without delays all signals move right behind the edge, while the clock is high
    np.add.at(energy[:, REGISTER_GROUP], arrays.ff_data, arrays.ff_data_zj[:, 1].mean(axis=1))
    energy[arrays.input_net, INPUT_GROUP] += arrays.input_toggle_zj
    return energy


def settled_levels(lowered: LoweredNetlist) -> NDArray[np.uint8]:
    """Return the levels of all nets with inputs and registers at 0: `uint8[nets]`."""
    arrays = lowered.arrays
    level = np.zeros(lowered.nets, np.uint8)
    level[1] = 1
    for gate, net in enumerate(arrays.gate_output):
        pins = arrays.pin_net[arrays.pin_start[gate] : arrays.pin_start[gate + 1]]
        state = sum(int(level[pin]) << bit for bit, pin in enumerate(pins))
        level[net] = arrays.tables[arrays.table_start[gate] + state]
    return level
