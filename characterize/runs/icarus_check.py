"""Timed replay of a netlist in Icarus Verilog, and its toggles beside those of the compiled simulation, net by net."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, computed_field

from characterize.bench.simulators import HdlSimulator, Toolchain, find_simulator
from characterize.gates.activity import Activity
from characterize.gates.lowering import LoweredNetlist
from characterize.gates.simulation import WARM_UP, TimedSimulator
from characterize.gates.timed_netlist import Delays, timed_verilog
from characterize.gates.vcd import read_vcd, with_netlist_names
from characterize.mac.interface import Role
from characterize.runs.mapped_mac import lower_mac
from characterize.runs.recorded_run import RecordedRun
from characterize.spec import OperandSpec
from characterize.streams.port_drive import PortDrive
from characterize.streams.stimulus import OperandStream, stream_generator
from hwsim.errors import RunError
from hwsim.files.writing import write_text

TOLERANCE = 0.01
"""Relative difference of all toggles that still counts as agreement."""


class NotCompared(BaseModel):
    """Why toggles were not compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["not compared"] = "not compared"
    reason: str

    @property
    def agrees(self) -> bool:
        """Nothing was found to differ."""
        return True

    def sentence(self) -> str:
        """Return the reason in one line."""
        return f"{self.status}: {self.reason}"


class ToggleComparison(BaseModel):
    """Toggles of two simulations of the same netlist and stimulus.

    `difference_rel`: sum over nets of the differences' magnitudes, relative to all toggles of `reference`; `worst_net`
    differs most.
    """

    model_config = ConfigDict(frozen=True)  # `agrees` is written, and follows from the rest when read

    reference: str
    nets: int
    cycles: int
    toggles: int
    reference_toggles: int
    difference_rel: float
    worst_net: str
    worst_toggles: int
    worst_reference_toggles: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Tell whether the difference is within TOLERANCE."""
        return self.difference_rel <= TOLERANCE

    def sentence(self) -> str:
        """Return the comparison in one line."""
        counted = f"{self.toggles} toggles on {self.nets} nets in {self.cycles} cycles"
        apart = f"{100 * self.difference_rel:.3f} % apart net by net"
        if self.difference_rel > 0:
            apart += f", worst '{self.worst_net}' ({self.worst_toggles} and {self.worst_reference_toggles})"
        return f"{counted}, {self.reference} {self.reference_toggles}: {apart}"


def compare_toggles(activity: Activity, reference: Activity, clock: str) -> ToggleComparison:
    """Compare two activities of one netlist, the clock net left out; raises RunError where the netlists differ."""
    if activity.net_names != reference.net_names or activity.cycles != reference.cycles:
        raise RunError("toggles can only be compared on the same netlist over the same cycles")
    data = np.array([name != clock for name in activity.net_names])
    apart = np.abs(activity.toggles - reference.toggles) * data
    worst = int(apart.argmax())
    total = int(reference.toggles[data].sum())
    return ToggleComparison(
        reference=reference.source,
        nets=int(data.sum()) - 2,
        cycles=activity.cycles,
        toggles=int(activity.toggles[data].sum()),
        reference_toggles=total,
        difference_rel=float(apart.sum() / max(total, 1)),
        worst_net=activity.net_names[worst],
        worst_toggles=int(activity.toggles[worst]),
        worst_reference_toggles=int(reference.toggles[worst]),
    )


def check_toggles(
    run: RecordedRun, cycles: int, seed: int, vcd_file: Path | None = None
) -> ToggleComparison | NotCompared:
    """Compare toggles of a recorded run's netlist on DNN-like streams, or return what to install to do so."""
    icarus = find_simulator(HdlSimulator.ICARUS)
    if not isinstance(icarus, Toolchain):
        return NotCompared(reason=icarus.sentence())
    spec, interface = run.record.spec, run.record.interface
    lowered, drive = lower_mac(run.netlist, interface, spec.period_ps, spec.wire_load_ff)
    generator = stream_generator(OperandSpec(), seed, interface.activation_signed, interface.widths)
    parts = [generator.stream(0, 8, 8)]
    while sum(part.cycles for part in parts) < cycles:
        parts.append(generator.stream(len(parts), 8, 8))
    columns = ("weight", "activation", "psum", "load")
    joined = {name: np.concatenate([getattr(part, name) for part in parts])[:cycles] for name in columns}
    return compare_with_icarus(lowered, drive, interface.ports[Role.CLOCK], OperandStream(**joined), vcd_file)


