"""A policy.json remembers what it was searched with: `compress evaluate` and `export` need no option besides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import hwsim
from compress.cli import main
from compress.deployment.recipe import load
from compress.images.dataset import load_data
from compress.models.accuracy import network_accuracy_pct
from compress.models.load import SHIPPED, load_model
from compress.network.trace import trace
from compress.oracle.spec import spec_of_policy
from compress.policy import LayerPolicy, Policy, read_policy, uniform_policy
from compress.searching.result_files import final_policy
from compress.searching.spec import SearchSpec
from hwsim.errors import InputError

LAYERS = {"conv2": LayerPolicy("level", 0.5, 5)}


def write(folder: Path, spec: SearchSpec, trained: str | None = None) -> Path:
    path = folder / "policy.json"
    final_policy(spec, Policy(LAYERS), trained).write(path)
    return path


def evaluate(path: Path, *options: str) -> tuple[dict[str, Any], str]:
    out = path.with_name("figures.json")
    result = CliRunner().invoke(main, ["evaluate", "--policy", str(path), "--json", str(out), *options])
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(out.read_text())
    return content, result.output.replace("\n", "")


def tile(folder: Path) -> str:
    """Return a tile of a user's own, with a smaller array than the default's."""
    path = folder / "tile.toml"
    text = (Path(hwsim.__file__).parent / "data" / "accelerators" / "paper.toml").read_text()
    assert "array_rows = 64" in text
    path.write_text(text.replace("array_rows = 64", "array_rows = 16"))
    return str(path)


def test_figures_without_an_option_are_those_with_all(tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    shutil.copy(SHIPPED["digits-cnn"], weights)
    spec = SearchSpec(
        model="digits-cnn", data="digits", weights=str(weights), accelerator=tile(tmp_path), costs="eyeriss-normalized",
        energy="paper", metric="latency", seed=4,
    )  # fmt: skip
    told, said = evaluate(write(tmp_path, spec))
    for part in (f"weights {weights}", f"accelerator {tile(tmp_path)}", "metric latency", "seed 4"):
        assert part in said
    options = ["--model", "digits-cnn", "--data", "digits", "--weights", str(weights), "--accelerator", tile(tmp_path)]
    options += ["--costs", "eyeriss-normalized", "--energy", "paper", "--metric", "latency", "--seed", "4"]
    options += ["--activation-scales", "tensor", "--activation-clipping", "mse"]
    asked, said = evaluate(write(tmp_path, SearchSpec(model="digits-cnn", data="digits")), *options)
    assert "from " not in said
    for name in ("float", "baseline", "compressed", "layers"):
        assert asked[name] == told[name]


def test_an_option_overrides_what_the_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, SearchSpec(model="digits-cnn", data="digits", accelerator=tile(tmp_path)))
    told, _ = evaluate(path)
    asked, said = evaluate(path, "--accelerator", "paper")
    assert "tile.toml" not in said and "model digits-cnn" in said
    assert asked["baseline"]["energy_pj"] != told["baseline"]["energy_pj"]
    assert asked["baseline"]["accuracy_pct"] == told["baseline"]["accuracy_pct"]


def test_weights_that_a_method_trained_lie_beside_the_policy(tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    folder.mkdir()
    path = write(folder, SearchSpec(model="digits-cnn", data="digits", weights="first.pt"), "weights.safetensors")
    with pytest.raises(InputError, match=r"moved.weights.safetensors', which is no file here; give --weights"):
        spec_of_policy(read_policy(path), path, {})
    shutil.copy(SHIPPED["digits-cnn"], folder / "weights.safetensors")
    assert spec_of_policy(read_policy(path), path, {}).spec.weights == folder / "weights.safetensors"


def test_weights_of_another_network_are_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path, SearchSpec(model="digits-cnn", data="digits", weights="digits.pt"))
    assert spec_of_policy(read_policy(path), path, {"model": "resnet20-cifar"}).spec.weights is None
    given = {"model": "digits-cnn", "weights": Path("w")}
    assert spec_of_policy(read_policy(path), path, given).spec.weights == Path("w")


def test_missing_weights_are_said_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, SearchSpec(model="digits-cnn", data="digits", weights="gone.pt"))
    for arguments in (["evaluate"], ["export", "--out", str(tmp_path / "m.onnx")]):
        result = CliRunner().invoke(main, [*arguments, "--policy", str(path)])
        assert result.exit_code == 2
        assert "names weights 'gone.pt', which is no file here; give --weights" in result.output
        assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "entry,message",
    [
        ({"seed": "first"}, "policy.json': --seed is 'first'"),
        ({"weights": 3}, "--weights is 3"),
        ({"energy": "free"}, "--energy: unknown value 'free'"),
        ({"metric": "energi"}, "did you mean energy"),
        ({"acelerator": "paper"}, "unknown setting 'acelerator': did you mean accelerator"),
        ({"model": "mynet:net"}, "names code \\('mynet:net'\\), and no file is trusted with that; give --model"),
    ],
)
def test_a_wrong_entry_is_said(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        spec_of_policy(Policy({}, {"model": "digits-cnn", "data": "digits", **entry}), tmp_path / "policy.json", {})


def test_export_takes_the_weights_from_the_file(tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    shutil.copy(SHIPPED["digits-cnn"], weights)
    path = write(tmp_path, SearchSpec(model="digits-cnn", data="digits", weights=str(weights)))
    result = CliRunner().invoke(
        main, ["export", "--policy", str(path), "--out", str(tmp_path / "m.onnx"), "--no-check"]
    )
    assert result.exit_code == 0, result.output
    assert f"weights {weights}" in result.output.replace("\n", "")


def test_export_clips_activations_as_the_search_did(tmp_path: Path) -> None:
    """At 2 bits the ranges decide: least error, as the file says, not the formula that `evaluate` falls back on."""
    data, model = load_data("digits"), load_model("digits-cnn", None, load_data("digits"))
    names = [layer.name for layer in trace(model, data.example).layers]
    path = tmp_path / "policy.json"
    final_policy(SearchSpec(model="digits-cnn", data="digits"), uniform_policy(names, LayerPolicy(bits=2)), None).write(
        path
    )
    told, _ = evaluate(path)
    laplace, _ = evaluate(path, "--activation-clipping", "laplace")
    assert told["compressed"]["accuracy_pct"] != laplace["compressed"]["accuracy_pct"]
    result = CliRunner().invoke(
        main, ["export", "--policy", str(path), "--out", str(tmp_path / "m.onnx"), "--no-check"]
    )
    assert result.exit_code == 0, result.output
    again = network_accuracy_pct(load(tmp_path / "m.recipe.json"), data.test)
    assert again == pytest.approx(told["compressed"]["accuracy_pct"], abs=0.6)  # a mean half-way between two codes
