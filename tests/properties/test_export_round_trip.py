"""Law: what leaves computes what was measured, in PyTorch, from the recipe and in onnxruntime, under any policy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.deployment.deployment import DeployedNetwork, FakeQuantize
from compress.deployment.files import deploy_policy
from compress.deployment.onnx.model import onnx_model
from compress.deployment.recipe import load, pack, save, unpack
from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator, EvaluatorSpec
from compress.models.load import build_model
from compress.models.registry import MODELS
from compress.network.graph import NetworkGraph
from compress.network.trace import trace
from compress.policy import LayerPolicy, Policy
from compress.pruning import SEARCH_PRUNERS
from compress.quantization.affine import Affine
from compress.vocabulary import Arithmetic
from tests.reference.unusual_networks import build

NETWORKS = ["digits-cnn", "resnet20-cifar", "vgg11-cifar", "mobilenet_v2-cifar", "squeezenet1_0-cifar"]
FLOAT32 = Arithmetic.FLOAT32
SUM_ERROR = 32 * 2**-23
"""How far two orders of float32 addition may leave a sum, relative to the largest of its tensor."""
UNUSUAL = ["SqueezeExcite", "ManualHardSwish", "DenseBlock", "Grouped", "ChannelShuffle", "SpatialAttention"]
UNUSUAL += ["Chunked", "OtherNorms", "SplitGroups"]


@cache
def prepared(name: str) -> tuple[NetworkGraph, Calibration, torch.Tensor]:
    torch.manual_seed(5)
    if name in MODELS:
        model, (channels, height, _) = build_model(name).eval(), MODELS[name].input_shape
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.data.uniform_(-0.5, 1.5)  # negative gains too
                module.bias.data.uniform_(-0.3, 0.5)
    else:
        model, channels, height = build(name), 3, 8
    edge = height if name.startswith("vgg") else min(height, 16)
    images = torch.randn(24, channels, edge, edge)
    graph = trace(model, images[:1])
    return graph, Calibration(graph, graph.module, images[:16]), images


def draw_policy(graph: NetworkGraph, seed: int, lowest: int) -> Policy:
    rng = np.random.default_rng(seed)
    return Policy(
        {
            layer.name: LayerPolicy(
                str(rng.choice(SEARCH_PRUNERS)), float(rng.choice([0.0, 0.2, 0.5])), int(rng.integers(lowest, 9))
            )
            for layer in graph.layers
            if rng.random() < 0.8
        }
    )


def onnx_run(network: DeployedNetwork, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return onnxruntime's logits and its codes int64, by the name of the module that rounds to them."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'tilejoule[export]'")
    from onnx import TensorProto, helper

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    model = onnx_model(network)
    codes = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.UINT8, None) for name in codes)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    logits, *found = session.run(None, {"input": images.numpy()})
    by_module = {
        str(node.target): torch.from_numpy(found[codes.index(f"{node.name}/codes")].astype(np.int64))
        for node in network.module.graph.nodes
        if f"{node.name}/codes" in codes
    }
    return torch.from_numpy(logits), by_module


def rounded_apart(network: DeployedNetwork, images: torch.Tensor, codes: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return bool[N]: the images on which some code of ours differs from `codes`.

    Asserts of each that the first rounding to differ had a value within float32's error of half-way between the two
    codes, to which sums in another order then round. What follows from that differs for good reason.
    """
    apart = torch.zeros(len(images), dtype=torch.bool)

    def compare(name: str, rounding: FakeQuantize) -> Callable[..., None]:
        def look(_module: torch.nn.Module, inputs: tuple[torch.Tensor], _result: torch.Tensor) -> None:
            ifmap, mapping = inputs[0], Affine(rounding.scale, rounding.zero_point, rounding.bits)
            mine = mapping.codes(ifmap).long()
            for image in (~apart & (mine != codes[name]).flatten(1).any(dim=1)).nonzero().flatten().tolist():
                differs = mine[image] != codes[name][image]
                halfway = (mine[image] + codes[name][image])[differs] / 2 - rounding.zero_point
                off = (ifmap[image][differs].double() - halfway * rounding.scale.double()).abs().max()
                assert (mine[image] - codes[name][image]).abs().max() == 1, (name, image)
                assert off <= SUM_ERROR * ifmap[image].abs().max(), (name, image)
                apart[image] = True

        return look

    hooks = [
        module.register_forward_hook(compare(name, module))
        for name, module in network.module.named_modules()
        if isinstance(module, FakeQuantize)
    ]
    network.module(images)
    for hook in hooks:
        hook.remove()
    return apart


def test_a_rounding_that_differs_away_from_half_way_is_noticed() -> None:
    graph, calibration, images = prepared("digits-cnn")
    network = deploy_policy(graph, graph.module, calibration, Policy({}))
    second = [module for module in network.module.modules() if isinstance(module, FakeQuantize)][1]
    with torch.inference_mode():
        _, codes = onnx_run(network, images)
        assert not rounded_apart(network, images, codes).all()
        second.scale *= 1.001
        with pytest.raises(AssertionError):
            rounded_apart(network, images, codes)


