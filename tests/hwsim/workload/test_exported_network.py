"""A compressed network costs the same wherever it is priced: in the compression layer, and as its ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from compress.cli import main as compress
from hwsim.simulation.simulate import simulate

POLICY = {
    "model": "digits-cnn",
    "data": "digits",
    "layers": {
        "conv1": {"pruner": "l1_ranked", "sparsity": 0.25, "bits": 8},
        "conv2": {"pruner": "l2_ranked", "sparsity": 0.3, "bits": 8},
        "conv4": {"pruner": "l1_ranked", "sparsity": 0.4, "bits": 8},
    },
}


@pytest.mark.slow
def test_pruned_digits_network(tmp_path: Path) -> None:
    policy, figures, model = tmp_path / "policy.json", tmp_path / "figures.json", tmp_path / "pruned.onnx"
    policy.write_text(json.dumps(POLICY))
    for arguments in (
        ["evaluate", "--policy", str(policy), "--json", str(figures)],
        ["export", "--policy", str(policy), "--out", str(model), "--no-check"],
    ):
        result = CliRunner().invoke(compress, arguments)
        assert result.exit_code == 0, result.output
    told = json.loads(figures.read_text())["compressed"]
    run = simulate(model)
    assert run.macs == told["macs"] < 673_088, "channels are gone"
    assert run.energy_pj == pytest.approx(told["energy_pj"])
    assert run.latency_ms == pytest.approx(told["latency_ms"])
