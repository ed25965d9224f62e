"""Puts operand streams on the bits of a netlist's input ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from characterize.streams.stimulus import OperandStream, bit_columns

RESET_CYCLES = 3


@dataclass(frozen=True)
class PortDrive:
    """Which input ports carry what.

    `widths`: port name to bits, in the order of the kernels' input columns. Each role names its port or is None where
    the MAC has none; `reset_active` is the level that resets. `psum_lag` is by how many cycles psum_in follows the
    operands that it is added to. `constants`: ports that stay at a level (enable, clear).
    """

    widths: dict[str, int]
    weight: str
    activation: str
    psum_in: str | None = None
    weight_load: str | None = None
    reset: str | None = None
    reset_active: int = 1
    psum_lag: int = 0
    constants: Mapping[str, int] = field(default_factory=dict)

    def columns(self, stream: OperandStream, warm_up: int) -> NDArray[np.uint8]:
        """Return input levels, `uint8[warm_up + cycles, inputs]`.

        The warm-up replays the end of the stream with the weight loading (reset first, where there is one), so that
        the first counted cycle follows from a cycle of the same statistics.
        """
        cycles = np.concatenate([np.arange(stream.cycles - warm_up, stream.cycles), np.arange(stream.cycles)])
        load = stream.load[cycles]
        load[:warm_up] = 1
        reset = np.full(cycles.size, 1 - self.reset_active, np.int64)
        if warm_up > RESET_CYCLES:
            reset[:RESET_CYCLES] = self.reset_active
        values = {
            self.weight: stream.weight[cycles],
            self.activation: stream.activation[cycles],
            self.psum_in: stream.psum[cycles - self.psum_lag],  # wraps: the stream is taken as circular
            self.weight_load: load,
            self.reset: reset,
        } | {port: np.full(cycles.size, level, np.int64) for port, level in self.constants.items()}
        columns = [bit_columns(values[name], width) for name, width in self.widths.items()]
        return np.ascontiguousarray(np.concatenate(columns, axis=1))
