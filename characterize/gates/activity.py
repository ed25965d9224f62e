"""Switching activity of a netlist: toggles and time high of every net, whoever simulated it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Activity:
    """What every net did over a simulated time.

    `toggles: int64[nets]`, `high_fs: int64[nets]` time at level 1; `cycles` of `period_fs` each were simulated in
    all; `latest_fs` is the latest event of any cycle behind its clock edge (0 where the simulation had no delays).
    `source` names the simulator and the kind of activity.
    """

    net_names: tuple[str, ...]
    toggles: NDArray[np.int64]
    high_fs: NDArray[np.int64]
    cycles: int
    period_fs: int
    source: str
    latest_fs: int = 0

    def with_clock(self, clock: str) -> Activity:
        """Return the activity with the clock net's own: two toggles a cycle, high for half of it."""
        net = self.net_names.index(clock)
        toggles, high_fs = self.toggles.copy(), self.high_fs.copy()
        toggles[net], high_fs[net] = 2 * self.cycles, self.cycles * (self.period_fs // 2)
        return replace(self, toggles=toggles, high_fs=high_fs)

    def __add__(self, other: Activity) -> Activity:
        """Return the activity of two simulations of the same netlist taken together."""
        return Activity(
            self.net_names,
            self.toggles + other.toggles,
            self.high_fs + other.high_fs,
            self.cycles + other.cycles,
            self.period_fs,
            self.source,
            max(self.latest_fs, other.latest_fs),
        )
