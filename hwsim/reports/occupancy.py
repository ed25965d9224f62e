"""Where on the array a mapping sits, and how busy each PE is over a run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.engines.analytic import Analysis, full_pass
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.mapping.lowering import lower_layer
from hwsim.simulation.run import Run

Floats = NDArray[np.float64]


def mapped_pes(tile: AcceleratorSpec, analysis: Analysis) -> NDArray[np.bool_]:
    """Return which PEs a full pass uses, bool[rows, columns].

    Chains of r sets stand one above the other and fill the array from the top left; a set wider than the array is cut
    into segments, one below the other.
    """
    done = full_pass(lower_layer(analysis.layer), analysis.mapping.lowered())
    used = np.zeros((tile.array_rows, tile.array_columns), np.bool_)
    # where a chain of fewer sets stands, the array keeps the place of all r
    height = done.rows * analysis.mapping.r
    across = max(1, tile.array_columns // done.columns)
    segments = -(-done.columns // tile.array_columns)
    for chain in range(done.chains):
        for segment in range(segments):
            down, right = divmod(chain, across) if segments == 1 else (chain * segments + segment, 0)
            width = min(done.columns - segment * tile.array_columns, tile.array_columns)
            top, left = down * height, right * done.columns
            used[top : top + done.rows * done.sets, left : left + width] = True
    return used


def busy_share(run: Run) -> Floats:
    """Return the share of the run's cycles in which each PE computes, float64[rows, columns].

    A layer's operations are spread evenly over the PEs that a full pass of its mapping uses.
    """
    total = np.zeros((run.tile.array_rows, run.tile.array_columns))
    for one in run.runs:
        used = mapped_pes(run.tile, one.analysis)
        busy_cycles = one.analysis.utilization * run.tile.pes * one.analysis.cycles / max(1, int(used.sum()))
        total += used * busy_cycles
    return total / run.cycles
