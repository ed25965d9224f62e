"""Timed and zero-delay simulation of the project's MAC on the same streams differ by glitches and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from characterize.gates.lowering import GROUPS
from characterize.gates.simulation import LANES, SimulatedStreams
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.spec import ActivityKind, OperandSpec
from characterize.streams.stimulus import stream_generator
from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, mac_design
from characterize.technology.load import embedded_library


@pytest.fixture(scope="module")
def mac() -> MappedMac:
    design, interface = mac_design(DEFAULT_MULTIPLIER)
    return map_mac(design, interface, embedded_library(), 1500.0)


@pytest.fixture(scope="module")
def both(mac: MappedMac) -> tuple[SimulatedStreams, SimulatedStreams]:
    generator = stream_generator(OperandSpec(), 5, True)
    streams = [generator.stream(index, 8, 8) for index in range(LANES)]
    return mac.simulator(ActivityKind.TIMED).run(streams), mac.simulator(ActivityKind.ZERO_DELAY).run(streams)


def test_registers_and_inputs_toggle_alike(mac: MappedMac, both: tuple[SimulatedStreams, SimulatedStreams]) -> None:
    timed, settled = (outcome.activity for outcome in both)
    assert timed.cycles == settled.cycles
    for nets in (mac.lowered.arrays.ff_output, mac.lowered.arrays.input_net):
        np.testing.assert_array_equal(timed.toggles[nets], settled.toggles[nets])


def test_every_net_toggles_at_least_as_often_with_delays_and_settles_alike(
    both: tuple[SimulatedStreams, SimulatedStreams],
) -> None:
    timed, settled = (outcome.activity for outcome in both)
    assert (timed.toggles >= settled.toggles).all()
    # a glitch is two toggles: the parity of a net's toggles is that of its settled levels
    assert ((timed.toggles - settled.toggles) % 2 == 0).all()


def test_glitches_are_a_large_part_of_the_energy(both: tuple[SimulatedStreams, SimulatedStreams]) -> None:
    """A feasibility study saw 30-60 % of timed toggles as glitches."""
    timed, settled = (dict(zip(GROUPS, outcome.energy_zj.mean((0, 1)), strict=True)) for outcome in both)
    share = 1 - both[1].activity.toggles.sum() / both[0].activity.toggles.sum()
    assert 0.3 <= share <= 0.6
    assert settled["clock"] == pytest.approx(timed["clock"], rel=1e-6)
    assert settled["inputs"] == pytest.approx(timed["inputs"], rel=1e-6)
    assert settled["registers"] == pytest.approx(timed["registers"], rel=0.05)
    assert settled["multiplier"] < 0.9 * timed["multiplier"]
    assert settled["adder"] < 0.7 * timed["adder"]


def test_events_end_within_the_static_critical_path(both: tuple[SimulatedStreams, SimulatedStreams]) -> None:
    assert 500_000 < both[0].activity.latest_fs < 1_500_000


def test_time_high_is_within_the_simulated_time(both: tuple[SimulatedStreams, SimulatedStreams]) -> None:
    for outcome in both:
        activity = outcome.activity
        total = activity.cycles * activity.period_fs
        assert (activity.high_fs >= 0).all() and (activity.high_fs <= total).all()
        assert activity.high_fs[1] == total and activity.high_fs[0] == 0
