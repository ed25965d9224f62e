"""`import characterize`: what the commands do as functions, with results that show themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import characterize
from hwsim.energy.mac_table import load_mac_table
from hwsim.errors import InputError

SETTINGS: dict[str, Any] = {"bits": "4,8", "ci": 0.1, "activity": "zero-delay", "verify": False}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[characterize.Characterization, Path]:
    folder = tmp_path_factory.mktemp("api") / "mac"
    return characterize.run(**SETTINGS, out=folder), folder


@pytest.mark.parametrize("command", ["import characterize", "from characterize.cli import main; main(['--help'])"])
def test_the_face_is_cheap(command: str) -> None:
    code = f"""
import sys
try:
    {command}
except SystemExit:
    pass
heavy = ("numba", "pandas", "pyosys", "pyverilog", "cocotb", "matplotlib", "scipy")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_public_name_is_there() -> None:
    assert all(getattr(characterize, name) is not None for name in characterize.__all__)
    assert dir(characterize) == sorted(characterize.__all__)
    with pytest.raises(AttributeError, match="no attribute 'characterise'"):
        _ = characterize.characterise


def test_a_run_shows_itself_and_its_files_hold_the_same(
    found: tuple[characterize.Characterization, Path], tmp_path: Path
) -> None:
    result, folder = found
    frame = result.to_frame()
    assert list(frame.columns) == ["weight_bits", "activation_bits", "energy_fj", "ci95_rel"]
    assert len(frame) == 4
    table = load_mac_table(folder / "mac_energy.json")
    assert result.table.energy_fj == table.energy_fj
    assert float(frame.energy_fj.iloc[-1]) == table.energy_fj[8][8]
    assert "\n" not in repr(result)
    assert f"{table.energy_fj[8][8]:.1f} fJ at 8/8" in repr(result)
    assert "&lt;Characterization booth-weight" in result._repr_html_()
    assert result.seconds > 0
    result.to_json(tmp_path / "table.json")
    assert (tmp_path / "table.json").read_bytes() == (folder / "mac_energy.json").read_bytes()
    result.write(tmp_path / "again")
    assert (tmp_path / "again" / "run.json").read_bytes()[:200] == (folder / "run.json").read_bytes()[:200]
    with pytest.raises(InputError, match="already exists"):
        result.write(tmp_path / "again")


def test_settings_change_a_given_spec() -> None:
    spec = characterize.RunSpec(multiplier="wallac")
    with pytest.raises(InputError, match="unknown multiplier 'arra'"):
        characterize.run(spec, multiplier="arra")
    with pytest.raises(InputError, match="unknown setting 'multiplie': did you mean multiplier"):
        characterize.run(multiplie="array")


def test_a_folder_in_the_way_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        characterize.run(multiplier="no such", out=tmp_path)


def test_verify_returns_what_its_command_writes(
    found: tuple[characterize.Characterization, Path], tmp_path: Path
) -> None:
    report = characterize.verify(found[1], vectors=300, cycles=40)
    assert report.passed
    assert list(report.to_frame().check) == ["function", "toggles"]
    assert "function" in repr(report)
    assert "passed" in report._repr_html_()
    report.write(tmp_path / "report")
    assert characterize.VerificationReport.read(tmp_path / "report" / "verification.json") == report
    content = json.loads((tmp_path / "report" / "verification.json").read_text())
    assert content["schema"] == 1
    assert content["function"]["status"] in ("passed", "not verified")
    assert ("agrees" in content["toggles"]) != (content["toggles"].get("status") == "not compared")


def test_compare_returns_what_its_command_writes(
    found: tuple[characterize.Characterization, Path], tmp_path: Path
) -> None:
    comparison = characterize.compare([found[1]])
    frame = comparison.to_frame()
    assert frame.run.tolist() == ["mac"]
    assert frame.p_fg[0] == found[0].table.p_fg
    assert f"mac {found[0].table.energy_fj[8][8]:.1f} fJ at 8/8" in repr(comparison)
    assert "<table" in comparison._repr_html_()
    comparison.to_json(tmp_path / "comparison.json")
    assert type(comparison.document).read(tmp_path / "comparison.json") == comparison.document
    written = comparison.write(tmp_path / "out")
    assert {path.name for path in written} >= {"summary.csv", "precision.csv", "precision.svg"}
    with pytest.raises(InputError, match="no DIR to compare"):
        characterize.compare([])
