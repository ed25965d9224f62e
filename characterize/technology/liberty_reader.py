"""From parsed Liberty groups to the cells of a CellLibrary, in ps, fF, fJ and nW."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from characterize.technology.boolean import BooleanFunction, parse_boolean
from characterize.technology.cell_library import (
    ZERO_TABLE,
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
from characterize.technology.liberty_text import Group, LibertyText, read_text, split_cells
from hwsim.errors import InputError

EXCLUDED_CELLS = (
    *("*x1p*", "*xp*", "SDF*", "ICG*", "DFFASRHQN*", "DFFHQx*", "DLL*", "DHL*", "DFFL*", "TIE*", "FAx*", "HAx*", "HB*"),
    "CKINVDC*",
)
"""Cells no MAC is built from here: fractional drives, integrated clock gates, latches, scan and falling-edge
registers, large registers, tie cells, hold buffers, clock inverters, and cells of two outputs, which mapping cannot
use."""

MAX_INPUTS = 6
"""Technology mapping takes gates of at most six inputs."""

_SECONDS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6}
_FARADS = {"ff": 1.0, "pf": 1e3, "nf": 1e6}
_WATTS = {"fw": 1e-6, "pw": 1e-3, "nw": 1.0, "uw": 1e3, "mw": 1e6}
_VOLTS = {"mv": 1e-3, "v": 1.0}
_UNIT = re.compile(r'\s*"?\s*([\d.eE+-]+)\s*"?\s*,?\s*"?\s*([A-Za-z]+)\s*"?\s*')


@dataclass(frozen=True)
class Units:
    """Factors from a file's units to ps, fF, nW and fJ."""

    ps: float
    ff: float
    nw: float
    fj: float


def read_liberty(paths: Sequence[Path], cells: Iterable[str] | None = None) -> CellLibrary:
    """Read Liberty files of one corner into one library.

    `cells`: the names to read; where None, all but EXCLUDED_CELLS, latches and cells of several outputs. Raises
    InputError (one line with file and place) for unreadable, truncated or incomplete files and for corners that
    differ.
    """
    if not paths:
        raise InputError("--liberty names no file")
    files = [split_cells(path, read_text(path)) for path in paths]
    wanted = None if cells is None else set(cells)
    found: dict[str, Cell] = {}
    first = files[0]
    for file in files:
        if (voltage_v := _voltage(file)) != _voltage(first):
            raise InputError(
                f"--liberty '{file.path}' is at {voltage_v} V but '{first.path}' at {_voltage(first)} V;"
                " name files of one corner"
            )
        found.update(_cells(file, wanted))
    missing = sorted((wanted or set()) - found.keys())
    if missing:
        names = ", ".join(f"'{path}'" for path in paths)
        raise InputError(f"--liberty {names}: no cell '{missing[0]}'; add the file that holds it")
    return CellLibrary(
        name=_library_name(files),
        voltage_v=_voltage(first),
        temperature_c=float(first.header.attributes.get("nom_temperature", "25")),
        cells=dict(sorted(found.items())),
        source=", ".join(path.name for path in paths),
        slew_low=_percent(first, "slew_lower_threshold_pct_rise", 20.0),
        slew_high=_percent(first, "slew_upper_threshold_pct_rise", 80.0),
    )


def _cells(file: LibertyText, wanted: set[str] | None) -> dict[str, Cell]:
    units = _units(file)
    found = {}
    for name in file.cells:
        if wanted is not None:
            if name in wanted:
                found[name] = _cell(file, file.cell(name), units)
        elif file.pin_count(name) <= MAX_INPUTS + 1 and not any(
            fnmatch.fnmatchcase(name, pattern) for pattern in EXCLUDED_CELLS
        ):
            group = file.cell(name)
            if _is_usable(group):
                found[name] = _cell(file, group, units)
    return found


def _is_usable(group: Group) -> bool:
    outputs = [pin for pin in group.all("pin") if pin.attributes.get("direction") == "output"]
    clean = (
        group.attributes.get("dont_use", "false") != "true" and not group.all("latch") and not group.all("statetable")
    )
    flip_flops = group.all("ff")
    simple = all({"clear", "preset"}.isdisjoint(ff.attributes) for ff in flip_flops)
    return clean and simple and len(outputs) == 1 and "function" in outputs[0].attributes


def _library_name(files: Sequence[LibertyText]) -> str:
    names = [file.header.name for file in files]
    if len(names) == 1:
        return names[0]
    prefix = 0
    while all(len(name) > prefix and name[prefix] == names[0][prefix] for name in names):
        prefix += 1
    # whole words only: a_SEQ and a_SIMPLE have a in common, not a_S
    return names[0][:prefix].rpartition("_")[0] or names[0]


