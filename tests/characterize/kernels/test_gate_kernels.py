"""The compiled simulators equal their readable twins exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from characterize.gates.tape import write_tape
from characterize.kernels.timed import simulate_timed
from characterize.kernels.zero_delay import simulate_zero_delay
from tests.reference import timed_simulation as twin
from tests.reference.random_netlist import random_netlist

GROUPS = 5


def _start(arrays: Any, nets: int) -> Any:
    level = [0, 1] + [0] * (nets - 2)
    twin.settled(arrays, level)
    return np.array(level, np.uint8)


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_timed_kernel_equals_event_queue(seed: int, coarse: bool) -> None:
    arrays, nets = random_netlist(seed, coarse=coarse)
    stimulus = np.random.default_rng(seed).integers(0, 2, (2, 12, arrays.input_net.size)).astype(np.uint8)
    value = _start(arrays, nets)
    energy = np.zeros((2, 10, GROUPS), np.int64)
    toggles, high_fs = np.zeros(nets, np.int64), np.zeros(nets, np.int64)
    status, latest = simulate_timed(arrays, stimulus, 2, value, energy, toggles, high_fs)
    expected = twin.simulate_timed(arrays, stimulus, 2, value, GROUPS)
    assert status == 0
    assert 0 < latest < 2_000_000
    assert toggles.sum() > 0
    np.testing.assert_array_equal(energy, expected[0])
    np.testing.assert_array_equal(toggles, expected[1])
    np.testing.assert_array_equal(high_fs, expected[2])


@pytest.mark.parametrize("seed", range(12))
def test_zero_delay_kernel_equals_bitwise_twin(seed: int) -> None:
    arrays, nets = random_netlist(seed)
    rng = np.random.default_rng(seed)
    lanes = rng.integers(0, 2, (64, 14, arrays.input_net.size)).astype(np.uint8)
    value = _start(arrays, nets)
    tape, slots = write_tape(arrays, nets)
    word = np.zeros(slots, np.uint64)
    word[:nets] = np.where(value == 1, np.uint64(2**64 - 1), np.uint64(0))
    packed = np.zeros(lanes.shape[1:], np.uint64)
    for lane in range(64):
        packed |= lanes[lane].astype(np.uint64) << np.uint64(lane)
    toggles, high = np.zeros(nets, np.int64), np.zeros(nets, np.int64)
    both = np.zeros(arrays.ff_output.size, np.int64)
    simulate_zero_delay(
        tape, arrays.ff_data, arrays.ff_output, arrays.ff_invert, arrays.input_net, packed, 2, word, toggles, high, both
    )
    expected = [twin.simulate_zero_delay(arrays, lanes[lane], 2, value) for lane in range(64)]
    np.testing.assert_array_equal(toggles, sum(part[0] for part in expected))
    np.testing.assert_array_equal(high, sum(part[1] for part in expected))
    np.testing.assert_array_equal(both, sum(part[2] for part in expected))
