"""Options that change how a network is measured: arithmetic with its proof, scales of each activation channel."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.cli import main
from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator
from compress.images.dataset import load_data
from compress.models.load import load_model
from compress.network.graph import NetworkGraph
from compress.network.trace import trace
from compress.network.window import Window
from compress.oracle.oracle import prove_arithmetic
from compress.oracle.spec import MeasurementSpec
from compress.quantization.affine import (
    HISTOGRAM_BINS,
    ActivationStatistics,
    activation_affine,
    fold_input_scales,
    weight_affine,
)
from compress.quantization.integer_layer import IntegerLayer
from compress.searching.spec import SearchSpec
from compress.vocabulary import ActivationScales, Arithmetic, Clipping
from hwsim.errors import InputError
from tests.reference.unusual_networks import build


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def policy(folder: Path, **entries: str) -> str:
    layers = {"conv2": {"pruner": "level", "sparsity": 0.3, "bits": 6}}
    content = {"model": "digits-cnn", "data": "digits", "layers": layers, **entries}
    (folder / "policy.json").write_text(json.dumps(content))
    return str(folder / "policy.json")


def measured(folder: Path, *options: str, **entries: str) -> tuple[dict[str, dict[str, float]], str]:
    out = folder / "figures.json"
    result = run("evaluate", "--policy", policy(folder, **entries), "--json", str(out), *options)
    assert result.exit_code == 0, result.output
    return json.loads(out.read_text()), result.output


def digits() -> tuple[NetworkGraph, torch.nn.Module, object]:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    return trace(model, data.example), model, data


def test_exact_arithmetics_say_nothing_and_agree(tmp_path: Path) -> None:
    usual, said = measured(tmp_path)
    plain, _ = measured(tmp_path, "--arithmetic", "fp32")
    assert "predictions differ" not in said
    for name in ("float", "baseline", "compressed"):
        assert usual[name] == plain[name]


def test_bf16_is_proved_on_all_validation_images_and_then_used(tmp_path: Path) -> None:
    graph, model, data = digits()
    proof = prove_arithmetic(graph, model, data, MeasurementSpec(arithmetic=Arithmetic.BFLOAT16))  # type: ignore[arg-type]
    assert proof is not None
    assert proof.images == len(data.validation)  # type: ignore[attr-defined]
    assert 0 < proof.largest_logit_error < 1
    assert prove_arithmetic(graph, model, data, MeasurementSpec()) is None  # type: ignore[arg-type]
    for options, entries in ((["--arithmetic", "bf16"], {}), ([], {"arithmetic": "bf16"})):
        _, said = measured(tmp_path, *options, **entries)
        flat = said.replace("\n", "")
        assert f"on {proof.images} validation images: {proof.changed_predictions} predictions differ" in flat


def test_a_search_proves_bf16_first_and_remembers_it(tmp_path: Path) -> None:
    out = tmp_path / "run"
    base = ["search", "--model", "digits-cnn", "--data", "digits", "--method", "random", "--episodes", "1"]
    result = run(*base, "--arithmetic", "bf16", "--activation-scales", "channel", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert re.search(r"bf16 against the float simulation", result.output)
    written = json.loads((out / "policy.json").read_text())
    assert (written["arithmetic"], written["activation_scales"]) == ("bf16", "channel")
    again = run("evaluate", "--policy", str(out / "policy.json"), "--json", str(out / "f.json"))
    assert again.exit_code == 0, again.output
    found = json.loads((out / "result.json").read_text())
    assert json.loads((out / "f.json").read_text())["compressed"]["accuracy_pct"] == found["best"]["accuracy_pct"]
    assert json.loads((out / "f.json").read_text())["compressed"]["energy_pj"] == found["best"]["energy_pj"]


def test_scales_of_channels_have_no_onnx_form(tmp_path: Path) -> None:
    path = policy(tmp_path, activation_scales="channel")
    result = run("export", "--policy", path, "--out", str(tmp_path / "m.onnx"))
    assert result.exit_code == 2
    assert "search with --activation-scales tensor to export" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize(
    "option,value", [("arithmetic", "fp16"), ("activation_scales", "layer"), ("activation_clipping", "aciq")]
)
def test_an_unknown_choice_is_said(option: str, value: str) -> None:
    with pytest.raises(InputError, match=f"--{option.replace('_', '-')}: unknown"):
        SearchSpec(model="digits-cnn", data="digits", **{option: value})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), bits=st.integers(2, 8), groups=st.sampled_from([1, 2, 6]), rectified=st.booleans())
def test_sums_of_levels_with_scales_in_the_weights_are_what_the_numbers_stand_for(
    seed: int, bits: int, groups: int, rectified: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    ifmap = torch.randn((2, 6, 5, 5), generator=generator) * torch.tensor([0.01, 0.1, 1, 3, 30, 0]).reshape(1, 6, 1, 1)
    ifmap = ifmap.relu() if rectified else ifmap
    weight = torch.randn((12, 6 // groups, 3, 3), generator=generator)
    over = (0, 2, 3)
    mean = ifmap.mean(dim=over)
    deviation = (ifmap - mean.reshape(1, 6, 1, 1)).abs().mean(dim=over)
    seen = ActivationStatistics(mean, deviation, ifmap.amin(dim=over), ifmap.amax(dim=over))
    inputs = activation_affine(seen, bits)
    assert inputs.scale.shape == (6,)
    folded = fold_input_scales(weight, inputs.scale, groups)
    weights = weight_affine(folded, bits)
    window = Window(padding=(1, 1))
    layer = IntegerLayer(weights.levels(folded), inputs, weights.scale, torch.zeros(12), window, groups)
    numbers = weights.fake_quantize(folded).double()
    scale = inputs.scale.double().reshape(groups, -1).repeat_interleave(12 // groups, dim=0)[:, :, None, None]
    meant = F.conv2d(inputs.fake_quantize(ifmap, axis=1).double(), numbers / scale, None, 1, 1, 1, groups)
    torch.testing.assert_close(layer.forward_float(ifmap).double(), meant, rtol=1e-4, atol=1e-4)
    assert torch.equal(layer.forward_int8(ifmap), layer.forward_float(ifmap))
    assert torch.equal(layer.forward_products(ifmap), layer.forward_float(ifmap))


@pytest.mark.parametrize("name", ["SqueezeExcite", "Grouped", "DenseBlock"])
def test_statistics_of_channels_make_up_those_of_the_tensor(name: str) -> None:
    model = build(name)
    images = torch.randn(50, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    graph = trace(model, images[:1])
    whole = Calibration(graph, model, images)
    parted = Calibration(graph, model, images, scales=ActivationScales.CHANNEL)
    for layer in graph.layers:
        tensor, channels = whole.ranges[layer.name], parted.ranges[layer.name]
        assert channels.mean.shape == (layer.in_shape[0],)
        assert float(channels.minimum.min()) == float(tensor.minimum)
        assert float(channels.maximum.max()) == float(tensor.maximum)
        assert float(channels.mean.mean()) == pytest.approx(float(tensor.mean), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("scales", list(ActivationScales))
def test_histograms_count_what_calibration_saw(scales: ActivationScales) -> None:
    model = build("SqueezeExcite")
    images = torch.randn(50, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    graph = trace(model, images[:1])
    plain = Calibration(graph, model, images, scales=scales)
    counted = Calibration(graph, model, images, scales=scales, clipping=Clipping.MSE)
    for layer in graph.layers:
        histogram = counted.ranges[layer.name].histogram
        assert plain.ranges[layer.name].histogram is None
        assert histogram is not None
        assert int(histogram.sum()) == 50 * int(np.prod(layer.in_shape))
    first = counted.ranges[graph.layers[0].name].histogram
    assert first is not None
    planes = images.transpose(0, 1).reshape(3, -1) if scales is ActivationScales.CHANNEL else images.reshape(1, -1)
    for counts, values in zip(first.reshape(len(planes), -1), planes, strict=True):
        expected = torch.histc(values, HISTOGRAM_BINS, float(values.min()), float(values.max()))
        assert int((counts - expected).abs().sum()) <= 0.01 * values.numel()  # values on an edge may fall either way


def test_few_bits_lose_less_where_each_channel_has_its_scale() -> None:
    """A network whose channels differ in scale by powers of ten: one scale for all leaves the small ones at zero."""
    torch.manual_seed(0)
    first, second = torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 8, 3)
    factors = torch.logspace(-2, 1, 8)
    with torch.no_grad():
        first.weight *= factors.reshape(-1, 1, 1, 1)
        first.bias.zero_()  # type: ignore[union-attr]
        second.weight /= factors.reshape(1, -1, 1, 1)
    model = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.Flatten(), torch.nn.Linear(8 * 16, 4)).eval()
    images = torch.randn(40, 3, 8, 8)
    graph = trace(model, images[:1])
    expected = model(images).detach()
    errors = {}
    for scales in ActivationScales:
        calibration = Calibration(graph, model, images, scales=scales)
        evaluator = Evaluator(graph, model, images, torch.zeros(40, dtype=torch.int64), calibration)
        errors[scales] = float((evaluator.logits() - expected).abs().mean())
        assert np.isfinite(errors[scales])
    assert errors[ActivationScales.CHANNEL] < 0.5 * errors[ActivationScales.TENSOR]