def _voltage(file: LibertyText) -> float:
    try:
        return float(file.header.attributes["nom_voltage"])
    except (KeyError, ValueError):
        raise InputError(f"--liberty '{file.path}' states no nom_voltage; energies cannot be derived from it") from None


def _percent(file: LibertyText, name: str, default: float) -> float:
    return float(file.header.attributes.get(name, default)) / 100.0


def _units(file: LibertyText) -> Units:
    attributes = file.header.attributes
    load = file.header.complex.get("capacitive_load_unit", ["1, pf"])[0]
    ff = _factor(file, "capacitive_load_unit", load, _FARADS)
    volt = _factor(file, "voltage_unit", attributes.get("voltage_unit", "1V"), _VOLTS)
    return Units(
        ps=_factor(file, "time_unit", attributes.get("time_unit", "1ns"), _SECONDS),
        ff=ff,
        nw=_factor(file, "leakage_power_unit", attributes.get("leakage_power_unit", "1nW"), _WATTS),
        # Liberty gives internal energy no unit of its own: it is capacitance times voltage squared
        fj=ff * volt * volt,
    )


def _factor(file: LibertyText, name: str, text: str, scale: dict[str, float]) -> float:
    match = _UNIT.fullmatch(text)
    if match is None or match[2].lower() not in scale:
        raise InputError(f"--liberty '{file.path}': {name} '{text}' is not one of {', '.join(scale)}")
    return float(match[1]) * scale[match[2].lower()]


def _cell(file: LibertyText, group: Group, units: Units) -> Cell:
    where = f"--liberty '{file.path}' cell '{group.name}'"
    attributes = group.attributes
    if "area" not in attributes:
        raise InputError(f"{where} states no area")
    signal_pins = [pin for pin in group.all("pin") if pin.attributes.get("direction") in ("input", "output")]
    names = {
        kind: tuple(pin.name for pin in signal_pins if pin.attributes["direction"] == kind)
        for kind in ("input", "output")
    }
    if not names["output"]:
        raise InputError(f"{where} has no output pin")
    flip_flop = _flip_flop(where, group, names)
    pins = {pin.name: _pin(where, pin, names["input"], flip_flop, units) for pin in signal_pins}
    # a condition may name outputs: of a gate they follow from the inputs, of a register they are a state of their own
    states = names["input"] + (names["output"] if flip_flop else ())
    functions = {name: function for name in names["output"] if (function := pins[name].function) is not None}
    timing = [arc for pin in signal_pins for arc in _timing(where, pin, names["input"], units)]
    if not timing:
        raise InputError(f"{where} has no timing arc with delay tables")
    return Cell(
        name=group.name,
        area_um2=_number(where, "area", attributes["area"]),
        leakage_nw=_leakage_nw(where, group, units),
        pins=pins,
        flip_flop=flip_flop,
        timing=tuple(timing),
        power=tuple(arc for pin in signal_pins for arc in _power(where, pin, states, functions, units)),
    )


