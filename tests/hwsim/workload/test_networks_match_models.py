"""The built-in networks are those of the compression layer: same layer names, same weights, so policies fit both."""

from __future__ import annotations

import pytest
import torch

from compress.models.load import build_model
from compress.models.registry import MODELS
from hwsim.workload.builtin import known_networks
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network

SHARED_NAMES = sorted(set(MODELS) & set(known_networks()))


def test_most_networks_exist_on_both_sides() -> None:
    assert len(SHARED_NAMES) >= 18


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_weights_have_the_same_names_and_shapes(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name)
    theirs = {
        path: tuple(module.weight.shape)
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)
    }
    ours = {}
    for layer in network(name).layers:
        if isinstance(layer, ConvLayer):
            shape: tuple[int, ...] = (layer.out_channels, layer.in_channels // layer.groups)
            ours[layer.name] = shape if layer.kind == "fc" else (*shape, layer.kernel_height, layer.kernel_width)
    assert ours == theirs
