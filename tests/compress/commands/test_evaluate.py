"""`compress evaluate` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compress.cli import main

POLICY: dict[str, Any] = {
    "model": "digits-cnn",
    "data": "digits",
    "layers": {
        "conv2": {"pruner": "fm_reconstruction", "sparsity": 0.25, "bits": 5},
        "conv5": {"pruner": "level", "sparsity": 0.5, "bits": 6, "realised_sparsity": 0.5},
    },
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", *arguments])


def write(folder: Path, content: dict[str, Any]) -> str:
    path = folder / "policy.json"
    path.write_text(json.dumps(content))
    return str(path)


def test_figures_before_and_after(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = run("--policy", write(tmp_path, POLICY), "--json", str(out))
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text())
    assert content["schema"] == 1
    fields = {"accuracy_pct", "energy_pj", "latency_ms", "size_bytes", "macs"}
    for name in ("float", "baseline", "compressed"):
        assert set(content[name]) == fields
    assert content["float"]["accuracy_pct"] > 97
    assert abs(content["baseline"]["accuracy_pct"] - content["float"]["accuracy_pct"]) <= 0.3
    assert content["compressed"]["accuracy_pct"] > 90
    for field in ("energy_pj", "latency_ms", "size_bytes", "macs"):
        assert content["compressed"][field] < content["baseline"][field]
    assert content["baseline"]["size_bytes"] < content["float"]["size_bytes"]
    # each cost preset, each energy model, on the terminal too
    assert set(content["energy_reduction_pct"]) == {"7nm", "eyeriss-normalized", "paper-fig2a"}
    for preset, modes in content["energy_reduction_pct"].items():
        assert set(modes) == {"simulated", "paper"}
        assert preset in result.output
        assert all(0 < saved < 100 for saved in modes.values())
    realised = content["policy"]["layers"]["conv2"]["realised_sparsity"]
    assert realised == 0.25
    conv2 = next(layer for layer in content["layers"] if layer["name"] == "conv2")
    assert (conv2["in_channels"], conv2["dense_in_channels"]) == (12, 16)


def test_the_empty_policy_is_the_baseline(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = run("--policy", write(tmp_path, {**POLICY, "layers": {}}), "--json", str(out), "--energy", "paper")
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text())
    assert content["compressed"] == content["baseline"]


@pytest.mark.parametrize(
    "layers,message",
    [
        ({"conv9": {"pruner": "level", "sparsity": 0.1, "bits": 8}}, "unknown layer in the policy 'conv9'"),
        ({"conv1": {"pruner": "level", "sparsity": 0.1, "bits": 9}}, "bits is 9"),
        ({"conv1": {"pruner": "level", "sparsity": 1.5, "bits": 8}}, "sparsity is 1.5"),
        ({"conv1": {"pruner": "leval", "sparsity": 0.5, "bits": 8}}, "did you mean level"),
        ({"conv1": {"pruner": "level", "sparsety": 0.5}}, "unknown field 'sparsety'"),
        ({"conv1": 3}, "must be a table"),
    ],
)
def test_a_wrong_policy_is_said_in_one_line(tmp_path: Path, layers: dict[str, Any], message: str) -> None:
    out = tmp_path / "figures.json"
    result = run("--policy", write(tmp_path, {**POLICY, "layers": layers}), "--json", str(out))
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--model", "digitscnn"], "did you mean digits-cnn"),
        (["--data", "cifar10:/nowhere"], "'/nowhere' is not a folder"),
        (["--accelerator", "papper"], "did you mean paper"),
        (["--costs", "8nm"], "7nm"),
        (["--mac-table", "/nowhere.json"], "cannot read '/nowhere.json'"),
        (["--json", "/nowhere/out.json"], "--json: cannot write '/nowhere/out.json': no such folder"),
        (["--energy", "free"], "simulated"),
    ],
)
def test_a_wrong_option_is_said_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run("--policy", write(tmp_path, POLICY), *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_policy_that_names_no_network_asks_for_it(tmp_path: Path) -> None:
    result = run("--policy", write(tmp_path, {"layers": {}}))
    assert result.exit_code == 2
    assert "give --model" in result.output
    result = run("--policy", str(tmp_path / "missing.json"))
    assert result.exit_code == 2
    assert "missing.json" in result.output
