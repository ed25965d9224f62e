"""Confidence intervals: right width, right coverage, met or reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from characterize.energy.measurement import MAX_BATCHES, Campaign, Case, Measurement, accounted
from characterize.energy.results import REFERENCE, cases_for, energy_results
from characterize.energy.statistics import batch_estimate, batches_needed
from characterize.gates.activity import Activity
from characterize.gates.lowering import GROUPS
from characterize.gates.simulation import SimulatedStreams
from characterize.spec import Accounting, Dataflow, OperandSpec
from characterize.streams.stimulus import OperandStream, Pruned, stream_generator
from hwsim.vocabulary import Precision


class ToggleCounter:
    """A stand-in simulator: a cycle costs 1 fJ in each group, and 1 fJ a toggled activation bit in the multiplier."""

    streams_per_batch = 1
    source = "counter"

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise

    def run(self, streams: Sequence[OperandStream]) -> SimulatedStreams:
        energy = np.full((len(streams), streams[0].cycles, len(GROUPS)), 10**6, np.int64)
        for row, stream in enumerate(streams):
            flips = stream.activation ^ np.roll(stream.activation, 1)
            energy[row, :, 3] += np.array([bin(int(v) & 255).count("1") for v in flips]) * 10**6
            energy[row, :, 4] += int(self.noise * 10**6 * abs(float(stream.weight.mean())))
        empty = np.zeros(2, np.int64)
        return SimulatedStreams(energy, Activity(("0", "1"), empty, empty, streams[0].cycles * len(streams), 1, "x"))


def campaign(ci: float, noise: float = 0.0, jobs: int = 2) -> Campaign:
    generator = stream_generator(OperandSpec(hold_cycles=4, chain_depth=2), 1, True)
    return Campaign(ToggleCounter(noise), generator, ci, Accounting.TOTAL, 0.25, jobs)


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(1000):
        estimate = batch_estimate(rng.normal(10, 3, 12))
        hits += abs(estimate.mean - 10) <= estimate.ci95_rel * estimate.mean
    assert 0.93 <= hits / 1000 <= 0.97


def test_one_batch_has_no_interval() -> None:
    assert batch_estimate(np.array([3.0])).ci95_rel == float("inf")


def test_predicted_batches_reach_the_width() -> None:
    rng = np.random.default_rng(5)
    first = rng.normal(100, 20, 50)
    wanted = batches_needed(first, 0.02)
    assert batch_estimate(rng.normal(100, 20, wanted)).ci95_rel == pytest.approx(0.02, rel=0.25)


def test_runs_until_the_interval_is_met() -> None:
    found = {ci: campaign(ci, noise=0.5).measure([REFERENCE], lambda m: None)[REFERENCE] for ci in (0.2, 0.02)}
    for ci, measurement in found.items():
        assert measurement.energy(Accounting.TOTAL).ci95_rel <= ci
        assert not measurement.capped
    assert len(found[0.02].batches_fj) > len(found[0.2].batches_fj)


def test_an_interval_that_cannot_be_met_is_reported() -> None:
    measurement = campaign(1e-6, noise=50.0).measure([REFERENCE], lambda m: None)[REFERENCE]
    assert measurement.capped
    assert len(measurement.batches_fj) == MAX_BATCHES


def test_threads_change_nothing() -> None:
    cases = cases_for([Precision(4, 4), Precision(8, 8)], Dataflow.WEIGHT_STATIONARY)
    one, four = (campaign(0.05, 1.0, jobs).measure(cases, lambda m: None) for jobs in (1, 4))
    for case in cases:
        assert (one[case].batches_fj == four[case].batches_fj).all()


def test_a_failing_simulator_stops_the_campaign() -> None:
    class Broken(ToggleCounter):
        def run(self, streams: Sequence[OperandStream]) -> SimulatedStreams:
            raise KeyboardInterrupt

    broken = Campaign(Broken(), campaign(0.1).generator, 0.1, Accounting.TOTAL, 0.0, 2)
    with pytest.raises(KeyboardInterrupt):
        broken.measure(cases_for([Precision(8, 8)], Dataflow.WEIGHT_STATIONARY), lambda m: None)


def test_accountings_count_what_they_say() -> None:
    groups = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])  # clock, registers, inputs, multiplier, adder, leakage
    assert accounted(groups, Accounting.TOTAL) == 63
    assert accounted(groups, Accounting.NO_CLOCK) == 62
    assert accounted(groups, Accounting.COMBINATIONAL) == 24


def test_figures_of_the_table_follow_from_the_measurements() -> None:
    def fake(case: Case, energy_fj: float) -> Measurement:
        batches = np.zeros((30, 6))
        batches[:, 3] = energy_fj
        empty = np.zeros(2, np.int64)
        return Measurement(case, batches, 1, False, Activity(("0", "1"), empty, empty, 1, 1, "x"))

    pairs = [Precision(4, 4), Precision(8, 8)]
    for dataflow, zero, expected in (
        (Dataflow.WEIGHT_STATIONARY, Pruned.WEIGHT, 0.3),
        (Dataflow.ROW_STATIONARY, Pruned.HALF_WEIGHTS, 0.2),
    ):
        figures = {Case(4, 4): 120.0, Case(8, 8): 200.0, Case(8, 8, Pruned.ACTIVATION): 50.0}
        figures |= {Case(4, 4, Pruned.ACTIVATION): 40.0, Case(4, 4, zero): 90.0}
        # weights held: the zero itself; weights streaming: half of them zero, so (200 + 40) / 2
        figures[Case(8, 8, zero)] = 60.0 if zero is Pruned.WEIGHT else 120.0
        assert set(figures) == set(cases_for(pairs, dataflow))
        measured = {case: fake(case, energy_fj) for case, energy_fj in figures.items()}
        results = energy_results(measured, pairs, dataflow, Accounting.COMBINATIONAL)
        assert results.r_q == {4: {4: 0.6}, 8: {8: 1.0}}
        assert results.p_fg == pytest.approx(expected)
        assert results.zero_activation_fj == {4: 40.0, 8: 50.0}
