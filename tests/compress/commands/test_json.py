"""`--json -` leaves nothing on standard output but the results; everything else is on standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compress.cli import main

DIGITS = ["--model", "digits-cnn", "--data", "digits"]


def results(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, [*arguments, "--json", "-"])
    assert result.exit_code == 0, result.output
    assert result.stderr
    content: dict[str, Any] = json.loads(result.stdout)
    assert content["schema"] == 1
    return content


def test_export(tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(
        '{"model": "digits-cnn", "data": "digits", "layers": {"conv2": {"pruner": "l1_ranked", "sparsity": 0.5}}}'
    )
    found = results("export", "--policy", str(policy), "--out", str(tmp_path / "m.onnx"), "--no-check")
    assert found["parameters_after"] < found["parameters_before"]
    assert found["onnx_size_bytes"] == (tmp_path / "m.onnx").stat().st_size


def test_train(tmp_path: Path) -> None:
    found = results("train", *DIGITS, "--epochs", "1", "--out", str(tmp_path / "w.safetensors"))
    assert found["test_images"] == 360
    assert Path(found["weights"]).is_file()


def test_figure(tmp_path: Path) -> None:
    found = results("figure", "precision", *DIGITS, "--out", str(tmp_path / "figure"))
    assert len(found["points"]) == 49


def test_search(tmp_path: Path) -> None:
    out = tmp_path / "run"
    found = results("search", *DIGITS, "--method", "random", "--episodes", "1", "--out", str(out))
    assert found == json.loads((out / "result.json").read_text())


@pytest.mark.parametrize("command", ["evaluate", "export", "search", "train", "methods"])
def test_a_file_that_cannot_be_written_is_said_before_any_work(command: str, tmp_path: Path) -> None:
    policy = tmp_path / "p.json"
    policy.write_text('{"layers": {}}')
    arguments = {
        "evaluate": ["--policy", str(policy)],
        "export": ["--policy", str(policy), "--out", str(tmp_path / "m.onnx")],
        "search": [*DIGITS, "--out", str(tmp_path / "run")],
        "train": [*DIGITS, "--out", str(tmp_path / "w.safetensors")],
        "methods": [],
    }[command]
    result = CliRunner().invoke(main, [command, *arguments, "--json", "/nowhere/out.json"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --json: cannot write '/nowhere/out.json'")
    assert result.stderr.count("\n") == 1
