"""What a standard-cell library says about its cells, as far as activity, delay and energy need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from characterize.technology.boolean import BooleanFunction
from hwsim.errors import InputError


class PinDirection(Enum):
    """Direction of a cell's pin."""

    INPUT = "input"
    OUTPUT = "output"


class Sense(Enum):
    """How an output follows the input of a timing arc."""

    POSITIVE = "positive_unate"
    NEGATIVE = "negative_unate"
    NON_UNATE = "non_unate"

    def input_edges(self, output_edge: int) -> tuple[int, ...]:
        """Return the input edges (0 falling, 1 rising) that can cause an output edge."""
        if self is Sense.NON_UNATE:
            return (0, 1)
        return (output_edge,) if self is Sense.POSITIVE else (1 - output_edge,)


@dataclass(frozen=True, eq=False)
class Table:
    """A figure over input slew and output load, linear between the points and beyond them.

    `slews_ps`: float64[S], `loads_ff`: float64[L], `values`: float64[S, L]; one point on an axis means no dependence.
    """

    slews_ps: NDArray[np.float64]
    loads_ff: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, slew_ps: float, load_ff: float) -> float:
        """Return the figure at a slew and load."""
        i, x = _bracket(self.slews_ps, slew_ps)
        j, y = _bracket(self.loads_ff, load_ff)
        v = self.values
        low = v[i, j] if y == 0.0 else v[i, j] * (1.0 - y) + v[i, j + 1] * y
        if x == 0.0:
            return float(low)
        high = v[i + 1, j] if y == 0.0 else v[i + 1, j] * (1.0 - y) + v[i + 1, j + 1] * y
        return float(low * (1.0 - x) + high * x)

    def __add__(self, other: Table) -> Table:
        """Return the sum of two tables; a table of fewer points is spread over the other's grid."""
        grid = self if self.values.size >= other.values.size else other
        if np.shares_memory(grid.values, self.values) and self._same_grid(other):
            values = self.values + other.values
        else:
            values = np.array(
                [[self.at(s, c) + other.at(s, c) for c in grid.loads_ff] for s in grid.slews_ps], dtype=np.float64
            )
        return Table(grid.slews_ps, grid.loads_ff, values)

    def _same_grid(self, other: Table) -> bool:
        return np.array_equal(self.slews_ps, other.slews_ps) and np.array_equal(self.loads_ff, other.loads_ff)


ZERO_TABLE = Table(np.zeros(1), np.zeros(1), np.zeros((1, 1)))
"""A figure that is nowhere given, hence zero."""


def _bracket(axis: NDArray[np.float64], value: float) -> tuple[int, float]:
    """Return the left neighbour's index and the weight of the right one."""
    if axis.size == 1:
        return 0, 0.0
    index = min(max(int(np.searchsorted(axis, value, side="right")) - 1, 0), axis.size - 2)
    return index, float((value - axis[index]) / (axis[index + 1] - axis[index]))


class EdgeTiming(NamedTuple):
    """Delay of an output edge and its slew, ps."""

    delay_ps: float
    slew_ps: float


@dataclass(frozen=True)
class Pin:
    """A signal pin; `function` (outputs of combinational cells) is over the cell's inputs in order."""

    name: str
    direction: PinDirection
    capacitance_ff: float = 0.0
    max_load_ff: float = float("inf")
    function: BooleanFunction | None = None
    is_clock: bool = False


@dataclass(frozen=True, eq=False)
class TimingArc:
    """Delay (ps, 50 % to 50 %) and output slew (ps, library's thresholds) from one input edge to an output edge.

    `cell_rise`, `rise_slew` hold for a rising output, `cell_fall`, `fall_slew` for a falling one. `when` (over the
    cell's inputs) restricts the arc to states of the other inputs; None holds for all that no other arc names.
    """

    input_pin: str
    output_pin: str
    sense: Sense
    cell_rise: Table
    cell_fall: Table
    rise_slew: Table
    fall_slew: Table
    when: BooleanFunction | None = None

    def at(self, rising: bool | int, slew_ps: float, load_ff: float) -> EdgeTiming:
        """Return delay and slew of an output edge at an input slew and load."""
        return EdgeTiming(self.delay(rising).at(slew_ps, load_ff), self.output_slew(rising).at(slew_ps, load_ff))

    def delay(self, rising: bool | int) -> Table:
        """Return the delays of an output edge."""
        return self.cell_rise if rising else self.cell_fall

    def output_slew(self, rising: bool | int) -> Table:
        """Return the slews of an output edge."""
        return self.rise_slew if rising else self.fall_slew


@dataclass(frozen=True, eq=False)
class PowerArc:
    """Energy inside the cell (fJ, all supply rails summed) for one transition of `pin`, the net's load excluded.

    With an output as `pin`, `related_pin` is the input that caused the transition. With an input as `pin` (and no
    related pin) it is what the transition costs where no output changes. `when` is over the cell's inputs; in a
    sequential cell it may also name outputs, which then follow the inputs in `when.inputs`.
    """

    pin: str
    related_pin: str | None
    rise_fj: Table
    fall_fj: Table
    when: BooleanFunction | None = None

    def energy(self, rising: bool | int) -> Table:
        """Return the energies of an edge of the pin."""
        return self.rise_fj if rising else self.fall_fj


@dataclass(frozen=True)
class FlipFlop:
    """An edge-triggered register: which pins do what, and whether the output shows the inverted state."""

    clock_pin: str
    data_pin: str
    output_pin: str
    inverted_output: bool
    rising_edge: bool = True


@dataclass(frozen=True)
class Cell:
    """One library cell with its pins and arcs."""

    name: str
    area_um2: float
    leakage_nw: float
    pins: Mapping[str, Pin]
    flip_flop: FlipFlop | None = None
    timing: tuple[TimingArc, ...] = ()
    power: tuple[PowerArc, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the input pins in the library's order."""
        return tuple(p.name for p in self.pins.values() if p.direction is PinDirection.INPUT)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the output pins in the library's order."""
        return tuple(p.name for p in self.pins.values() if p.direction is PinDirection.OUTPUT)

    @property
    def is_sequential(self) -> bool:
        """Return whether the cell holds state."""
        return self.flip_flop is not None


@dataclass(frozen=True)
class CellLibrary:
    """A set of cells at one corner; energies in fJ, times in ps, loads in fF, leakage in nW, areas in um2.

    `slew_low`, `slew_high`: the fractions of the supply between which slews are measured. `source` names where the
    figures come from (file names, or the embedded table), `attribution` whom to thank.
    """

    name: str
    voltage_v: float
    temperature_c: float
    cells: Mapping[str, Cell]
    source: str
    attribution: str = ""
    slew_low: float = 0.1
    slew_high: float = 0.9
    default_slew_ps: float = 10.0
    fit_error: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Cell:
        """Return a cell; raises InputError where the library lacks it."""
        try:
            return self.cells[name]
        except KeyError:
            raise InputError(
                f"cell '{name}' is not in the library {self.name} ({self.source}); add the Liberty file that holds it"
                " to --liberty"
            ) from None

    def only(self, names: Iterable[str]) -> CellLibrary:
        """Return the library reduced to the named cells, in the given order."""
        return replace(self, cells={name: self[name] for name in names})
