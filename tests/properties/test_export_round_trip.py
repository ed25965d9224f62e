"""Law: what leaves computes what was measured, in PyTorch, from the recipe and in onnxruntime, under any policy."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.calibration import Calibration
from compress.deployment import DeployedNetwork
from compress.evaluation import Arithmetic, Evaluator
from compress.export import deploy_policy
from compress.graph import trace
from compress.models import MODELS, build_model
from compress.network import NetworkGraph
from compress.onnx_export import onnx_model
from compress.policy import LayerPolicy, Policy
from compress.pruning import SEARCH_PRUNERS
from compress.recipe import load, pack, save, unpack
from tests.reference.unusual_networks import build

NETWORKS = ["digits-cnn", "resnet20-cifar", "vgg11-cifar", "mobilenet_v2-cifar", "squeezenet1_0-cifar"]
FLOAT32 = Arithmetic.FLOAT32
UNUSUAL = ["SqueezeExcite", "ManualHardSwish", "DenseBlock", "Grouped", "ChannelShuffle", "SpatialAttention"]


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


def onnx_logits(network: DeployedNetwork, images: torch.Tensor) -> torch.Tensor:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'tilejoule[export]'")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_model(network).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return torch.from_numpy(session.run(None, {"input": images.numpy()})[0])


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
        found = onnx_logits(network, images)
    # a sum that lies on the border of two codes may round to either in another order of addition
    close = torch.isclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max() + 1e-9))
    assert close.all(dim=1).float().mean() >= 0.9


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20-cifar", "mobilenet_v2-cifar", "Grouped"])
def test_each_deployed_layer_is_the_layer_the_evaluator_measures(name: str) -> None:
    """Layer by layer on the same ifmap, where no code can round differently; no channel removed, so shapes agree."""
    graph, calibration, images = prepared(name)
    rng = np.random.default_rng(0)
    policy = Policy(
        {layer.name: LayerPolicy("level", 0.3, int(rng.integers(2, 9))) for layer in graph.layers if rng.random() < 0.9}
    )
    evaluator = Evaluator(
        graph, graph.module, images, torch.zeros(len(images), dtype=torch.int64), calibration, arithmetic=FLOAT32
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


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20-cifar", "squeezenet1_0-cifar"])
def test_the_deployed_network_is_what_the_evaluator_measures(name: str) -> None:
    """As a whole, channels removed: sums on the border of two codes may round apart, which stays far below a logit."""
    graph, calibration, images = prepared(name)
    labels = torch.zeros(len(images), dtype=torch.int64)
    for seed in range(3):
        policy = draw_policy(graph, seed, 6)
        evaluator = Evaluator(graph, graph.module, images, labels, calibration, arithmetic=FLOAT32)
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
