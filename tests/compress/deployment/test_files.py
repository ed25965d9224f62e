"""`compress export`: sizes that change, accuracies that agree, recipes that run no code, wrong input in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from compress.commands.export import export
from compress.deployment.channel_removal import check_multiple
from compress.deployment.files import deploy_policy
from compress.deployment.onnx.model import onnx_model
from compress.deployment.recipe import load
from compress.evaluation.calibration import Calibration
from compress.images.dataset import load_data
from compress.models.accuracy import network_accuracy_pct
from compress.network.trace import trace
from compress.policy import Policy
from hwsim.errors import InputError, RunError

POLICY = {
    "model": "digits-cnn",
    "data": "digits",
    "seed": 0,
    "layers": {
        "conv2": {"pruner": "l1_ranked", "sparsity": 0.25, "bits": 6},
        "conv4": {"pruner": "level", "sparsity": 0.4, "bits": 5},
        "conv5": {"pruner": "l2_ranked", "sparsity": 0.25, "bits": 6},
    },
}


def run(folder: Path, policy: object = POLICY, *options: str) -> Result:
    (folder / "policy.json").write_text(json.dumps(policy))
    arguments = ["--policy", str(folder / "policy.json"), "--out", str(folder / "m.onnx"), *options]
    return CliRunner().invoke(export, arguments, catch_exceptions=False, standalone_mode=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("export")
    return folder, run(folder).output


def test_the_files_are_smaller_and_agree_with_the_report(exported: tuple[Path, str]) -> None:
    folder, output = exported
    before = 114_840  # 28,710 numbers of the float32 state dict
    assert f"{before:,}" in output
    assert (folder / "m.safetensors").stat().st_size < before / 4
    assert (folder / "m.onnx").stat().st_size < before / 3
    data = load_data("digits")
    back = load(folder / "m.recipe.json")
    stated = f"{network_accuracy_pct(back, data.test):.2f} %"
    assert f"{stated} simulated" in output
    if "in onnxruntime" in output:
        assert f"{stated} in onnxruntime" in output
    assert back.get_parameter("conv2.weight").shape[0] == 12  # 16 filters, a quarter gone
    assert back.get_parameter("conv5.weight").shape[0] == 24


def test_channel_counts_are_rounded_when_asked(tmp_path: Path) -> None:
    run(tmp_path, POLICY, "--round-to", "8", "--no-check")
    back = load(tmp_path / "m.recipe.json")
    assert back.get_parameter("conv2.weight").shape[0] == 16


def test_a_multiple_above_every_count_removes_no_channel(tmp_path: Path) -> None:
    run(tmp_path, POLICY, "--round-to", "1" + 20 * "0", "--no-check")
    back = load(tmp_path / "m.recipe.json")
    assert [back.get_parameter(f"{name}.weight").shape[0] for name in ("conv2", "conv5")] == [16, 32]


@pytest.mark.parametrize("multiple", [0, -1, 1.5, True, "8"])
def test_what_is_no_multiple_is_refused_in_one_line(multiple: object) -> None:
    with pytest.raises(InputError, match=f"--round-to is {multiple!r}, must be a whole number from 1"):
        check_multiple(multiple)  # type: ignore[arg-type]


def test_the_same_policy_gives_the_same_bytes(exported: tuple[Path, str], tmp_path: Path) -> None:
    run(tmp_path, POLICY, "--no-check")
    for name in ("m.onnx", "m.safetensors", "m.recipe.json"):
        assert (tmp_path / name).read_bytes() == (exported[0] / name).read_bytes(), name


def test_a_recipe_reloads_without_the_models_class(exported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("compress.models.digits.DigitsCNN.forward")
    assert load(exported[0] / "m.recipe.json")(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["nodes"][3].update(op="call_function", target="os.system"), "not known here"),
        (lambda r: r["nodes"][3].update(op="call_method", target="__reduce__"), "not known here"),
        (lambda r: r["modules"]["conv1"].update(type="Evil"), "module type 'Evil'"),
        (lambda r: r["modules"]["conv1"]["settings"].update(out_channels=3), "in another shape"),
        (lambda r: r.pop("nodes"), "damaged"),
        (lambda r: r.update(schema=99), "schema 1"),
        (lambda r: r.update(weights="../../elsewhere.safetensors"), "not a file"),
        (lambda r: r["nodes"][0].update(target="x=print('run')"), "cannot be the name of an input"),
        (lambda r: r["nodes"][2]["kwargs"].update({"a=print('run'), b": 1}), "cannot be the name of an argument"),
        (lambda r: r["nodes"][2].update(op="get_attr", target="fc.weight, print('run')"), "the name of a tensor"),
        (lambda r: r["nodes"][2].update(op="get_attr", target="__class__.__init__"), "the name of a tensor"),
        (lambda r: r["nodes"][2].update(op="get_attr", target="fc.nothing"), "which the weights do not have"),
        (lambda r: r["nodes"][2].update(target="load_state_dict"), "a module that the recipe does not have"),
        (lambda r: r["nodes"][2].update(name="lambda"), "cannot be the name of a node"),
        (lambda r: r["modules"].update({"a b": r["modules"]["conv1"]}), "cannot be the name of a module"),
        (lambda r: r["modules"].update({"recompile": r["modules"]["relu"]}), "cannot be the name of a module"),
        (lambda r: r["modules"]["conv1"]["settings"].update(out_channels=10**9), "in another shape"),
        (lambda r: r["modules"]["conv1"]["settings"].update(device="meta"), "the setting 'device'"),
        (lambda r: r["modules"]["conv1"].update(weight_shape=[16, 10**9, 3, 3]), "bytes of codes are no"),
        (lambda r: r["modules"]["conv1"].update(weight_shape=[1, 16, 3, 3]), "one scale and zero point a filter"),
        (lambda r: r["modules"]["conv1"].update(weight_bits=10**9), "weight_bits of 'conv1' is 1000000000"),
        (lambda r: r["modules"]["quantize_fc"]["settings"].update(bits=10**9), "bits of 'quantize_fc' is 1000000000"),
    ],
)
def test_a_wrong_recipe_is_one_line(
    exported: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, message: str
) -> None:
    recipe = json.loads((exported[0] / "m.recipe.json").read_text())
    change(recipe)  # type: ignore[operator]
    monkeypatch.setattr("builtins.print", lambda text: pytest.fail("a recipe was run as code"))
    (tmp_path / "m.recipe.json").write_text(json.dumps(recipe))
    (tmp_path / "m.safetensors").write_bytes((exported[0] / "m.safetensors").read_bytes())
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path / "m.recipe.json")
    assert "\n" not in str(caught.value)


def test_an_onnx_file_that_is_off_fails_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compress.deployment.files.onnx_accuracy_pct", lambda content, split: 12.5)
    with pytest.raises(RunError, match=r"onnxruntime reaches 12\.50 % where the simulation reaches"):
        run(tmp_path)
    assert not list(tmp_path.glob("m.*"))


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown layer in the policy 'conv9'"):
        run(tmp_path, {**POLICY, "layers": {"conv9": {"pruner": "level", "sparsity": 0.1, "bits": 4}}})
    with pytest.raises(InputError, match="--model is missing"):
        run(tmp_path, {"layers": {}})
    with pytest.raises(InputError, match=r"must end in \.onnx"):
        CliRunner().invoke(
            export,
            ["--policy", str(tmp_path / "policy.json"), "--out", str(tmp_path / "m.pt")],
            catch_exceptions=False,
            standalone_mode=False,
        )
    assert not list(tmp_path.glob("m.*"))


def test_a_split_of_the_batch_has_no_onnx_form() -> None:
    class Halves(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.cat(self.conv(x).chunk(2, 0), 0).mean((2, 3)))

    model, images = Halves().eval(), torch.randn(4, 3, 8, 8)
    graph = trace(model, images[:2])
    network = deploy_policy(graph, model, Calibration(graph, model, images), Policy({}))
    with pytest.raises(InputError, match="a split of the batch"):
        onnx_model(network)


@pytest.mark.filterwarnings("ignore:Using padding")  # of torch, for an even kernel
@pytest.mark.parametrize(
    "first", [torch.nn.MaxPool2d(2), torch.nn.Conv2d(3, 3, 2, padding="same"), torch.nn.Upsample(scale_factor=2)]
)
def test_the_onnx_input_is_the_networks_and_not_the_first_layers(first: torch.nn.Module) -> None:
    model = torch.nn.Sequential(first, torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    model.append(torch.nn.Linear(4, 2))
    images = torch.randn(4, 3, 8, 8)
    graph = trace(model.eval(), images[:1])
    network = deploy_policy(graph, model, Calibration(graph, model, images), Policy({}))
    assert network.input_shape == (3, 8, 8)
    if not isinstance(first, torch.nn.Upsample):  # which has no ONNX form here
        dimensions = onnx_model(network).graph.input[0].type.tensor_type.shape.dim
        assert [dimension.dim_value for dimension in dimensions[1:]] == [3, 8, 8]
