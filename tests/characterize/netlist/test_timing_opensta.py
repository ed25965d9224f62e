"""Static timing agrees with OpenSTA on the same netlist and the same Liberty, where OpenSTA is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from characterize.netlist.netlist import netlist_from_verilog
from characterize.netlist.static_timing import static_timing
from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import synthesize
from characterize.technology.liberty_writer import write_liberty
from characterize.technology.load import embedded_library

SCRIPT = """
read_liberty {folder}/cells.lib
read_verilog {folder}/netlist.v
link_design mac
create_clock -period 100 [get_ports clk]
set_load 1.0 [all_outputs]
report_checks -unconstrained -format full -digits 3
exit
"""


@pytest.mark.parametrize("multiplier", ["wallace", "array"])
def test_longest_path(tmp_path: Path, multiplier: str) -> None:
    if shutil.which("sta") is None:
        pytest.skip("needs the package opensta (sta)")
    library = embedded_library()
    design, _ = mac_design(multiplier)
    verilog = synthesize(design, library, 1000.0).verilog
    (tmp_path / "cells.lib").write_text(write_liberty(library))
    (tmp_path / "netlist.v").write_text(verilog)
    (tmp_path / "run.tcl").write_text(SCRIPT.format(folder=tmp_path))
    report = subprocess.run(
        ["sta", "-no_splash", "-exit", str(tmp_path / "run.tcl")], capture_output=True, text=True, check=True
    ).stdout
    arrival = re.search(r"([\d.]+)\s+data arrival time", report)
    assert arrival is not None, report
    # its clock is ideal: an edge without slew
    ours = static_timing(netlist_from_verilog(verilog, library), input_slew_ps=0.0)
    assert ours.critical_ps == pytest.approx(float(arrival[1]), rel=0.01)
