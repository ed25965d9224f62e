"""What a verification found: differences fail it, what could not be compared does not, and the file says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from characterize.bench.verification import FunctionCheck, Verdict
from characterize.runs.icarus_check import NotCompared, ToggleComparison
from characterize.runs.verification import VerificationReport, refuse_difference
from hwsim.errors import InputError, RunError

PASSED = FunctionCheck(Verdict.PASSED, ("rtl", "netlist"), "Verilator 5", 100, 200, 1)


def toggles(difference_rel: float) -> ToggleComparison:
    return ToggleComparison(
        reference="Icarus 11",
        nets=10,
        cycles=40,
        toggles=900,
        reference_toggles=900,
        difference_rel=difference_rel,
        worst_net="n7",
        worst_toggles=50,
        worst_reference_toggles=52,
    )


def test_toggles_apart_fail_and_name_the_worst_net() -> None:
    report = VerificationReport(function=PASSED, toggles=toggles(0.02))
    assert not report.passed
    assert report.to_frame().agrees.tolist() == [True, False]
    assert "Verification failed" in report._repr_html_()
    with pytest.raises(RunError, match=r"toggles differ by more than 1 %: .*worst 'n7' \(50 and 52\)"):
        refuse_difference(report)


def test_a_function_that_differs_fails_with_its_counterexample() -> None:
    failed = FunctionCheck(Verdict.FAILED, ("rtl",), "Verilator 5", reason="netlist: cycle 3")
    report = VerificationReport(function=failed, toggles=NotCompared(reason="not worth it"))
    assert not report.passed
    with pytest.raises(RunError, match="verification failed on Verilator 5: netlist: cycle 3"):
        refuse_difference(report)


def test_what_could_not_be_compared_is_no_failure() -> None:
    report = VerificationReport(function=PASSED, toggles=NotCompared(reason="no icarus"))
    assert refuse_difference(report) is report
    assert "toggles not compared: no icarus" in repr(report)


@pytest.mark.parametrize("found", [toggles(0.0), toggles(0.02), NotCompared(reason="no icarus")])
def test_the_file_is_read_as_the_same_report(found: ToggleComparison | NotCompared, tmp_path: Path) -> None:
    report = VerificationReport(function=PASSED, toggles=found)
    content = json.loads(report.to_json(tmp_path / "report.json"))
    assert content["function"]["status"] == "passed"
    assert content["toggles"].get("agrees", True) == found.agrees
    assert VerificationReport.read(tmp_path / "report.json") == report
    with pytest.raises(InputError, match="has schema 2, this version reads schema 1"):
        VerificationReport.parse({**content, "schema": 2}, "'x'")