def _number(where: str, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: {name} '{text}' is not a number") from None


def _boolean(
    where: str, name: str, text: str, inputs: tuple[str, ...], known: dict[str, BooleanFunction] | None = None
) -> BooleanFunction:
    try:
        return parse_boolean(text, inputs, known)
    except ValueError as error:
        raise InputError(f"{where}: {name}: {error}") from None


def _leakage_nw(where: str, group: Group, units: Units) -> float:
    """Return the state-independent leakage over all rails, the mean over the states where only those are given."""
    entries = [
        (g.attributes.get("when"), _number(where, "leakage", g.attributes.get("value", "0")))
        for g in group.all("leakage_power")
    ]
    default = [value for when, value in entries if when is None]
    if default:
        return sum(default) * units.nw
    if entries:
        states = len({when for when, _ in entries})
        return sum(value for _, value in entries) / states * units.nw
    return _number(where, "cell_leakage_power", group.attributes.get("cell_leakage_power", "0")) * units.nw


def _flip_flop(where: str, group: Group, names: dict[str, tuple[str, ...]]) -> FlipFlop | None:
    groups = group.all("ff")
    if not groups:
        return None
    attributes = groups[0].attributes
    state, inverse = (part.strip().strip('"') for part in (groups[0].name + ",").split(",")[:2])
    try:
        clock, data = attributes["clocked_on"], attributes["next_state"]
    except KeyError as error:
        raise InputError(f"{where}: the ff group lacks {error.args[0]}") from None
    clock_pin = re.sub(r"[()!'\s]", "", clock)
    inverted_data = "!" in data or "'" in data
    data_pin = re.sub(r"[()!'\s]", "", data)
    if clock_pin not in names["input"] or data_pin not in names["input"]:
        raise InputError(f"{where}: a register with next_state '{data}' is not supported; exclude the cell")
    output = names["output"][0]
    function = re.sub(
        r"[()\s]", "", next(p for p in group.all("pin") if p.name == output).attributes.get("function", "")
    )
    shown = {state: False, inverse: True, f"!{state}": True, f"!{inverse}": False, f"{state}'": True}
    if function not in shown:
        raise InputError(f"{where}: output '{output}' shows '{function}', not the register's state")
    return FlipFlop(
        clock_pin, data_pin, output, shown[function] != inverted_data, "!" not in clock and "'" not in clock
    )


def _pin(where: str, pin: Group, inputs: tuple[str, ...], flip_flop: FlipFlop | None, units: Units) -> Pin:
    attributes = pin.attributes
    where = f"{where} pin '{pin.name}'"
    if attributes["direction"] == "input":
        if "capacitance" not in attributes:
            raise InputError(f"{where} states no capacitance")
        capacitance_ff = _number(where, "capacitance", attributes["capacitance"]) * units.ff
        clock = attributes.get("clock") == "true" or (flip_flop is not None and flip_flop.clock_pin == pin.name)
        return Pin(pin.name, PinDirection.INPUT, capacitance_ff, is_clock=clock)
    function = None
    if flip_flop is None:
        if "function" not in attributes:
            raise InputError(f"{where} states no function")
        function = _boolean(where, "function", attributes["function"], inputs)
    limit = _number(where, "max_capacitance", attributes.get("max_capacitance", "inf")) * units.ff
    return Pin(pin.name, PinDirection.OUTPUT, 0.0, limit, function)


_DELAYS = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
_DELAY_TYPES = ("combinational", "rising_edge", "falling_edge", "combinational_rise", "combinational_fall")


def _timing(where: str, pin: Group, inputs: tuple[str, ...], units: Units) -> list[TimingArc]:
    arcs = []
    for group in pin.all("timing"):
        attributes = group.attributes
        if attributes.get("timing_type", "combinational") not in _DELAY_TYPES:
            continue
        related = attributes.get("related_pin", "")
        place = f"{where} pin '{pin.name}' timing from '{related}'"
        tables = {g.kind: g for g in group.groups if g.kind in _DELAYS}
        lacking = [name for name in _DELAYS if name not in tables]
        if lacking:
            raise InputError(f"{place} lacks {lacking[0]}")
        when = attributes.get("when")
        rise, fall, rise_slew, fall_slew = (_table(place, tables[name], units, units.ps) for name in _DELAYS)
        condition = None if when is None else _boolean(place, "when", when, inputs)
        sense = Sense(attributes.get("timing_sense", "non_unate"))
        arcs.append(TimingArc(related, pin.name, sense, rise, fall, rise_slew, fall_slew, condition))
    return arcs


def _power(
    where: str, pin: Group, inputs: tuple[str, ...], functions: dict[str, BooleanFunction], units: Units
) -> list[PowerArc]:
    """Return the pin's internal energies; the groups of the supply rails (VDD, VSS) are added up."""
    sums: dict[tuple[str | None, str | None], PowerArc] = {}
    for group in pin.all("internal_power"):
        attributes = group.attributes
        related, when = attributes.get("related_pin"), attributes.get("when")
        place = f"{where} pin '{pin.name}' internal_power"
        tables = {g.kind: _table(place, g, units, units.fj) for g in group.groups}
        both = tables.get("power", ZERO_TABLE)
        rise, fall = tables.get("rise_power", both), tables.get("fall_power", both)
        condition = None
        if when is not None:
            condition = _boolean(place, "when", when, inputs, functions)
        key = (related, when)
        if key in sums:
            rise, fall = sums[key].rise_fj + rise, sums[key].fall_fj + fall
        sums[key] = PowerArc(pin.name, related, rise, fall, condition)
    return list(sums.values())


def _table(place: str, group: Group, units: Units, scale: float) -> Table:
    """Read a lookup table of 0, 1 or 2 axes: slew first, then load, as the libraries' templates have them."""
    try:
        values = _floats(group.complex["values"][0]) * scale
        slews = _floats(group.complex["index_1"][0]) * units.ps if "index_1" in group.complex else np.zeros(1)
        loads = _floats(group.complex["index_2"][0]) * units.ff if "index_2" in group.complex else np.zeros(1)
        return Table(slews, loads, values.reshape(slews.size, loads.size))
    except KeyError as error:
        raise InputError(f"{place}: table {group.kind} lacks {error.args[0]}") from None
    except ValueError as error:
        raise InputError(f"{place}: table {group.kind}: {error}") from None


def _floats(text: str) -> NDArray[np.float64]:
    return np.array([float(part) for part in text.replace("\\", " ").replace('"', " ").replace(",", " ").split()])
