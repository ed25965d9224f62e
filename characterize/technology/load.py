"""The cell figures a run uses: the embedded compact table, or the user's Liberty files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from characterize.technology.boolean import BooleanFunction, parse_boolean
from characterize.technology.cell_library import (
    Cell,
    CellLibrary,
    FlipFlop,
    Pin,
    PinDirection,
    PowerArc,
    Sense,
    Table,
    TimingArc,
)
from characterize.technology.liberty_reader import read_liberty
from hwsim.errors import InputError
from hwsim.files.reading import read_json

EMBEDDED_TABLE = Path(__file__).parents[1] / "data" / "technology.json"
"""The compact table this release ships; `characterize fit-technology` wrote it."""


def load_library(liberty: Sequence[Path] = ()) -> CellLibrary:
    """Return the library of the given Liberty files, the embedded one where none is given."""
    return read_liberty(liberty) if liberty else embedded_library()


@lru_cache(maxsize=1)
def embedded_library() -> CellLibrary:
    """Return the library of the compact table that the package ships."""
    return read_compact(EMBEDDED_TABLE)


def read_compact(path: Path) -> CellLibrary:
    """Read a compact table as `characterize fit-technology` writes it; raises InputError where it is something else."""
    content = read_json(path, "a compact technology table as `characterize fit-technology` writes it")
    try:
        if content["schema"] != 1:
            raise InputError(f"'{path}': schema {content['schema']} is not known, this version reads schema 1")
        corners = [np.array([float(at) for at in content[key]]) for key in ("slew_corners_ps", "load_corners_ff")]
        return CellLibrary(
            name=content["name"],
            voltage_v=content["voltage_v"],
            temperature_c=content["temperature_c"],
            cells={name: _Compact(name, cell, *corners).cell() for name, cell in content["cells"].items()},
            source=f"compact table {path.name}, fitted from {content['source']}",
            attribution=content["attribution"],
            slew_low=content["slew_low"],
            slew_high=content["slew_high"],
            fit_error=content["fit_error"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"'{path}' is not a compact technology table ({type(error).__name__}: {json.dumps(str(error))});"
            " write it with `characterize fit-technology`"
        ) from None


class _Compact:
    """Builds one cell from its record in the compact table."""

    def __init__(self, name: str, record: dict[str, Any], slews_ps: Any, loads_ff: Any) -> None:
        self._name = name
        self._record = record
        self._slews_ps = slews_ps
        self._loads_ff = loads_ff
        pins = record["pins"]
        self._inputs = tuple(pin for pin, figures in pins.items() if "capacitance_ff" in figures)
        self._outputs = tuple(pin for pin in pins if pin not in self._inputs)

    def cell(self) -> Cell:
        record = self._record
        flip_flop = FlipFlop(*record["flip_flop"]) if "flip_flop" in record else None
        # a register's conditions may name its output, which is a state of its own there
        states = self._inputs + (self._outputs if flip_flop is not None else ())
        timing = tuple(self._timing(row) for row in record["timing"])
        power = tuple(
            PowerArc(pin, related, self._table(rise), self._table(fall), self._when(when, states))
            for pin, related, when, rise, fall in record["power"]
        )
        pins = {name: self._pin(name, figures, flip_flop) for name, figures in record["pins"].items()}
        return Cell(self._name, record["area_um2"], record["leakage_nw"], pins, flip_flop, timing, power)

    def _timing(self, row: list[Any]) -> TimingArc:
        pin, output, sense, when, *figures = row
        rise, fall, rise_slew, fall_slew = (self._table(values) for values in figures)
        return TimingArc(pin, output, Sense(sense), rise, fall, rise_slew, fall_slew, self._when(when, self._inputs))

    def _pin(self, name: str, figures: dict[str, Any], flip_flop: FlipFlop | None) -> Pin:
        if name in self._inputs:
            clock = flip_flop is not None and flip_flop.clock_pin == name
            return Pin(name, PinDirection.INPUT, figures["capacitance_ff"], is_clock=clock)
        return Pin(
            name, PinDirection.OUTPUT, 0.0, figures["max_load_ff"], self._when(figures["function"], self._inputs)
        )

    def _when(self, text: str | None, inputs: tuple[str, ...]) -> BooleanFunction | None:
        return None if text is None else parse_boolean(text, inputs)

    def _table(self, figures: list[float]) -> Table:
        values = np.array(figures, dtype=np.float64)
        if values.size == 1:
            return Table(np.zeros(1), np.zeros(1), values.reshape(1, 1))
        if values.size == 2:
            return Table(self._slews_ps, np.zeros(1), values.reshape(2, 1))
        return Table(self._slews_ps, self._loads_ff, values.reshape(2, 2))
