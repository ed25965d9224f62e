"""The compiled timed simulation beside Icarus with delays: same netlist, same stream, processor time of both.

Both deliver toggles of every net, which Icarus does as a dump (reading it is not counted); its speed without a dump is
printed for information.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from characterize.bench.simulators import HdlSimulator, MissingTools, find_simulator
from characterize.gates.simulation import WARM_UP, TimedSimulator
from characterize.gates.timed_netlist import Delays
from characterize.runs.icarus_check import write_replay
from characterize.runs.mapped_mac import map_mac
from characterize.spec import OperandSpec
from characterize.streams.stimulus import OperandStream, stream_generator
from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, mac_design
from characterize.technology import load as technology

pytestmark = pytest.mark.slow
TARGET_RATIO = 15
CYCLES = 1500


def icarus_seconds(folder: Path, write: Callable[[Path], None]) -> float:
    """Processor time of a replay, compilation apart."""
    folder.mkdir()
    write(folder)
    command = ["iverilog", "-g2005-sv", "-o", "r", "-s", "replay", "netlist.v", "replay.v"]
    subprocess.run(command, cwd=folder, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["vvp", "-n", "r", "-vcd"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("delays", [Delays.GATE, Delays.EXACT])
def test_compiled_timed_simulation_outruns_icarus(tmp_path: Path, delays: Delays) -> None:
    found = find_simulator(HdlSimulator.ICARUS)
    if isinstance(found, MissingTools):
        pytest.skip(found.sentence())
    design, interface = mac_design(DEFAULT_MULTIPLIER)
    mac = map_mac(design, interface, technology.embedded_library(), 1500.0)
    generator = stream_generator(OperandSpec(), 0, True)
    parts = [generator.stream(index, 8, 8) for index in range(-(-CYCLES // generator.stream(0, 8, 8).cycles))]
    names = ("weight", "activation", "psum", "load")
    stream = OperandStream(*(np.concatenate([getattr(part, name) for part in parts])[:CYCLES] for name in names))
    simulator = TimedSimulator(mac.lowered, mac.drive)
    simulator.run([stream])  # compiles, and warms the caches
    started = time.process_time()
    for _ in range(5):
        simulator.run([stream])
    compiled_s = (time.process_time() - started) / 5

    columns = mac.drive.columns(stream, WARM_UP)
    silent_s = icarus_seconds(
        tmp_path / "silent",
        lambda folder: write_replay(mac.lowered, "clk", columns, CYCLES + WARM_UP - 1, folder, delays=delays),
    )
    icarus_s = icarus_seconds(
        tmp_path / "dump", lambda folder: write_replay(mac.lowered, "clk", columns, WARM_UP, folder, delays=delays)
    )
    ratio = icarus_s / compiled_s
    print(
        f"{delays.value} delays, cycles/s: compiled {CYCLES / compiled_s:.0f}, Icarus {CYCLES / icarus_s:.0f}"
        f" ({ratio:.1f}x), without a dump {CYCLES / silent_s:.0f} ({silent_s / compiled_s:.1f}x)"
    )
    assert ratio >= TARGET_RATIO