def replay(
    lowered: LoweredNetlist, clock: str, stimulus: NDArray[np.uint8], warm_up: int, vcd_file: Path | None = None
) -> Activity:
    """Simulate `stimulus: uint8[warm_up + cycles, inputs]` with the netlist's own delays in Icarus.

    Counting starts behind the warm-up, as in the compiled simulation. `vcd_file` receives the dump. Raises RunError
    where Icarus is missing or fails.
    """
    icarus = find_simulator(HdlSimulator.ICARUS)
    if not isinstance(icarus, Toolchain):
        raise RunError(icarus.sentence())
    period_fs = lowered.period_fs
    with tempfile.TemporaryDirectory(prefix="characterize-icarus-") as name:
        folder = Path(name)
        write_replay(lowered, clock, stimulus, warm_up, folder)
        _run(["iverilog", "-g2005-sv", "-o", "replay.vvp", "-s", "replay", "netlist.v", "replay.v"], folder)
        _run(["vvp", "-n", "replay.vvp", "-vcd"], folder)
        cycles = stimulus.shape[0] - warm_up
        activity = read_vcd(folder / "replay.vcd", lowered.net_names, cycles, period_fs, icarus.version)
        if vcd_file is not None:
            write_text(vcd_file, with_netlist_names((folder / "replay.vcd").read_text(), lowered.net_names))
    return activity


def compare_with_icarus(
    lowered: LoweredNetlist, drive: PortDrive, clock: str, stream: OperandStream, vcd_file: Path | None = None
) -> ToggleComparison:
    """Simulate a stream compiled and in Icarus, and compare their toggles (see replay)."""
    compiled = TimedSimulator(lowered, drive).run([stream]).activity
    reference = replay(lowered, clock, drive.columns(stream, WARM_UP), WARM_UP, vcd_file)
    return compare_toggles(compiled, reference, clock)


def write_replay(
    lowered: LoweredNetlist,
    clock: str,
    stimulus: NDArray[np.uint8],
    warm_up: int,
    folder: Path,
    *,
    delays: Delays = Delays.EXACT,
) -> None:
    """Write netlist, testbench and stimulus of a replay into a folder."""
    period_fs = lowered.period_fs
    (folder / "netlist.v").write_text(timed_verilog(lowered, "timed", clock, delays))
    # the last column is the leftmost bit of a word
    rows = np.ascontiguousarray(stimulus[:, ::-1]) + ord("0")
    (folder / "stimulus.txt").write_text("\n".join(row.tobytes().decode() for row in rows.astype(np.uint8)) + "\n")
    pins, first = [f".{clock}(clk)"], 0
    for name, nets in lowered.input_nets.items():
        pins.append(f".{name}(word[{first} +: {len(nets)}])")
        first += len(nets)
    steps = stimulus.shape[0]
    (folder / "replay.v").write_text(
        f"""`timescale 1fs/1fs
module replay;
  reg clk = 0;
  reg [{first - 1}:0] word = 0, words [0:{steps - 1}];
  integer step;
  timed dut ({", ".join(pins)});
  initial begin
    $readmemb("stimulus.txt", words);
    #{period_fs};
    for (step = 0; step < {steps}; step = step + 1) begin
      if (step == {warm_up}) begin
        $dumpfile("replay.vcd");
        $dumpvars(1, dut);
      end
      clk <= 1;
      word <= words[step];
      #{period_fs // 2} clk <= 0;
      #{period_fs - period_fs // 2};
    end
    $finish;
  end
endmodule
"""
    )


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise RunError(f"Icarus Verilog failed in the timed replay: {told[0]}")
