"""`characterize compare`: summary, CSV, plots, and folders that are no runs."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from characterize.cli import main
from hwsim.energy.mac_table import SHIPPED_TABLE, load_mac_table


@pytest.fixture()
def runs(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "first" / "out", tmp_path / "second" / "out"]
    for factor, folder in enumerate(folders, start=1):
        folder.mkdir(parents=True)
        table = json.loads(SHIPPED_TABLE.read_text())
        table["energy_fj"]["8"]["8"] *= factor
        (folder / "mac_energy.json").write_text(json.dumps(table))
    return folders


def test_figures_of_each_run_stand_side_by_side(runs: list[Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["compare", *map(str, runs), "--out", str(tmp_path / "cmp")])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "cmp" / "summary.csv").open()))
    shipped = load_mac_table().energy_fj[8][8]
    assert [row["run"] for row in rows] == ["first/out", "second/out"]
    assert [float(row["energy_fj"]) for row in rows] == pytest.approx([shipped, 2 * shipped])
    cells = list(csv.DictReader((tmp_path / "cmp" / "precision.csv").open()))
    assert len(cells) == 2 * 49
    assert (tmp_path / "cmp" / "precision.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_runs_give_the_same_files(runs: list[Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert CliRunner().invoke(main, ["compare", str(runs[0]), "--out", str(tmp_path / name)]).exit_code == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "does not exist"), ("", "holds no mac_energy.json"), ("{", "not JSON"), ("{}", "schema")],
)
def test_a_folder_that_is_no_run_is_refused_in_one_line(
    runs: list[Path], tmp_path: Path, content: str | None, complaint: str
) -> None:
    bad = tmp_path / "bad"
    if content is not None:
        bad.mkdir()
        if content:
            (bad / "mac_energy.json").write_text(content)
    result = CliRunner().invoke(main, ["compare", str(runs[0]), str(bad), "--out", str(tmp_path / "cmp")])
    assert result.exit_code == 2
    assert complaint in result.output
    assert "bad" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "cmp").exists()
    shutil.rmtree(bad, ignore_errors=True)
