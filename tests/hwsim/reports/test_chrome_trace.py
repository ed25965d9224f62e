"""The Chrome trace: valid events, layers back to back, time adding up to the run's."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwsim.cli import main
from hwsim.reports.chrome_trace import ARRAY, DRAM, LAYERS, PASSES, chrome_trace
from hwsim.simulation.simulate import simulate


@pytest.mark.parametrize("engine", ["analytic", "cycle"])
def test_bars_add_up(engine: str) -> None:
    run = simulate("resnet20-cifar", "paper", engine, layer="layer1.0.conv1" if engine == "cycle" else None)
    trace = json.loads(json.dumps(chrome_trace(run), allow_nan=False))
    bars = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    layers = [bar for bar in bars if bar["tid"] == LAYERS]
    assert [bar["name"] for bar in layers] == [layer.name for layer in run.network.layers]
    end = 0.0
    for bar in layers:
        assert bar["ts"] == pytest.approx(end)
        end = bar["ts"] + bar["dur"]
    assert end == pytest.approx(run.latency_ms * 1e3), "microseconds"
    assert sum(bar["args"]["cycles"] for bar in bars if bar["tid"] == ARRAY) == run.cycles
    assert all(bar["dur"] > 0 for bar in bars)
    passes = [bar for bar in bars if bar["tid"] == PASSES]
    assert bool(passes) == (engine == "cycle")
    for earlier, later in pairwise(passes):
        assert later["ts"] >= earlier["ts"] + earlier["dur"] * (1 - 1e-9), "the array does one thing at a time"
    assert all(bar["ts"] + bar["dur"] <= end * (1 + 1e-9) for bar in passes)
    dram = sum(bar["args"]["words"] for bar in bars if bar["tid"] == DRAM)
    assert dram == run.accesses.words[0].sum()


def test_written_by_the_command(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    arguments = ["simulate", "resnet20-cifar", "--layer", "conv1", "--trace", str(path)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert {event["ph"] for event in json.loads(path.read_text())["traceEvents"]} == {"M", "X", "C"}
