"""Energy per MAC of many cases (precisions, pruned operands), each simulated until its confidence interval is met."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from characterize.energy.statistics import Estimate, batch_estimate, batches_needed
from characterize.gates.activity import Activity
from characterize.gates.lowering import ADDER_GROUP, GROUPS, MULTIPLIER_GROUP, ZJ_PER_FJ
from characterize.gates.simulation import SimulatedStreams
from characterize.spec import Accounting
from characterize.streams.stimulus import OperandStream, Pruned, StreamGenerator

MIN_BATCHES = 24
MAX_BATCHES = 1200


class StreamSimulator(Protocol):
    """Whatever turns operand streams into energies."""

    streams_per_batch: int
    source: str

    def run(self, streams: Sequence[OperandStream]) -> SimulatedStreams:
        """Simulate streams of the same length."""


@dataclass(frozen=True, order=True)
class Case:
    """One thing to measure: a precision and which operand of the PE is forced to zero."""

    weight_bits: int
    activation_bits: int
    pruned: Pruned = Pruned.NONE


@dataclass(frozen=True, eq=False)
class Measurement:
    """Batch means of one case.

    `batches_fj: float64[batches, groups]`, the last column leakage; `capped` where the batch limit came first.
    """

    case: Case
    batches_fj: NDArray[np.float64]
    cycles: int
    capped: bool
    activity: Activity

    def batch_energy_fj(self, accounting: Accounting) -> NDArray[np.float64]:
        """Return the energy per MAC of every batch under an accounting, `float64[batches]`."""
        return accounted(self.batches_fj, accounting)

    def energy(self, accounting: Accounting) -> Estimate:
        """Return the energy per MAC, fJ, under an accounting."""
        return batch_estimate(self.batch_energy_fj(accounting))

    def breakdown_fj(self) -> dict[str, float]:
        """Return the mean energy per MAC of every group."""
        names = (*GROUPS, "leakage")
        return {name: float(value) for name, value in zip(names, self.batches_fj.mean(0), strict=True)}


def accounted(groups_fj: NDArray[np.float64], accounting: Accounting) -> NDArray[np.float64]:
    """Sum energies by group (last axis: GROUPS and leakage) to what an accounting counts."""
    if accounting is Accounting.COMBINATIONAL:
        parts = groups_fj[..., [MULTIPLIER_GROUP, ADDER_GROUP]]
    elif accounting is Accounting.NO_CLOCK:
        parts = groups_fj[..., 1:]
    else:
        parts = groups_fj
    total: NDArray[np.float64] = parts.sum(-1)
    return total


@dataclass(frozen=True)
class Campaign:
    """How cases are measured: simulator, streams, accuracy, and the leakage energy of a cycle (fJ)."""

    simulator: StreamSimulator
    generator: StreamGenerator
    ci: float
    accounting: Accounting
    leakage_fj: float
    jobs: int

    def measure(self, cases: Sequence[Case], done: Callable[[Measurement], None]) -> dict[Case, Measurement]:
        """Measure every case, `jobs` at a time; `done` is called (in this thread) as cases finish, in their order.

        The result of a case depends on nothing but the seed. An exception (Ctrl-C too) stops workers within a batch.
        """
        stop = threading.Event()
        pool = ThreadPoolExecutor(max_workers=max(1, self.jobs))
        try:
            waiting = [pool.submit(self.measure_case, case, stop) for case in cases]
            results = {}
            for case, future in zip(cases, waiting, strict=True):
                results[case] = future.result()
                done(results[case])
            return results
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def measure_case(self, case: Case, stop: threading.Event) -> Measurement:
        """Simulate batch after batch until the interval is met, the limit is reached or `stop` is set."""
        parts: list[NDArray[np.float64]] = []
        activity: Activity | None = None
        wanted = MIN_BATCHES
        size = self.simulator.streams_per_batch
        count = 0
        while True:
            while count < wanted and not stop.is_set():
                take = min(8, wanted - count) if size == 1 else 1
                streams = [self._stream(index, case) for index in range(count * size, (count + take) * size)]
                outcome = self.simulator.run(streams)
                parts.append(outcome.energy_zj.mean(1) / ZJ_PER_FJ)
                activity = outcome.activity if activity is None else activity + outcome.activity
                count += take
            groups = np.concatenate(parts)
            batches = np.column_stack([groups, np.full(len(groups), self.leakage_fj)])
            energies = accounted(batches, self.accounting)
            met = batch_estimate(energies).ci95_rel <= self.ci
            if met or stop.is_set() or count >= MAX_BATCHES:
                break
            wanted = min(MAX_BATCHES, max(count + 8, batches_needed(energies, self.ci)))
        assert activity is not None
        return Measurement(case, batches, activity.cycles, not met, activity)

    def mean_groups_fj(self, streams: Sequence[OperandStream]) -> NDArray[np.float64]:
        """Return the mean energy per MAC of streams by group, leakage last, `float64[groups]`."""
        groups = self.simulator.run(streams).energy_zj.mean((0, 1)) / ZJ_PER_FJ
        return np.append(groups, self.leakage_fj)

    def _stream(self, index: int, case: Case) -> OperandStream:
        return self.generator.stream(index, case.weight_bits, case.activation_bits, case.pruned)
