"""Fits the compact technology table: every figure of a full library as a bilinear function of slew and load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from characterize.technology.cell_library import Cell, CellLibrary, PinDirection, PowerArc, Sense, Table, TimingArc
from hwsim.errors import InputError

ATTRIBUTION = (
    "Figures fitted from the ASAP7 7.5-track RVT standard-cell library, Copyright 2020 Lawrence T. Clark, Vinay"
    " Vashishtha, or Arizona State University, published under the BSD 3-Clause licence"
)

MAX_FITTED_INPUTS = 5
"""Cells of more inputs are left out: their many states fill a table, and a MAC places next to none."""


class Corners(NamedTuple):
    """The two points of an axis of a 2 x 2 table."""

    low: float
    high: float


class FitPoints(NamedTuple):
    """Where a table is fitted, float64[17 * 17] each: slews (ps), loads (fF) and how much a point counts."""

    slews_ps: NDArray[np.float64]
    loads_ff: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class FitRegion:
    """Where the fit has to be good: the slews and loads that a MAC's gates see, log-normal around their medians.

    The corners are those of the 2 x 2 tables that the fit is written as. In the project's own MACs, mapped to the
    full ASAP7 library, nine gates of ten see slews of 8 to 40 ps and loads of 0.5 to 5 fF.
    """

    slew_median_ps: float
    load_median_ff: float
    slew_spread: float = 0.55
    load_spread: float = 0.65

    @property
    def slew_corners_ps(self) -> Corners:
        """Return the slews of the 2 x 2 tables."""
        return Corners(_two_digits(0.6 * self.slew_median_ps), _two_digits(2.5 * self.slew_median_ps))

    @property
    def load_corners_ff(self) -> Corners:
        """Return the loads of the 2 x 2 tables."""
        return Corners(_two_digits(0.5 * self.load_median_ff), _two_digits(3.5 * self.load_median_ff))

    def points(self) -> FitPoints:
        """Return the points of the fit, within two and a half spreads."""
        steps = np.linspace(-2.5, 2.5, 17)
        slew_steps, load_steps = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
        slews = self.slew_median_ps * np.exp(self.slew_spread * slew_steps)
        loads = self.load_median_ff * np.exp(self.load_spread * load_steps)
        weights = np.exp(-(slew_steps**2 + load_steps**2) / 2)
        return FitPoints(slews, loads, weights / weights.sum())


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def fit_region(library: CellLibrary) -> FitRegion:
    """Return the region of a library: gates drive two or three pins of its median input capacitance.

    The median slew is the one that a chain of the smallest inverters settles at under that load. Raises InputError
    where the library has no inverter.
    """
    gates = [cell for cell in library.cells.values() if not cell.is_sequential]
    pins = [cell.pins[pin].capacitance_ff for cell in gates if len(cell.inputs) > 1 for pin in cell.inputs]
    inverters = [cell for cell in gates if len(cell.inputs) == 1 and cell.timing[0].sense is Sense.NEGATIVE]
    if not inverters or not pins:
        raise InputError(f"the library {library.name} ({library.source}) has no inverter or no gate of several inputs")
    load_ff = 2.5 * float(np.median(pins))
    (arc, *_) = min(inverters, key=lambda cell: (cell.area_um2, cell.name)).timing
    slew_ps = float(arc.rise_slew.values.flat[0])
    for _ in range(8):
        slew_ps = (arc.rise_slew.at(slew_ps, load_ff) + arc.fall_slew.at(slew_ps, load_ff)) / 2
    return FitRegion(_two_digits(slew_ps), _two_digits(load_ff))


def mapping_view(library: CellLibrary) -> CellLibrary:
    """Return what technology mapping is shown of a library: bilinear delays and no energies.

    Mapping is chaotic in small differences of delay. Shown the same bilinear figures, it gives the same netlist from
    a full library and from the compact table fitted from it, so that results differ by the figures alone.
    """
    tables = [table for cell in library.cells.values() for arc in cell.timing for table in _tables(arc)]
    if all(max(table.values.shape) <= 2 for table in tables):
        return library
    region = fit_region(library)
    cells = {
        name: replace(cell, timing=tuple(_fit_timing(arc, region) for arc in cell.timing), power=())
        for name, cell in library.cells.items()
        if len(cell.inputs) <= MAX_FITTED_INPUTS
    }
    return replace(library, cells=cells)


def _tables(arc: TimingArc) -> tuple[Table, ...]:
    return arc.cell_rise, arc.cell_fall, arc.rise_slew, arc.fall_slew


def fit_library(library: CellLibrary, region: FitRegion) -> CellLibrary:
    """Return the library with every table replaced by its 2 x 2 fit; `fit_error` states the weighted errors.

    The errors are relative, over the region's weights: root mean square and worst cell, for delay, slew and the
    internal energy of output transitions (relative to the mean energy of the cell).
    """
    cells = {n: c for n, c in library.cells.items() if len(c.inputs) <= MAX_FITTED_INPUTS}
    fitted, errors = {}, {}
    for name, cell in cells.items():
        fitted[name] = replace(
            cell,
            timing=tuple(_fit_timing(arc, region) for arc in cell.timing),
            power=tuple(_fit_power(arc, region) for arc in cell.power),
        )
        errors[name] = _cell_errors(cell, fitted[name], region)
    stated = {}
    for figure in ("delay", "slew", "energy"):
        values = {name: error[figure] for name, error in errors.items()}
        stated[f"{figure}_rms_rel"] = round(float(np.sqrt(np.mean(np.square(list(values.values()))))), 5)
        stated[f"{figure}_worst_cell_rel"] = round(max(values.values()), 5)
    return replace(library, cells=fitted, attribution=ATTRIBUTION, fit_error=stated)


def _fit_timing(arc: TimingArc, region: FitRegion) -> TimingArc:
    return replace(
        arc,
        cell_rise=fit_table(arc.cell_rise, region, True),
        cell_fall=fit_table(arc.cell_fall, region, True),
        rise_slew=fit_table(arc.rise_slew, region, True),
        fall_slew=fit_table(arc.fall_slew, region, True),
    )


def _fit_power(arc: PowerArc, region: FitRegion) -> PowerArc:
    return replace(arc, rise_fj=fit_table(arc.rise_fj, region, False), fall_fj=fit_table(arc.fall_fj, region, False))


def fit_table(table: Table, region: FitRegion, relative: bool) -> Table:
    """Return the weighted least-squares fit a + b s + c l + d s l at the region's corners, to five digits.

    `relative` minimises relative instead of absolute errors. An axis without points keeps none.
    """
    slews, loads, weights = region.points()
    values = _sample(table, slews, loads)
    corner_slews = np.array(region.slew_corners_ps) if table.slews_ps.size > 1 else np.zeros(1)
    corner_loads = np.array(region.load_corners_ff) if table.loads_ff.size > 1 else np.zeros(1)
    if table.values.size == 1:
        return Table(corner_slews, corner_loads, np.array([[float(f"{table.values.flat[0]:.5g}")]]))

    def basis(s: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = [np.ones_like(s)]
        columns += [s] if table.slews_ps.size > 1 else []
        columns += [c] if table.loads_ff.size > 1 else []
        columns += [s * c] if table.slews_ps.size > 1 and table.loads_ff.size > 1 else []
        return np.stack(columns, axis=1)

    scale = np.sqrt(weights)
    if relative:
        scale = scale / np.maximum(np.abs(values), 1e-3)
    coefficients, *_ = np.linalg.lstsq(basis(slews, loads) * scale[:, None], values * scale, rcond=None)
    s, c = (grid.ravel() for grid in np.meshgrid(corner_slews, corner_loads, indexing="ij"))
    figures = np.array([float(f"{value:.5g}") for value in basis(s, c) @ coefficients])
    return Table(corner_slews, corner_loads, figures.reshape(corner_slews.size, corner_loads.size))


def _sample(table: Table, slews: NDArray[np.float64], loads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the table's figures at many points at once: float64[points]."""
    i, x = _brackets(table.slews_ps, slews)
    j, y = _brackets(table.loads_ff, loads)
    v = table.values
    right, above = np.minimum(j + 1, v.shape[1] - 1), np.minimum(i + 1, v.shape[0] - 1)
    low, high = v[i, j] * (1 - y) + v[i, right] * y, v[above, j] * (1 - y) + v[above, right] * y
    figures: NDArray[np.float64] = low * (1 - x) + high * x
    return figures


