"""The command line: what it prints and writes, and one line for each wrong use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from hwsim.cli import COMMANDS, main
from hwsim.energy.mac_table import SHIPPED_TABLE
from hwsim.hardware.accelerator import PRESET_FOLDER


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_help_lists_the_commands() -> None:
    result = _run("--help")
    assert result.exit_code == 0
    assert all(name in result.output for name in COMMANDS)
    for name in COMMANDS:
        assert _run(name, "--help").exit_code == 0


def test_vgg16_has_the_published_macs(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    result = _run("simulate", "vgg16", "--json", path)
    assert result.exit_code == 0
    content = json.loads(path.read_text())
    computing = sum(layer["macs"] for layer in content["layers"] if layer["type"] in {"conv", "fc"})
    assert computing == content["totals"]["macs"] == 15_470_264_320
    for word in ("features.0", "classifier.6", "15,470,264,320", "TOPS/W", "paper-fig2a", "fJ at 8/8 bit"):
        assert word in result.output


def test_csv_has_one_row_a_layer(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    assert _run("simulate", "resnet20-cifar", "--csv", path, "--quiet").output == ""
    frame = pd.read_csv(path)
    assert len(frame) == 30
    assert frame["macs"].sum() == 40_551_040


def test_a_result_reads_back_as_mappings(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    assert _run("simulate", "resnet20-cifar", "--objective", "latency", "--json", first).exit_code == 0
    assert _run("simulate", "resnet20-cifar", "--mapping", first, "--json", second).exit_code == 0
    kept, given = json.loads(first.read_text()), json.loads(second.read_text())
    assert [one["mapping"] for one in kept["layers"]] == [one["mapping"] for one in given["layers"]]
    assert kept["totals"]["cycles"] == given["totals"]["cycles"]


def test_own_accelerator_and_costs_files(tmp_path: Path) -> None:
    shown = _run("accelerators", "--show", "paper")
    tile = tmp_path / "tile.toml"
    tile.write_text(shown.output.replace("array_rows = 64", "array_rows = 32").replace('"paper"', '"mine"'))
    costs = tmp_path / "costs.toml"
    costs.write_text(_run("costs", "--show", "7nm").output)
    path = tmp_path / "f.json"
    arguments = ("resnet20-cifar", "--accelerator", tile, "--costs", costs, "--layer", "conv1", "--json", path)
    assert _run("simulate", *arguments).exit_code == 0
    content = json.loads(path.read_text())
    assert (content["accelerator"], content["costs"]) == ("mine", "costs")
    assert content["provenance"]["accelerator"]["array_rows"] == 32


def test_the_example_network_can_be_simulated(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(_run("networks", "--example").output)
    result = _run("simulate", path)
    assert (result.exit_code, "classifier" in result.output) == (0, True), result.output


def test_lists() -> None:
    assert "resnet56-cifar" in _run("networks").output
    assert "layer4.1.conv2" in _run("networks", "--layers", "resnet18").output
    assert "eyeriss-v1" in _run("accelerators").output
    schema = json.loads(_run("accelerators", "--schema").output)
    assert schema["properties"]["glb_size_bytes"]["description"]
    costs = _run("costs").output
    assert all(name in costs for name in ("7nm", "eyeriss-normalized", "paper-fig2a", "Jouppi"))


def test_calibration_writes_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    result = _run("costs", "--calibrate", "--network", "resnet20-cifar", "--saving", "0.2", "--out", path)
    assert result.exit_code == 0
    assert "save 20.0%" in result.output
    energies = []
    for bits in (8, 5):
        out = tmp_path / f"{bits}.json"
        _run("simulate", "resnet20-cifar", "--costs", path, "--bits", bits, "--json", out)
        energies.append(json.loads(out.read_text())["totals"]["energy_pj"])
    assert 1 - energies[1] / energies[0] == pytest.approx(0.2, abs=1e-6)


def test_calibration_that_cannot_be_reached_says_so() -> None:
    result = _run("costs", "--calibrate", "--network", "resnet20-cifar", "--saving", "0.9")
    assert result.exit_code == 2
    assert "no factor on the memory costs makes uniform 5-bit operands save 90%" in result.stderr


def _edited_preset(folder: Path, old: str, new: str) -> Path:
    path = folder / "tile.toml"
    text = (PRESET_FOLDER / "paper.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("glb_size_bytes = 32768", "", "field 'glb_size_bytes' is missing"),
        ("array_rows = 64", "array_rows = -64", "array_rows is -64"),
        ("array_rows = 64", "aray_rows = 64", "unknown field 'aray_rows': did you mean array_rows"),
        ("rf_shared_bytes = 64", "rf_shared_bytes = 2", "enlarge rf_shared_bytes"),
        ("glb_size_bytes = 32768", "glb_size_bytes = 8", "enlarge glb_size_bytes"),
        ("ifmap_bus_bits = 512", "ifmap_bus_bits = 0", "ifmap_bus_bits is 0"),
    ],
)
def test_wrong_accelerator_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    out = tmp_path / "f.json"
    tile = _edited_preset(tmp_path, old, new)
    result = _run("simulate", "resnet20-cifar", "--accelerator", tile, "--json", out)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert message in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet5",), "unknown network 'resnet5': did you mean"),
        (("alexnet", "--accelerator", "papper"), "unknown accelerator 'papper': did you mean paper"),
        (("alexnet", "--batch", "0"), "--batch is 0"),
        (("alexnet", "--batch", "two"), "two"),
        (("alexnet", "--bits", "12"), "--bits is 12, must be a whole number from 1 to 8"),
        (("alexnet", "--bits", "1"), "no entry for 1-bit weights"),
        (("alexnet", "--costs", "8nm"), "unknown cost preset '8nm': did you mean 7nm"),
        (("alexnet", "--layer", "conv9"), "unknown layer of alexnet 'conv9'"),
        (("alexnet", "--mac-table", "none.json"), "cannot read 'none.json'"),
        (("alexnet", "--policy", "none.json"), "cannot read 'none.json'"),
        (("alexnet", "--mapping", "none.json"), "cannot read 'none.json'"),
        (("alexnet", "--json", "no/such/folder/f.json"), "no such folder"),
        (("alexnet", "--csv", "."), "is a folder"),
        (("alexnet", "--engine", "fast"), "--engine 'fast' is unknown"),
        (("alexnet", "--objective", "speed"), "objective 'speed' is unknown"),
        (("alexnet", "--engin", "fast"), "No such option"),
        ((), "NETWORK"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(arguments: tuple[str, ...], message: str) -> None:
    result = _run("simulate", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_mac_table_without_the_precision(tmp_path: Path) -> None:
    table = json.loads(SHIPPED_TABLE.read_text())
    table["energy_fj"] = {"8": {"8": 200.0}}
    path = tmp_path / "mac_energy.json"
    path.write_text(json.dumps(table))
    result = _run("simulate", "resnet20-cifar", "--bits", 4, "--mac-table", path)
    assert result.exit_code == 2
    assert "no entry for 4-bit weights and 4-bit activations" in result.stderr


def test_bare_mapping_needs_a_layer(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"m": 1, "n": 1, "e": 1, "f": 1, "p": 1, "q": 1, "r": 1, "t": 1, "k": 3}))
    result = _run("simulate", "resnet20-cifar", "--mapping", path)
    assert (result.exit_code, "say which with --layer" in result.stderr) == (2, True)
    assert _run("simulate", "resnet20-cifar", "--mapping", path, "--layer", "conv1").exit_code == 0
    path.write_text(json.dumps({"conv1": {"m": 1.5}}))
    assert "m is 1.5, must be a whole number" in _run("simulate", "resnet20-cifar", "--mapping", path).stderr


def test_as_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hwsim", "simulate"]
    good = subprocess.run([*command, "alexnet"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (good.returncode, "conv5" in good.stdout, good.stderr) == (0, True, "")
    bad = subprocess.run([*command, "alexnot"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "error: unknown network 'alexnot': did you mean alexnet or alexnet-cifar or googlenet?\n"


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (("simulate", "resnet20-cifar", "--layer", "conv1"), {"network", "totals", "layers", "provenance"}),
        (("networks",), {"networks", "batch"}),
        (("networks", "--layers", "alexnet"), {"network", "batch", "layers"}),
        (("accelerators",), {"accelerators"}),
        (("costs",), {"costs"}),
        (("costs", "--calibrate", "--network", "resnet20-cifar", "--saving", "0.2"), {"factor", "saving"}),
        (("validate", "eyeriss"), {"alexnet", "vgg16", "fig10"}),
    ],
)
def test_json_on_standard_output_stands_alone(arguments: tuple[str, ...], fields: set[str], tmp_path: Path) -> None:
    piped = _run(*arguments, "--json", "-")
    assert piped.exit_code == 0, piped.output
    content = json.loads(piped.stdout)
    assert fields | {"schema"} <= set(content) and content["schema"] == 1
    plain = _run(*arguments)
    assert piped.stderr == plain.stdout, "the tables move to standard error, whole"
    path = tmp_path / "f.json"
    filed = _run(*arguments, "--json", path)
    assert filed.stdout.splitlines()[-2:] and f"wrote {path}" in filed.stdout
    read = json.loads(path.read_text())
    assert {**read, "engine_wall_s": 0} == {**content, "engine_wall_s": 0}


def test_a_quiet_simulation_says_nothing_beside_its_json(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    quiet = _run(
        "simulate", "resnet20-cifar", "--layer", "conv1", "--quiet", "--json", path, "--csv", tmp_path / "f.csv"
    )
    assert (quiet.exit_code, quiet.output) == (0, "")
    assert json.loads(path.read_text())["layers"][0]["name"] == "conv1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("networks", "--example"),
        ("accelerators", "--schema"),
        ("accelerators", "--show", "paper"),
        ("costs", "--show", "7nm"),
    ],
)
def test_printed_files_and_json_exclude_each_other(arguments: tuple[str, ...]) -> None:
    result = _run(*arguments, "--json", "-")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "leave out --json" in result.stderr


@pytest.mark.parametrize("command", [("networks",), ("accelerators",), ("costs",), ("validate", "eyeriss")])
def test_a_json_file_that_cannot_be_written_is_refused_first(command: tuple[str, ...]) -> None:
    result = _run(*command, "--json", "no/such/folder/f.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no such folder" in result.stderr


def test_the_chip_beside_the_engine_in_json() -> None:
    content = json.loads(_run("validate", "eyeriss", "--json", "-").stdout)
    assert [row["name"] for row in content["alexnet"]] == [f"CONV{number}" for number in range(1, 6)]
    assert [row["chip_power_mw"] for row in content["alexnet"]] == [332, 288, 266, 235, 236]
    for row in content["alexnet"]:
        error = 100 * (row["processing_ms"] / row["chip_processing_ms"] - 1)
        assert row["processing_error_pct"] == pytest.approx(error) and abs(error) < 5
        assert row["total_error_pct"] == pytest.approx(100 * (row["total_ms"] / row["chip_total_ms"] - 1))
        assert (row["power_mw"], row["power_error_pct"]) == (None, None), "power is not modelled yet"
    assert all(row["total_error_pct"] is None and row["chip_power_mw"] is None for row in content["vgg16"])
    assert content["fig10"] == []


def test_a_policy_that_is_not_completed_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"schema": 1, "layers": {"conv1": {"pruner": "level", "sparsity": 0.5, "bits": 5}}}))
    result = _run("simulate", "resnet20-cifar", "--policy", path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"run `compress evaluate --policy {path} --complete COMPLETED.json` and give that file" in result.stderr


def test_no_line_of_the_help_is_cut() -> None:
    """Click cuts a short help at its first period and at the column: whatever a list shows must be whole."""
    for arguments in ((), ("validate",)):
        listed = _run(*arguments, "--help").output.split("Commands:")[1]
        assert "..." not in listed, listed
    listed = " ".join(_run("--help").output.split())
    for command in COMMANDS.values():
        assert command.help_line in listed


def test_help_imports_nothing_heavy() -> None:
    """`hwsim --help` and a mistyped command answer before NumPy, pandas, Numba or torch are even loaded."""
    script = "import sys, click\nfrom hwsim.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    script += "heavy = {'torch', 'numba', 'pandas', 'numpy', 'matplotlib', 'onnx'} & set(sys.modules)\n"
    script += "assert not heavy, heavy\nassert 'hwsim.cli' in sys.modules\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "accelerators" in done.stdout


def test_results_are_compared(tmp_path: Path) -> None:
    wide, narrow, out = tmp_path / "wide.json", tmp_path / "narrow.json", tmp_path / "c.json"
    _run("simulate", "resnet20-cifar", "--json", wide)
    _run("simulate", "resnet20-cifar", "--bits", 5, "--costs", "7nm", "--json", narrow)
    result = _run("compare", wide, narrow, "--json", out)
    assert result.exit_code == 0, result.output
    assert "narrow.json" in result.stdout and "costs differ (paper-fig2a, 7nm)" in result.stdout
    energies = [json.loads(path.read_text())["totals"]["energy_pj"] for path in (wide, narrow)]
    content = json.loads(out.read_text())
    assert [run["energy_pj"] for run in content["runs"]] == energies
    assert content["runs"][1]["saved_pct"] == pytest.approx(100 * (1 - energies[1] / energies[0]))
    assert json.loads(_run("compare", wide, narrow, "--json", "-").stdout) == content


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"schema": 1, "runs": []}))
    result = _run("compare", path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"'{path}' is not a result of `hwsim simulate --json`: unknown field 'runs'" in result.stderr
    assert _run("compare").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("simulate", "resnet20-cifar", "--csv", "x", "--report", "./x"), "--csv and --report both name 'x'"),
        (("simulate", "resnet20-cifar", "--json", "x", "--trace", "x"), "--json and --trace both name 'x'"),
        (("simulate", "resnet20-cifar", "--csv", "a" * 300), "cannot be looked up: File name too long"),
        (("simulate", "a" * 300 + ".toml"), "cannot be looked up: File name too long"),
        (("simulate", "resnet20-cifar", "--costs", ""), "unknown cost preset ''"),
        (("simulate", "resnet20-cifar", "--mapping", "newer.json"), "has schema 99, this version reads schema 1"),
        (("costs", "--out", "x.toml"), "--out 'x.toml' is for the calibrated preset; add --calibrate"),
        (("costs", "--calibrate", "--out", "x", "--json", "x"), "--json and --out both name 'x'"),
        (("costs", "--calibrate", "--out", "no/x.toml"), "--out: cannot write 'no/x.toml': no such folder"),
    ],
)
def test_nothing_is_ignored_or_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("newer.json").write_text(json.dumps({"schema": 99, "layers": []}))
    result = _run(*arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
    assert said in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["newer.json"]


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    result = tmp_path / "[red]a[-red].json"
    assert _run("simulate", "resnet20-cifar", "--layer", "conv1", "--quiet", "--json", result).exit_code == 0
    content = {**json.loads(result.read_text()), "network": "[/red] :smile: [bold]"}
    result.write_text(json.dumps(content))
    compared = _run("compare", result)
    assert compared.exit_code == 0, compared.output
    assert "[/red] :smile: [bold]" in compared.output
    assert result.name in compared.output