@pytest.mark.parametrize("name", [*NETWORKS, *UNUSUAL])
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**16), lowest=st.sampled_from([2, 5]), eights=st.booleans())
def test_recipe_and_onnx_give_the_deployed_networks_logits(name: str, seed: int, lowest: int, eights: bool) -> None:
    graph, calibration, images = prepared(name)
    policy = draw_policy(graph, seed, lowest)
    network = deploy_policy(graph, graph.module, calibration, policy, multiple=8 if eights else 1)
    with torch.inference_mode():
        expected = network.module(images)
        with tempfile.TemporaryDirectory() as folder:
            save(network, Path(folder) / "n.recipe.json", Path(folder) / "n.safetensors")
            assert torch.equal(load(Path(folder) / "n.recipe.json")(images), expected)
        found, codes = onnx_run(network, images)
        apart = rounded_apart(network, images, codes)
    scale = float(expected.abs().max()) + 1e-9
    torch.testing.assert_close(found[~apart], expected[~apart], rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20-cifar", "mobilenet_v2-cifar", "Grouped"])
def test_each_deployed_layer_is_the_layer_the_evaluator_measures(name: str) -> None:
    """Layer by layer on the same ifmap, where no code can round differently; no channel removed, so shapes agree."""
    graph, calibration, images = prepared(name)
    rng = np.random.default_rng(0)
    policy = Policy(
        {layer.name: LayerPolicy("level", 0.3, int(rng.integers(2, 9))) for layer in graph.layers if rng.random() < 0.9}
    )
    evaluator = Evaluator(
        graph,
        graph.module,
        images,
        torch.zeros(len(images), dtype=torch.int64),
        calibration,
        spec=EvaluatorSpec(arithmetic=FLOAT32),
    )
    evaluator.set_policies([policy.layer(layer.name) for layer in graph.layers])
    deployed = deploy_policy(graph, graph.module, calibration, policy).module
    calls = {str(node.target): node for node in deployed.graph.nodes if node.op == "call_module"}
    for index, layer in enumerate(graph.layers):
        rounding = deployed.get_submodule(str(calls[layer.name].args[0].target))
        shape = layer.in_shape if layer.kind == "conv" else layer.in_shape[:1]
        ifmap = torch.randn(2, *shape, generator=torch.Generator().manual_seed(index))
        with torch.inference_mode():
            found = deployed.get_submodule(layer.name)(rounding(ifmap))
            expected = evaluator.integer_layer(index).forward_float(ifmap)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()), msg=layer.name)


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20-cifar", "mobilenet_v2-cifar", "Grouped", "DenseBlock"])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_weights_leave_with_the_levels_they_were_measured_with(name: str, seed: int) -> None:
    """Also where a dense layer reads a channel that leaves: the weights there take part in the range of a filter."""
    graph, calibration, images = prepared(name)
    policy = draw_policy(graph, seed, 2)
    for layer in graph.layers[1::2]:
        policy = Policy({**policy.layers, layer.name: LayerPolicy(bits=policy.layer(layer.name).bits)})
    labels = torch.zeros(len(images), dtype=torch.int64)
    evaluator = Evaluator(graph, graph.module, images, labels, calibration, spec=EvaluatorSpec(arithmetic=FLOAT32))
    evaluator.set_policies([policy.layer(layer.name) for layer in graph.layers])
    network = deploy_policy(graph, graph.module, calibration, policy)
    for index, layer in enumerate(graph.layers):
        codes, measured = network.codes[layer.name], evaluator.integer_layer(index)
        rows = evaluator.compression.live[layer.out_units]
        columns = evaluator.compression.live[layer.in_units][: layer.weight_shape[1]]
        expected = measured.weight_levels[torch.from_numpy(rows)]
        expected = expected if layer.depthwise else expected[:, torch.from_numpy(columns)]
        gain = measured.gain[torch.from_numpy(rows)]
        shape = (-1,) + (1,) * (expected.dim() - 1)
        found = codes.codes.float() - codes.zero_point.float().reshape(shape)
        assert torch.equal(found, expected * torch.sign(gain).reshape(shape)), layer.name


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20-cifar", "squeezenet1_0-cifar"])
def test_the_deployed_network_is_what_the_evaluator_measures(name: str) -> None:
    """As a whole, channels removed: sums on the border of two codes may round apart, which stays far below a logit."""
    graph, calibration, images = prepared(name)
    labels = torch.zeros(len(images), dtype=torch.int64)
    for seed in range(3):
        policy = draw_policy(graph, seed, 6)
        evaluator = Evaluator(graph, graph.module, images, labels, calibration, spec=EvaluatorSpec(arithmetic=FLOAT32))
        evaluator.set_policies([policy.layer(layer.name) for layer in graph.layers])
        network = deploy_policy(graph, graph.module, calibration, policy)
        with torch.inference_mode():
            found, expected = network.module(images), evaluator.logits()
        assert float((found - expected).abs().mean()) <= 0.02 * float(expected.abs().mean())


@given(st.integers(2, 8), st.lists(st.integers(0, 255), max_size=50))
def test_packed_codes_come_back(bits: int, values: list[int]) -> None:
    codes = torch.tensor([value % 2**bits for value in values], dtype=torch.uint8).reshape(-1, 1)
    stream = pack(codes, bits)
    assert stream.numel() == -(-len(values) * bits // 8)
    assert torch.equal(unpack(stream, bits, list(codes.shape)), codes)