def _brackets(axis: NDArray[np.float64], at: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return left neighbours and the weights of the right ones; beyond the axis its last interval goes on."""
    if axis.size == 1:
        return np.zeros(at.size, np.intp), np.zeros(at.size)
    index = np.clip(np.searchsorted(axis, at, side="right") - 1, 0, axis.size - 2)
    return index, (at - axis[index]) / (axis[index + 1] - axis[index])


def _cell_errors(full: Cell, fitted: Cell, region: FitRegion) -> dict[str, float]:
    delays = _pairs(full, fitted, ("cell_rise", "cell_fall"))
    slews = _pairs(full, fitted, ("rise_slew", "fall_slew"))
    energies = [
        pair
        for a, b in zip(full.power, fitted.power, strict=True)
        if full.pins[a.pin].direction is PinDirection.OUTPUT
        for pair in ((a.rise_fj, b.rise_fj), (a.fall_fj, b.fall_fj))
    ]
    return {
        "delay": _error(delays, region),
        "slew": _error(slews, region),
        "energy": _error(energies, region) if energies else 0.0,
    }


def _pairs(full: Cell, fitted: Cell, names: tuple[str, ...]) -> list[tuple[Table, Table]]:
    arcs = zip(full.timing, fitted.timing, strict=True)
    return [(getattr(a, name), getattr(b, name)) for a, b in arcs for name in names]


def _error(pairs: list[tuple[Table, Table]], region: FitRegion) -> float:
    """Return the weighted RMS difference of tables relative to their weighted mean magnitude."""
    slews, loads, weights = region.points()
    square = mean = 0.0
    for full, fitted in pairs:
        truth, guess = _sample(full, slews, loads), _sample(fitted, slews, loads)
        square += float(weights @ (truth - guess) ** 2)
        mean += float(weights @ np.abs(truth))
    count = len(pairs)
    return float(np.sqrt(square / count)) / (mean / count) if mean > 0 else 0.0


def compact_json(library: CellLibrary, region: FitRegion) -> str:
    """Return the fitted library as the text of the compact table: one line an arc, five significant digits."""
    head = {
        "schema": 1,
        "name": library.name,
        "source": library.source,
        "attribution": library.attribution,
        "voltage_v": library.voltage_v,
        "temperature_c": library.temperature_c,
        "slew_low": library.slew_low,
        "slew_high": library.slew_high,
        "slew_median_ps": region.slew_median_ps,
        "load_median_ff": region.load_median_ff,
        "slew_corners_ps": list(region.slew_corners_ps),
        "load_corners_ff": list(region.load_corners_ff),
        "fit_error": dict(library.fit_error),
        "units": "ps, fF, fJ, nW, um2; tables are value[slew][load] at the corners, row by row",
    }
    lines = json.dumps(head, indent=1)[:-2] + ',\n "cells": {\n'
    return lines + ",\n".join(f'  "{cell.name}": {_cell_json(cell)}' for cell in library.cells.values()) + "\n }\n}\n"


def _cell_json(cell: Cell) -> str:
    ff = cell.flip_flop
    fields: dict[str, Any] = {"area_um2": cell.area_um2, "leakage_nw": round(cell.leakage_nw, 6)}
    fields["pins"] = {
        pin.name: {"capacitance_ff": pin.capacitance_ff}
        if pin.direction is PinDirection.INPUT
        else {"max_load_ff": pin.max_load_ff, "function": None if pin.function is None else pin.function.verilog}
        for pin in cell.pins.values()
    }
    if ff is not None:
        fields["flip_flop"] = [ff.clock_pin, ff.data_pin, ff.output_pin, ff.inverted_output, ff.rising_edge]
    text = json.dumps(fields)[:-1]
    return f'{text}, "timing": [{_lines(_timing_rows(cell))}], "power": [{_lines(_power_rows(cell))}]}}'


def _lines(rows: Iterator[list[Any]]) -> str:
    return ", ".join("\n   " + json.dumps(row) for row in rows)


def _timing_rows(cell: Cell) -> Iterator[list[Any]]:
    for arc in cell.timing:
        when = None if arc.when is None else arc.when.verilog
        yield [arc.input_pin, arc.output_pin, arc.sense.value, when, *(_figures(table) for table in _tables(arc))]


def _power_rows(cell: Cell) -> Iterator[list[Any]]:
    for arc in cell.power:
        when = None if arc.when is None else arc.when.verilog
        yield [arc.pin, arc.related_pin, when, _figures(arc.rise_fj), _figures(arc.fall_fj)]


def _figures(table: Table) -> list[float]:
    return [float(f"{value:.5g}") for value in table.values.ravel()]
