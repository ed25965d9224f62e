"""Fig. 1, 2a and 2b for the embedded network: points, drawings, errors."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compress.cli import main

NETWORK = ("--model", "digits-cnn", "--data", "digits", "--images", "60")


def run(kind: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["figure", kind, *NETWORK, *arguments])


def points(folder: Path) -> list[dict[str, str]]:
    with (folder / "points.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_sparsity(tmp_path: Path) -> None:
    result = run("sparsity", "--out", str(tmp_path / "fig1"), "--steps", "4", "--pruners", "level, l1_ranked")
    assert result.exit_code == 0, result.output
    rows = points(tmp_path / "fig1")
    assert [row["series"] for row in rows] == ["level"] * 4 + ["l1_ranked"] * 4
    gains = [float(row["energy_reduction_pct"]) for row in rows]
    assert gains[:4] == sorted(gains[:4])
    assert gains[4:] == sorted(gains[4:])
    assert gains[7] > gains[3], "structure saves more than zeros"
    assert (tmp_path / "fig1" / "figure.png").stat().st_size > 5000


def test_precision(tmp_path: Path) -> None:
    result = run("precision", "--out", str(tmp_path / "fig2a"))
    assert result.exit_code == 0, result.output
    rows = points(tmp_path / "fig2a")
    saved = {(row["weight_bits"], row["activation_bits"]): float(row["energy_reduction_pct"]) for row in rows}
    assert len(saved) == 49
    assert saved["8", "8"] == 0
    assert 0 < saved["5", "5"] < saved["3", "3"] < 100
    assert all(row["accuracy_loss_pct"] == "" for row in rows)


def test_mixed(tmp_path: Path) -> None:
    result = run("mixed", "--out", str(tmp_path / "fig2b"))
    assert result.exit_code == 0, result.output
    rows = points(tmp_path / "fig2b")
    uniform = [row for row in rows if row["series"] == "uniform"]
    mixed = [row for row in rows if row["series"] == "mixed"]
    assert [row["weight_bits"] for row in uniform] == ["8", "7", "6", "5", "4", "3", "2"]
    assert float(uniform[0]["energy_reduction_pct"]) == 0

    def best(series: list[dict[str, str]], loss_pct: float) -> float:
        return max(float(row["energy_reduction_pct"]) for row in series if float(row["accuracy_loss_pct"]) <= loss_pct)

    assert best(mixed, 2.0) >= best(uniform, 2.0) - 0.5
    assert mixed[-1]["energy_reduction_pct"] == uniform[-1]["energy_reduction_pct"], "both end at 2 bits"


@pytest.mark.parametrize(
    "arguments,message",
    [(("--pruners", "levl"), "did you mean level"), (("--costs", "nothing"), "unknown cost preset")],
)
def test_errors_leave_nothing(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("sparsity", "--out", str(tmp_path / "fig"), *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    result = run("precision", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "not empty" in result.output
    assert (tmp_path / "kept.txt").read_text() == "mine"
