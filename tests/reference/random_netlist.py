"""Random small netlists as kernel arrays, with random delays and energies."""

from __future__ import annotations

from typing import Any

import numpy as np

from characterize.gates.arrays import GateArrays


def random_netlist(seed: int, gates: int = 25, registers: int = 4, inputs: int = 5, coarse: bool = False) -> Any:
    """Return (arrays, nets); `coarse` delays make many events coincide, down to the same femtosecond."""
    rng = np.random.default_rng(seed)
    input_net = np.arange(2, 2 + inputs)
    ff_output = np.arange(2 + inputs, 2 + inputs + registers)
    first = 2 + inputs + registers
    nets = first + gates
    widths = rng.integers(1, 5, gates)
    pins = [rng.integers(0 if rng.random() < 0.1 else 2, first + g, widths[g]) for g in range(gates)]
    tables = [rng.integers(0, 2, 1 << k) for k in widths]
    events = int(sum(int(k) << int(k) for k in widths))

    def times(*shape: int) -> Any:
        return rng.integers(1, 6, shape) * 10_000 if coarse else rng.integers(1_000, 60_000, shape)

    def energies(*shape: int) -> Any:
        return rng.integers(-1_000, 900_000, shape)

    arrays = GateArrays(
        gate_output=np.arange(first, nets, dtype=np.int32),
        gate_group=rng.integers(3, 5, gates).astype(np.int32),
        pin_start=np.cumsum([0, *widths]).astype(np.int32),
        pin_net=np.concatenate(pins).astype(np.int32),
        table_start=np.cumsum([0] + [1 << k for k in widths])[:-1].astype(np.int32),
        tables=np.concatenate(tables).astype(np.uint8),
        arc_start=np.cumsum([0] + [int(k) << int(k) for k in widths])[:-1].astype(np.int32),
        delay_fs=times(events),
        output_energy_zj=energies(events),
        input_energy_zj=energies(events),
        ff_data=rng.integers(2, nets, registers).astype(np.int32),
        ff_output=ff_output.astype(np.int32),
        ff_invert=rng.integers(0, 2, registers).astype(np.uint8),
        ff_delay_fs=times(registers, 2),
        ff_toggle_zj=energies(registers, 2),
        ff_clock_rise_zj=energies(registers, 2),
        ff_clock_fall_zj=energies(registers, 2, 2),
        ff_data_zj=energies(registers, 2, 2),
        input_net=input_net.astype(np.int32),
        input_delay_fs=times(inputs, 2),
        input_toggle_zj=energies(inputs),
        period_fs=np.array([2_000_000]),
    )
    return arrays, nets
