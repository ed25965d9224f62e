"""The embedded technology: what the table promises of itself, and that the fit repeats."""

import json
from pathlib import Path

import numpy as np
import pytest

from characterize.netlist.netlist import netlist_from_verilog
from characterize.netlist.static_timing import static_timing
from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import synthesize
from characterize.technology.cell_library import Table
from characterize.technology.compact_fit import FitRegion, compact_json, fit_library, fit_region, fit_table
from characterize.technology.liberty_reader import read_liberty
from characterize.technology.load import EMBEDDED_TABLE, embedded_library, read_compact
from hwsim.errors import InputError

REGION = FitRegion(slew_median_ps=16.0, load_median_ff=1.5)


def test_a_bilinear_table_is_fitted_to_the_five_digits_it_is_kept_with() -> None:
    slews, loads = np.array([5.0, 30.0, 80.0]), np.array([0.5, 4.0, 10.0])
    values = 3.0 + 0.5 * slews[:, None] + 2.0 * loads[None, :] + 0.01 * slews[:, None] * loads[None, :]
    fitted = fit_table(Table(slews, loads, values), REGION, relative=True)
    assert fitted.values.shape == (2, 2)
    for slew, load in ((5.0, 0.5), (17.0, 3.3), (60.0, 12.0)):
        assert fitted.at(slew, load) == pytest.approx(3.0 + 0.5 * slew + 2.0 * load + 0.01 * slew * load, rel=1e-4)


def test_axes_without_points_stay_without() -> None:
    one = fit_table(Table(np.zeros(1), np.zeros(1), np.full((1, 1), 7.0)), REGION, relative=False)
    slew_only = fit_table(Table(np.array([5.0, 80.0]), np.zeros(1), np.array([[1.0], [4.0]])), REGION, False)
    assert one.values.shape == (1, 1) and one.at(3.0, 9.0) == 7.0
    assert slew_only.values.shape == (2, 1) and slew_only.at(42.5, 9.0) == pytest.approx(2.5)


def test_the_embedded_table_states_source_thanks_and_error() -> None:
    library = embedded_library()
    assert library.voltage_v == 0.7
    assert "BSD 3-Clause" in library.attribution and "Clark" in library.attribution
    assert 0 < library.fit_error["delay_rms_rel"] < 0.03
    assert 0 < library.fit_error["slew_rms_rel"] < 0.03
    assert 0 < library.fit_error["energy_rms_rel"] < 0.03


def test_a_register_costs_energy_at_the_clock_without_toggling() -> None:
    register = next(cell for cell in embedded_library().cells.values() if cell.flip_flop is not None)
    assert register.flip_flop is not None
    idle = [arc for arc in register.power if arc.pin == register.flip_flop.clock_pin]
    still = [arc for arc in idle if arc.rise_fj.at(10.0, 1.0) > 0 and arc.fall_fj.at(10.0, 1.0) > 0]
    assert len(still) == 2  # D equals the state: high and low


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2 is not known"),
        ({"cells": {"X": {"area_um2": 1}}}, "is not a compact technology table"),
        ({"slew_corners_ps": None}, "is not a compact technology table"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    file = tmp_path / "technology.json"
    file.write_text(json.dumps(json.loads(EMBEDDED_TABLE.read_text()) | change))
    with pytest.raises(InputError, match=message):
        read_compact(file)


def test_static_timing_adds_up_along_the_critical_path() -> None:
    library = embedded_library()
    design, _ = mac_design("wallace")
    netlist = netlist_from_verilog(synthesize(design, library, 1000.0).verilog, library)
    timing = static_timing(netlist)
    assert timing.critical_path[0] in {netlist.cells[i].name for i in netlist.sequential}
    assert 600 < timing.critical_ps < 1500
    assert static_timing(netlist, wire_load_ff=0.5).critical_ps > timing.critical_ps
    for index in netlist.combinational:
        cell = netlist.cells[index]
        (output,) = library[cell.cell_type].outputs
        latest = max(timing.arrival_ps[cell.pins[pin]].max() for pin in library[cell.cell_type].inputs)
        assert timing.arrival_ps[cell.pins[output]].max() > latest


def test_the_shipped_table_is_what_the_command_writes(asap7: list[Path]) -> None:
    library = read_liberty(asap7)
    region = fit_region(library)
    assert compact_json(fit_library(library, region), region) == EMBEDDED_TABLE.read_text()


@pytest.mark.parametrize("multiplier", ["booth-weight", pytest.param("wallace", marks=pytest.mark.slow)])
def test_mapping_to_the_compact_table_gives_the_full_librarys_netlist(asap7: list[Path], multiplier: str) -> None:
    design, _ = mac_design(multiplier)
    full, compact = read_liberty(asap7), embedded_library()
    by_full, by_compact = synthesize(design, full, 1000.0), synthesize(design, compact, 1000.0)
    assert by_full.verilog == by_compact.verilog
    timing = [static_timing(netlist_from_verilog(by_full.verilog, library)) for library in (full, compact)]
    assert timing[1].critical_ps == pytest.approx(timing[0].critical_ps, rel=0.02)
