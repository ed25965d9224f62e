"""The result file: the promised fields and no other, read back as what was written, refused by schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hwsim
from hwsim.engines.counts_result import CountsResult
from hwsim.errors import InputError


@pytest.fixture(scope="module")
def run() -> hwsim.Run:
    return hwsim.simulate("resnet20-cifar")


def test_a_result_reads_back_as_it_was_written(run: hwsim.Run, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    text = run.to_json(path)
    assert path.read_text() == text
    read = hwsim.SimulationResult.read(path)
    assert read == run.result()
    assert read.totals.energy_pj == run.energy_pj
    assert read.layers[3].mapping == run.runs[3].analysis.mapping
    assert read.layers[3].accesses.glb.psum.write == run.runs[3].analysis.accesses["glb"]["psum"]["write"]
    assert json.loads(text) == run.as_json() == read.as_json()


def test_the_order_of_the_fields_is_that_of_schema_1(run: hwsim.Run) -> None:
    content = run.as_json()
    head = "schema network accelerator batch engine objective costs mac_table engine_wall_s totals layers notes"
    assert list(content) == [*head.split(), "provenance"]
    layer = "name type macs cycles processing_cycles stall_cycles active_pes utilization bound bits latency_ms"
    layer += " energy_total_pj energy_pj accesses mapping operands"
    assert list(content["layers"][0]) == layer.split()
    assert content["layers"][0]["bits"] == {"weight": 8, "activation": 8}
    assert content["layers"][0]["mapping"]["keep_ifmap"] in {True, False}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "has schema 2, this version reads schema 1 of a result of `hwsim simulate --json`"),
        ({"batches": 1}, "unknown field 'batches': did you mean batch"),
        ({"engine": "systolic"}, "field 'engine' is 'systolic'"),
        ({"totals": {}}, "field 'totals.macs' is missing"),
    ],
)
def test_a_wrong_file_is_refused(run: hwsim.Run, tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(json.dumps({**run.as_json(), **change}))
    with pytest.raises(InputError) as refused:
        hwsim.SimulationResult.read(path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_notebook_shows(run: hwsim.Run) -> None:
    assert repr(run).startswith("Run(resnet20-cifar, batch 1, on paper, analytic engine: ")
    assert "\n" not in repr(run)
    frame = run.to_frame()
    assert frame.equals(run.layers)
    frame["energy_pj"] = 0.0
    assert run.layers["energy_pj"].sum() == pytest.approx(run.energy_pj), "a frame is the caller's own"
    assert run._repr_html_().count("<tr") == 1 + len(run.runs)


def test_one_layer_shows_itself_too(run: hwsim.Run, tmp_path: Path) -> None:
    analysis = hwsim.analyze(run.network.layers[0], run.tile)
    assert repr(analysis).startswith("Analysis(conv1: ") and "\n" not in repr(analysis)
    frame = analysis.to_frame()
    assert len(frame) == 12
    psums = frame[(frame["level"] == "glb") & (frame["operand"] == "psum")]
    assert psums["read"].item() == analysis.accesses["glb"]["psum"]["read"]
    assert "<table" in analysis._repr_html_()
    analysis.to_json(tmp_path / "counts.json")
    read = CountsResult.read(tmp_path / "counts.json")
    assert (read.name, read.cycles, read.mapping) == ("conv1", analysis.cycles, analysis.mapping)
