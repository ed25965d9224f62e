"""Law: a network with its masked filters removed computes what the masked network computes, for any masks."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.deployment.channel_removal import live_units, mask_filters, private_copy, remove_channels, round_up
from compress.models.load import build_model
from compress.models.registry import MODELS
from compress.network.graph import Mask, NetworkGraph
from compress.network.trace import trace

NETWORKS = [
    "digits-cnn",
    "resnet20-cifar",
    "resnet18-cifar",
    "vgg11-cifar",
    "mobilenet_v2-cifar",
    "squeezenet1_0-cifar",
]


@cache
def traced(name: str) -> NetworkGraph:
    """A network with random weights and BatchNorm statistics that hide nothing behind zeros."""
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    model = build_model(name)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.5), (module.bias, -0.5), (module.running_var, 0.5)):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=generator) + low
            module.running_mean = torch.randn(module.num_features, generator=generator) * 0.1
    channels, height, _ = MODELS[name].input_shape
    edge = height if name.startswith("vgg") else min(height, 16)  # shapes shrink, dependencies do not
    return trace(model, torch.randn(1, channels, edge, edge, generator=generator))


def draw_masks(graph: NetworkGraph, seed: int, share: float, spread: bool) -> dict[str, Mask]:
    rng = np.random.default_rng(seed)
    masks: dict[str, Mask] = {}
    for layer in graph.layers:
        if rng.random() >= share:
            continue
        mask = rng.random(layer.weight_shape[0]) >= rng.choice([0.1, 0.5, 0.9, 1.0])
        for name, follower in (graph.spread(layer.name, mask) if spread else {layer.name: mask}).items():
            masks[name] = masks[name] & follower if name in masks else follower
    return masks


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.sampled_from([0.2, 0.8, 1.0]), spread=st.booleans(), eights=st.booleans())
def test_removed_equals_masked(name: str, seed: int, share: float, spread: bool, eights: bool) -> None:
    graph = traced(name)
    masks = draw_masks(graph, seed, share, spread)
    channels, height, width = graph.layers[0].in_shape
    images = torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(seed))
    masked = private_copy(graph)
    mask_filters(graph, masked, masks)
    multiple = 8 if eights else 1
    smaller = remove_channels(graph, graph.module, masks, multiple)
    with torch.inference_mode():
        expected, found = masked(images), smaller(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max() + 1e-6))
    kept = round_up(graph, live_units(graph, masked), multiple)
    again = trace(smaller, images[:1])
    assert [layer.macs for layer in again.hwsim_layers()] == [layer.macs for layer in graph.hwsim_layers(kept)]


@pytest.mark.parametrize("name", NETWORKS)
def test_spread_masks_really_leave(name: str) -> None:
    """A mask spread over its group removes exactly its share of the layer's filters."""
    graph = traced(name)
    layer = next(layer for layer in graph.layers if layer.group is not None and not layer.depthwise)
    mask = np.arange(layer.weight_shape[0]) % 2 == 0
    smaller = remove_channels(graph, graph.module, graph.spread(layer.name, mask))
    assert smaller.get_parameter(f"{layer.name}.weight").shape[0] == mask.sum()


def test_removing_everything_leaves_one_channel() -> None:
    graph = traced("digits-cnn")
    masks = {layer.name: np.zeros(layer.weight_shape[0], dtype=bool) for layer in graph.layers[:-1]}
    smaller = remove_channels(graph, graph.module, masks)
    assert {smaller.get_parameter(f"{name}.weight").shape[0] for name in masks} == {1}
    images = torch.zeros(3, 1, 8, 8)
    assert smaller(images).shape == (3, 10)


def test_rounding_gives_multiples_where_the_layer_is_large_enough() -> None:
    graph = traced("resnet20-cifar")
    masks = draw_masks(graph, 5, 1.0, True)
    smaller = remove_channels(graph, graph.module, masks, 8)
    for layer in graph.layers[:-1]:
        assert smaller.get_parameter(f"{layer.name}.weight").shape[0] % 8 == 0


def test_input_channels_that_nobody_reads_leave_their_producer() -> None:
    """AMC prunes input channels: where the only reader ignores a channel, its filter goes too."""
    graph = traced("vgg11-cifar")
    module = private_copy(graph)
    reader = graph.layers[3]
    with torch.no_grad():
        module.get_parameter(f"{reader.name}.weight")[:, ::2] = 0.0
    smaller = remove_channels(graph, module)
    assert smaller.get_parameter(f"{graph.layers[2].name}.weight").shape[0] == reader.in_shape[0] // 2
    images = torch.randn(2, *reader_input(graph))
    torch.testing.assert_close(smaller(images), module(images), rtol=1e-4, atol=1e-4)


def reader_input(graph: NetworkGraph) -> tuple[int, int, int]:
    return graph.layers[0].in_shape
