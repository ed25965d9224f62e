"""`characterize run`, end to end on the embedded technology."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from characterize.cli import main
from characterize.runs.files import table_csv
from hwsim.energy.mac_table import load_mac_table
from hwsim.energy.transition_model import transition_model

FILES = {
    "mac_energy.json",
    "table.csv",
    "energy_by_weight.csv",
    "netlist.v",
    "run.json",
    "energy_by_precision.svg",
    "energy_by_precision.png",
    "breakdown.svg",
    "breakdown.png",
    "energy_by_weight.svg",
    "energy_by_weight.png",
}


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["run", "--quiet", "--no-verify", *arguments])


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("characterize") / "timed"
    result = invoke("--out", str(folder), "--bits", "4,8", "--ci", "0.05", "--verify")
    assert result.exit_code == 0, result.output
    return folder


def test_a_run_leaves_its_files(timed: Path) -> None:
    assert {path.name for path in timed.iterdir()} >= FILES
    assert not list(timed.parent.glob(".timed*"))


def test_the_table_is_what_hwsim_reads(timed: Path) -> None:
    table = load_mac_table(timed / "mac_energy.json")
    assert sorted(table.energy_fj) == [4, 8]
    assert all(ci <= 0.05 for row in table.ci95_rel.values() for ci in row.values())
    assert table.breakdown_fj.keys() == {"clock", "registers", "inputs", "multiplier", "adder", "leakage"}
    assert sum(table.breakdown_fj.values()) == pytest.approx(table.energy_fj[8][8])
    assert table.r_q[8][8] == 1
    provenance = table.provenance
    assert provenance["activity"] == "timed"
    assert provenance["seed"] == 0
    assert len(provenance["hashes"]["netlist"]) == 64
    assert "/" not in json.dumps(provenance["hashes"])


def test_energies_agree_with_an_independent_study(timed: Path) -> None:
    """Bounds of a feasibility study on the full library (OpenROAD-class flow): register-included MAC, DNN operands."""
    table = load_mac_table(timed / "mac_energy.json")
    assert 225 <= table.energy_fj[8][8] <= 255
    assert 0.58 <= table.r_q[4][4] <= 0.74
    accountings = (table.model_extra or {})["accountings"]
    assert 0.38 <= accountings["total"]["p_fg"] <= 0.52
    assert 0.13 <= accountings["no-clock"]["p_fg"] <= 0.37
    assert 0.05 <= accountings["combinational"]["p_fg"] <= 0.31
    by_weight = (table.model_extra or {})["energy_by_weight_fj"]
    assert by_weight["0"] < by_weight["1"] < by_weight["127"]


def test_the_csv_holds_every_accounting(timed: Path) -> None:
    lines = (timed / "table.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * 4
    assert table_csv(load_mac_table(timed / "mac_energy.json")).splitlines() == lines


def test_the_macro_model_predicts_streams_it_was_not_fitted_on(timed: Path) -> None:
    table = load_mac_table(timed / "mac_energy.json")
    errors = table.transition_model["errors"]
    assert errors["held-out correlated-gaussian"]["mean_error_pct"] <= 5
    assert "correlated-gaussian" not in table.transition_model["fitted_on"]
    model = transition_model(table)
    rng = np.random.default_rng(3)
    activation = rng.integers(0, 128, 4000)
    energies = {w: model.energy_fj(np.full(4000, w), activation, np.zeros(4000, np.int64)).mean() for w in (0, 1, 85)}
    assert energies[0] < energies[1] < energies[85]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    options = ["--bits", "8", "--ci", "0.1", "--activity", "zero-delay"]
    for name, jobs in (("a", "1"), ("b", "2")):
        assert invoke("--out", str(tmp_path / name), "--jobs", jobs, *options).exit_code == 0
    for path in (one for one in (tmp_path / "a").rglob("*") if one.is_file()):
        ours, theirs = path.read_bytes(), (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
        if path.name == "run.json":
            records = [json.loads(raw) for raw in (ours, theirs)]
            for record in records:
                del record["timestamp"], record["wall_s"]
            assert records[0] == records[1]
        else:
            assert ours == theirs, path.name
    table = load_mac_table(tmp_path / "a" / "mac_energy.json")
    assert table.provenance["activity"] == "zero-delay"
    assert "glitches are not counted" in table.provenance["delay_model"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bits", "1-8"], "--bits '1-8': precisions are 2 to 8"),
        (["--bits", "x"], "--bits 'x'"),
        (["--ci", "0"], "--ci 0.0: the relative half-width"),
        (["--multiplier", "walace"], "unknown multiplier 'walace': did you mean wallace"),
        (["--rtl", "mine.v"], "--rtl and --top go together"),
        (["--port", "weight"], "--port 'weight': write ROLE=NAME"),
        (["--operands", "gone.npz"], "cannot read --operands 'gone.npz'"),
        (["--hold", "0"], "--hold 0: must be 1 to 4096"),
        (["--zero-activations", "1"], "--zero-activations 1.0"),
        (["--period-ps", "300"], "--period-ps 300 is too short"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(tmp_path: Path, options: list[str], message: str) -> None:
    result = invoke("--out", str(tmp_path / "out"), *options)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("characterize.gates.simulation.TimedSimulator.run", interrupt)
    result = invoke("--out", str(tmp_path / "out"), "--bits", "8")
    assert result.exit_code == 1
    assert "interrupted" in result.output
    assert not list(tmp_path.iterdir())


def test_a_full_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    result = invoke("--out", str(tmp_path))
    assert result.exit_code == 2
    assert "already exists and is not empty" in result.output
