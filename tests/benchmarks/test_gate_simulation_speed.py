"""Speed of the compiled gate-level simulators on the project's own MAC, and of a whole table."""

from __future__ import annotations

import time

import pytest

from characterize.commands.run import run as run_command
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.runs.pipeline import characterize
from characterize.spec import ActivityKind, OperandSpec, RunSpec
from characterize.streams.stimulus import stream_generator
from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, mac_design
from characterize.technology.load import embedded_library

pytestmark = pytest.mark.slow

TIMED_CYCLES_PER_S = 50_000
ZERO_DELAY_RATIO = 50


@pytest.fixture(scope="module")
def mac() -> MappedMac:
    design, interface = mac_design(DEFAULT_MULTIPLIER)
    return map_mac(design, interface, embedded_library(), 1500.0)


def cpu_speed(mac: MappedMac, kind: ActivityKind, streams: int) -> float:
    """Cycles per second of processor time, best of five, compilation apart."""
    simulator = mac.simulator(kind)
    generator = stream_generator(OperandSpec(), 0, True)
    batch = [generator.stream(index, 8, 8) for index in range(streams)]
    simulator.run(batch)
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        outcome = simulator.run(batch)
        best = max(best, outcome.activity.cycles / (time.process_time() - started))
    return best


def test_timed_cycles_per_second(mac: MappedMac) -> None:
    assert len(mac.netlist.cells) >= 450
    speed = cpu_speed(mac, ActivityKind.TIMED, 24)
    print(f"timed: {speed:,.0f} cycles/s of one core, {len(mac.netlist.cells)} cells")
    assert speed >= TIMED_CYCLES_PER_S


def test_zero_delay_is_a_preview(mac: MappedMac) -> None:
    timed, settled = cpu_speed(mac, ActivityKind.TIMED, 24), cpu_speed(mac, ActivityKind.ZERO_DELAY, 64)
    print(f"zero-delay: {settled:,.0f} cycles/s, stimulus packing included; {settled / timed:.0f} times timed")
    assert settled >= ZERO_DELAY_RATIO * timed


def test_full_table_in_three_minutes() -> None:
    assert run_command.name == "run"
    started = time.process_time()
    outcome = characterize(RunSpec(ci=0.02, period_ps=1500.0))
    spent_s = time.process_time() - started
    print(f"49 pairs at 2 %: {spent_s:.1f} s of processor time")
    assert max(ci for row in outcome.table.ci95_rel.values() for ci in row.values()) <= 0.02
    assert spent_s <= 2 * 180
