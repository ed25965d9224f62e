"""`characterize.verify`: a finished run proved again, at length."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from characterize.bench.verification import (
    QUICK_TO_RUN,
    FunctionCheck,
    Verdict,
    refuse_failure,
    verify_mac,
)
from characterize.runs.icarus_check import TOLERANCE, NotCompared, ToggleComparison, check_toggles
from characterize.runs.recorded_run import read_run
from characterize.spec import VerifySpec
from hwsim.errors import RunError
from hwsim.files.document import Document
from hwsim.files.writing import check_new_folder, check_writable

if TYPE_CHECKING:
    import pandas as pd

REPORT_FILE = "verification.json"


class VerificationReport(Document):
    """What came of verifying a run: `function` against exact integers, `toggles` against Icarus Verilog."""

    KIND: ClassVar[str] = "the report of a `characterize verify`"

    function: FunctionCheck
    toggles: ToggleComparison | NotCompared

    @property
    def passed(self) -> bool:
        """Tell whether nothing that was compared differs."""
        return self.function.status is not Verdict.FAILED and self.toggles.agrees

    def __repr__(self) -> str:
        return f"<VerificationReport function {self.function.sentence()}; toggles {self.toggles.sentence()}>"

    def _repr_html_(self) -> str:
        verdict = "passed" if self.passed else "failed"
        return f"<p>{html.escape(f'Verification {verdict}')}</p>{self.to_frame().to_html(index=False)}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row a check: check, agrees, said."""
        import pandas as pd

        rows = [
            ("function", self.function.status is not Verdict.FAILED, self.function.sentence()),
            ("toggles", self.toggles.agrees, self.toggles.sentence()),
        ]
        return pd.DataFrame(rows, columns=["check", "agrees", "said"])

    def write(self, folder: str | Path) -> None:
        """Write the report as verification.json into a new or empty folder."""
        check_new_folder(Path(folder), "folder")
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.to_json(Path(folder) / REPORT_FILE)


def refuse_difference(report: VerificationReport) -> VerificationReport:
    """Return a report in which nothing differs; raises RunError with the first counterexample otherwise."""
    refuse_failure(report.function)
    if not report.toggles.agrees:
        raise RunError(f"toggles differ by more than {100 * TOLERANCE:g} %: {report.toggles.sentence()}")
    return report


def verify(
    folder: str | Path, spec: VerifySpec | None = None, *, vcd: str | Path | None = None, **settings: Any
) -> VerificationReport:
    """Prove the run in a folder: RTL and netlist against exact integers on a cocotb bench, toggles against Icarus.

    `settings` are fields of VerifySpec, `vectors=1000` for example; they come before those of `spec`. `vcd` receives
    Icarus's waveforms. A difference is part of the report, and so is a simulator that is missing.
    Raises InputError for a folder that `characterize run` did not write or that changed since.
    """
    chosen = VerifySpec(**settings) if spec is None else spec.replaced(**settings)
    if vcd is not None:
        check_writable(Path(vcd))
    run = read_run(Path(folder), chosen.liberty)
    function = verify_mac(run.unit, vectors=chosen.vectors, seed=chosen.seed, preferred=QUICK_TO_RUN)
    toggles: ToggleComparison | NotCompared = NotCompared(reason="the netlist does not compute what it must")
    if function.status is not Verdict.FAILED:
        toggles = check_toggles(run, chosen.cycles, chosen.seed, None if vcd is None else Path(vcd))
    return VerificationReport(function=function, toggles=toggles)
