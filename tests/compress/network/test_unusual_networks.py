"""Tracing, grouping and removal on networks with unusual dependencies: exact, or kept dense and named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from compress.deployment.channel_removal import mask_filters, private_copy, remove_channels
from compress.network.graph import Mask
from compress.network.trace import trace
from hwsim.errors import InputError
from tests.reference.unusual_networks import NAMES, build

IMAGE = (3, 8, 8)

NAMED = {  # what stays dense, and must be named
    "DataControlFlow": "part",
    "DataInLoop": "part",
    "SharedConv": "part.conv",
    "FunctionalConv": "conv2d",
    "OtherNorms": "part.group",
    "ChannelShuffle": "view",
    "Chunked": "chunk",
    "ComputedWeights": "part.one",
    "WritesInPlace": "part",
    "ConvNeXtBlock": "part.up",
    "TokenAttention": "part.attention",
    "Upsampling": "part.up",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_removed_equals_masked(name: str, seed: int) -> None:
    model = build(name)
    images = torch.randn(3, *IMAGE, generator=torch.Generator().manual_seed(seed))
    graph = trace(model, images[:1])
    rng = np.random.default_rng(seed)
    masks: dict[str, Mask] = {}
    for layer in graph.layers:
        if layer.group is not None:
            for other, mask in graph.spread(layer.name, rng.random(layer.weight_shape[0]) < 0.6).items():
                masks[other] = masks[other] & mask if other in masks else mask
    masked = private_copy(graph)
    mask_filters(graph, masked, masks)
    smaller = remove_channels(graph, model, masks)
    with torch.inference_mode():
        torch.testing.assert_close(smaller(images), masked(images), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(graph.module(images), model(images), rtol=1e-5, atol=1e-6)
    counted = sum(parameter.numel() for parameter in smaller.parameters())
    if name not in NAMED:
        assert counted < sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "dense"), NAMED.items())
def test_what_stays_dense_is_named(name: str, dense: str) -> None:
    graph = trace(build(name), torch.randn(1, *IMAGE))
    assert any(dense in item for item, _ in graph.unsupported), graph.unsupported
    assert dense not in {layer.name for layer in graph.layers}


@pytest.mark.parametrize(
    "name", ["SqueezeExcite", "ManualHardSwish", "DenseBlock", "Grouped", "ShapeControlFlow", "EfficientBlock"]
)
def test_what_looks_unusual_is_compressed_all_the_same(name: str) -> None:
    graph = trace(build(name), torch.randn(1, *IMAGE))
    assert graph.unsupported == ()
    assert all(layer.group is not None for layer in graph.layers[:-1])


def test_convolutions_inside_an_opaque_part_are_priced() -> None:
    graph = trace(build("DataControlFlow"), torch.ones(1, *IMAGE))
    assert "part.conv" in graph.order
    assert sum(layer.macs for layer in graph.hwsim_layers()) >= 8 * 8 * 9 * 64


@pytest.mark.parametrize(("name", "part"), [("Upsampling", "part.up"), ("TokenAttention", "part.attention")])
def test_a_part_without_a_cost_model_is_refused_by_name_not_priced_at_zero(name: str, part: str) -> None:
    graph = trace(build(name), torch.randn(1, *IMAGE))
    with pytest.raises(InputError, match=f"'{part}'.* no layer for"):
        graph.hwsim_layers()


def test_linear_layers_over_pixels_are_priced_as_convolutions() -> None:
    graph = trace(build("ConvNeXtBlock"), torch.randn(1, *IMAGE))
    macs = {layer.name: layer.macs for layer in graph.hwsim_layers()}
    assert macs["part.up"] == macs["part.down"] == 64 * 8 * 32


def test_control_flow_on_data_in_the_models_own_forward_is_one_line() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x) if x.mean() > 0 else self.fc(-x)

    with pytest.raises(InputError, match="control flow on data"):
        trace(Root(), torch.randn(1, 3))


def test_a_model_with_two_inputs_is_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    with pytest.raises(InputError, match="one tensor only"):
        trace(Two(), torch.randn(1, 3))


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(InputError, match="no convolution or linear layer"):
        trace(nn.Sequential(nn.Flatten(), nn.ReLU()), torch.randn(1, 3, 2, 2))


def test_a_model_that_depends_on_the_batch_is_refused() -> None:
    class Batch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x) * int(x.shape[0])

    with pytest.raises(InputError, match="depends on the batch"):
        trace(Batch(), torch.randn(1, 3))


def test_geometry_of_same_padding_and_rectangular_kernels() -> None:
    model = build("NoBatchNorm")
    graph = trace(model, torch.randn(1, *IMAGE))
    shapes = {layer.name: (layer.hwsim_layer().out_height, layer.hwsim_layer().out_width) for layer in graph.layers}
    assert shapes == {"one": (8, 8), "two": (8, 8), "three": (4, 8), "head": (4, 8)}
    assert [layer.relu for layer in graph.layers] == [False, True, False, False]
    assert [layer.nonnegative_input for layer in graph.layers] == [False, False, True, False]


def test_flatten_multiplies_a_channel_into_its_pixels() -> None:
    graph = trace(build("ConstantView"), torch.randn(1, *IMAGE))
    conv, hidden = graph.layer("conv.0"), graph.layer("hidden")
    assert (hidden.in_units == conv.out_units.repeat(16)).all()
    smaller = remove_channels(graph, graph.module, {"conv.0": np.array([True, False, True, True, False, True])})
    assert smaller.get_submodule("hidden").weight.shape == (7, 4 * 16)
