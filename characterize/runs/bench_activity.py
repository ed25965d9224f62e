"""Switching activity taken from the cocotb bench: the netlist in Icarus (timed) or Verilator (settled levels)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from characterize.bench.launch import build_bench, run_bench
from characterize.bench.simulators import HdlSimulator, MissingTools, find_simulator
from characterize.bench.verification import gates_under_test
from characterize.gates.activity import Activity
from characterize.gates.lowering import GROUPS
from characterize.gates.simulation import WARM_UP, SimulatedStreams, clock_energy_zj, mean_toggle_energies
from characterize.gates.timed_netlist import Delays, timed_verilog
from characterize.gates.vcd import Window, read_windows
from characterize.kernels.timed import CLOCK_GROUP
from characterize.mac.integer_model import behaviour_of
from characterize.mac.interface import Role
from characterize.mac.vectors import COLUMNS, Vectors
from characterize.runs.mapped_mac import MappedMac
from characterize.streams.stimulus import OperandStream
from hwsim.errors import RunError


class BenchSimulator:
    """A netlist on the cocotb bench, as a source of activity; energy is toggles times the mean energy of each net's.

    Icarus simulates the compiled simulation's own delays and therefore counts glitches, Verilator settled levels only.
    """

    streams_per_batch = 1

    def __init__(self, mac: MappedMac, simulator: HdlSimulator) -> None:
        """Build the bench; raises RunError naming what to install where the simulator cannot run."""
        toolchain = find_simulator(simulator)
        if isinstance(toolchain, MissingTools):
            raise RunError(f"--simulator {simulator.value}: {toolchain.sentence()}, or use --simulator compiled")
        timed = simulator is HdlSimulator.ICARUS
        delays = Delays.EXACT if timed else Delays.NONE
        self.source = f"{toolchain.version}, {'timed' if timed else 'zero-delay'}"
        self._mac = mac
        design = gates_under_test(mac.netlist.name, mac.interface)
        self._bench = build_bench(
            toolchain,
            behaviour_of(mac.interface),
            (design,),
            {"gates.v": timed_verilog(mac.lowered, design.module, mac.interface.ports[Role.CLOCK], delays)},
            waves=True,
        )
        self._toggle_zj = mean_toggle_energies(mac.lowered)

    def run(self, streams: Sequence[OperandStream]) -> SimulatedStreams:
        """Simulate streams one after the other, each with its own warm-up; energies are means over a stream."""
        lowered = self._mac.lowered
        period_fs = lowered.period_fs
        steps = [WARM_UP + stream.cycles for stream in streams]
        with tempfile.TemporaryDirectory(prefix="characterize-bench-") as name:
            result = run_bench(self._bench, self._vectors(streams), Path(name), period_fs, compare=False)
            ends = result.start_fs + np.cumsum(steps) * period_fs
            windows = [
                Window(int(end) - stream.cycles * period_fs, int(end))
                for stream, end in zip(streams, ends, strict=True)
            ]
            counts = read_windows(Path(name) / "dump.vcd", lowered.net_names, windows)
        energy = np.zeros((len(streams), 1, len(GROUPS)), np.int64)
        for index, stream in enumerate(streams):
            energy[index, 0] = np.rint(counts.toggles[index] @ self._toggle_zj / stream.cycles)
            high = counts.high_fs[index] / (stream.cycles * period_fs)
            both = high[lowered.arrays.ff_data] * high[lowered.arrays.ff_output]
            energy[index, 0, CLOCK_GROUP] = clock_energy_zj(lowered.arrays, high, both)
        cycles = sum(stream.cycles for stream in streams)
        toggles, high_fs = counts.toggles.sum(0), counts.high_fs.sum(0)
        return SimulatedStreams(energy, Activity(lowered.net_names, toggles, high_fs, cycles, period_fs, self.source))

    def _vectors(self, streams: Sequence[OperandStream]) -> Vectors:
        """Return the port values of all streams, by role."""
        drive, ports = self._mac.drive, self._mac.interface.ports
        bits = np.concatenate([drive.columns(stream, WARM_UP) for stream in streams])
        values: dict[str, NDArray[np.int64]] = {}
        first = 0
        for port, width in drive.widths.items():
            column = bits[:, first : first + width].astype(np.int64)
            values[port] = (column << np.arange(width)).sum(1)
            first += width
        zeros = np.zeros(len(bits), np.int64)
        by_role = {role.value: values[port] for role, port in ports.items() if port in values}
        reset = by_role.get("reset", zeros)
        vectors = Vectors(
            weight=by_role["weight"],
            activation=by_role["activation"],
            psum_in=by_role.get("psum_in", zeros),
            weight_load=by_role.get("weight_load", zeros + 1),
            reset=(reset == drive.reset_active).astype(np.int64) if "reset" in by_role else zeros,
            segment=zeros,
            segment_names=("streams",),
        )
        # one more edge, so that the last cycle is as long as the others
        last = {name: np.append(getattr(vectors, name), getattr(vectors, name)[-1:]) for name in COLUMNS}
        return Vectors(**last, segment=np.append(zeros, 0), segment_names=vectors.segment_names)
