"""A pruner of somebody's own on the command line: searched with, measured, exported, refused where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compress.cli import main
from compress.pruning import PRUNERS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EIGHTH = "example_pruner:GeometricMedianPruner"
DIGITS = ["--model", "digits-cnn", "--data", "digits"]


@pytest.fixture(autouse=True)
def in_examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(EXAMPLES)
    yield
    PRUNERS.pop("geometric_median", None)  # what a test registers leaves with it


def run(*arguments: str) -> Result:
    PRUNERS.pop("geometric_median", None)
    return CliRunner().invoke(main, list(arguments))


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_an_eighth_pruner_is_searched_with_measured_and_exported(tmp_path: Path) -> None:
    out = tmp_path / "run"
    search = ["search", *DIGITS, "--method", "random", "--episodes", "2", "--max-loss", "20", "--out", str(out)]
    result = run(*search, "--pruners", f"{EIGHTH},level")
    assert result.exit_code == 0, result.output
    front = json.loads((out / "archive.json").read_text())["front"]
    chosen = {layer["pruner"] for candidate in front for layer in candidate["choices"]}
    assert chosen == {"geometric_median", "level"}
    policy = str(out / "policy.json")
    said = refused("evaluate", "--policy", policy)
    assert "unknown pruner 'geometric_median'" in said and "--pruners MODULE:CLASS" in said
    figures = run("evaluate", "--policy", policy, "--pruners", EIGHTH, "--json", "-")
    assert figures.exit_code == 0, figures.output
    best = json.loads((out / "result.json").read_text())["best"]
    assert json.loads(figures.stdout)["compressed"]["energy_pj"] == best["energy_pj"]
    exported = run("export", "--policy", policy, "--pruners", EIGHTH, "--out", str(tmp_path / "small.onnx"))
    assert exported.exit_code == 0, exported.output
    assert run("report", str(out)).exit_code == 0  # what was found is read without anybody's code
    compared = run("compare", str(out), "--plot", str(tmp_path / "f.svg"), "--figures", str(tmp_path / "figures"))
    assert compared.exit_code == 0, compared.output
    assert "which is code" in refused("search", "--resume", "--out", str(out))


@pytest.mark.parametrize(
    ("pruner", "said"),
    [
        ("nowhere:Pruner", "--pruners 'nowhere:Pruner': No module named 'nowhere'"),
        ("example_pruner:GeometricMedian", "did you mean GeometricMedianPruner?"),
        ("pathlib:Path", "lacks the method 'prune'"),
        ("levle", "did you mean level?"),
        ("level,snip,level", "--pruners names 'level' twice; name each pruner once"),
        (f"{EIGHTH},geometric_median", "--pruners names 'geometric_median' twice (as '"),
    ],
)
def test_a_wrong_pruner_is_one_line(pruner: str, said: str, tmp_path: Path) -> None:
    assert said in refused("search", *DIGITS, "--pruners", pruner, "--out", str(tmp_path / "run"))


def test_the_lists_name_what_is_there() -> None:
    for kind, name in (("pruners", "fm_reconstruction"), ("methods", "composite"), ("models", "digits-cnn")):
        result = run(kind, "--json", "-")
        assert result.exit_code == 0, result.output
        assert name in [entry["name"] for entry in json.loads(result.stdout)[kind]]
        assert name in result.stderr
