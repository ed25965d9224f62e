"""Laws of a policy on real architectures: masked equals removed, and what is priced is what physically stays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.deployment.channel_removal import remove_channels
from compress.evaluation.calibration import Calibration
from compress.evaluation.masks import Compression, Compressor
from compress.models.load import build_model
from compress.models.registry import MODELS
from compress.network.trace import trace
from compress.policy import LayerPolicy
from compress.pruning import SEARCH_PRUNERS, Granularity, pruner
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network
from hwsim.workload.policy import LayerTreatment, apply_policy
from tests.reference.plain_evaluation import compressed_model, logits

NETWORKS = ["resnet20-cifar", "vgg11-cifar", "mobilenet_v2-cifar", "squeezenet1_0-cifar"]
FILTER_PRUNERS = tuple(name for name in SEARCH_PRUNERS if pruner(name).removes is Granularity.FILTERS)


@cache
def compressor(name: str) -> Compressor:
    """A network with random weights and BatchNorm statistics that hide nothing behind zeros."""
    torch.manual_seed(5)
    model = build_model(name).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
            torch.nn.init.normal_(module.get_buffer("running_mean"), 0, 0.1)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    channels, height, _ = MODELS[name].input_shape
    edge = height if name.startswith("vgg") else 16  # shapes shrink, dependencies do not
    images = torch.randn(4, channels, edge, edge)
    graph = trace(model, images[:1])
    return Compressor(graph, Calibration(graph, model, images))


def compression(name: str, seed: int, pruners: tuple[str, ...]) -> Compression:
    rng = np.random.default_rng(seed)
    deriving = compressor(name)
    most = float(rng.choice([0.2, 0.6, 1.0]))
    return deriving.derive(
        [
            LayerPolicy(str(rng.choice(pruners)), float(rng.uniform(0, most)) if rng.random() < 0.8 else 0.0)
            for _ in deriving.graph.layers
        ]
    )


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_masked_equals_removed_and_nothing_priced_is_missing(name: str, seed: int) -> None:
    deriving = compressor(name)
    result = compression(name, seed, SEARCH_PRUNERS)
    masked = compressed_model(deriving.graph, deriving.calibration.model, result, None)
    smaller = remove_channels(deriving.graph, masked)
    images = deriving.calibration.images
    expected = logits(masked, images)
    torch.testing.assert_close(
        logits(smaller, images), expected, rtol=2e-4, atol=2e-4 * float(expected.abs().max()) + 1e-6
    )
    for index, layer in enumerate(deriving.graph.layers):
        # single weights may leave a filter without any: removal finds it, the price does not count on it
        assert smaller.get_parameter(f"{layer.name}.weight").shape[0] <= int(result.live_filters(index).sum())


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_filter_pruning_prices_the_shape_that_physically_stays(name: str, seed: int) -> None:
    deriving = compressor(name)
    graph = deriving.graph
    # a layer whose structured action falls back to single weights has other zeros: leave those out
    deciding = [policy.pruner for policy in compression(name, seed, FILTER_PRUNERS).policies]
    result = deriving.derive(
        [
            LayerPolicy(chosen, 0.4)
            if index % 3 == 0 and not layer.depthwise and layer.group is not None
            else LayerPolicy()
            for index, (chosen, layer) in enumerate(zip(deciding, graph.layers, strict=True))
        ]
    )
    masked = compressed_model(graph, deriving.calibration.model, result, None)
    smaller = remove_channels(graph, masked)
    for index, layer in enumerate(graph.layers):
        weight = smaller.get_parameter(f"{layer.name}.weight")
        priced = layer.hwsim_layer(int(result.live_channels(index).sum()), int(result.live_filters(index).sum()))
        assert weight.shape[0] == priced.out_channels
        assert weight.shape[1] * priced.groups == priced.in_channels


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_stated_channels_fit_the_network_that_hwsim_knows(name: str, seed: int) -> None:
    """What a compression leaves is consistent with hwsim's own graph, and each layer comes out as compress has it."""
    deriving = compressor(name)
    result = compression(name, seed, SEARCH_PRUNERS)
    expected: dict[str, tuple[int, int, float]] = {}
    for index, layer in enumerate(deriving.graph.layers):
        channels, filters = int(result.live_channels(index).sum()), int(result.live_filters(index).sum())
        shape = layer.hwsim_layer(max(channels, layer.groups if not layer.depthwise else 1), max(filters, 1))
        expected[layer.name] = (shape.in_channels, shape.out_channels, result.zero_fraction(index))
    policy = {
        layer: LayerTreatment(pruner="any", sparsity=0.5, in_channels=ins, out_channels=outs, zero_filter=zeros)
        for layer, (ins, outs, zeros) in expected.items()
    }
    treated = apply_policy(network(name), policy)
    found = {
        layer.name: (layer.in_channels, layer.out_channels, zeros.filter)
        for layer, zeros in zip(treated.network.layers, treated.zeros, strict=True)
        if layer.name in expected and isinstance(layer, ConvLayer)
    }
    assert found == expected
