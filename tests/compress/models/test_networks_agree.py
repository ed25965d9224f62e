"""The networks that compress traces and those that hwsim knows by name are the same, layer by layer."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import hwsim
from compress.models.load import build_model
from compress.models.registry import MODELS
from compress.network.trace import trace
from hwsim.workload.layer import ConvLayer, Layer, PoolLayer

SMALL = [
    "resnet20-cifar",
    "resnet56-cifar",
    "resnet18-cifar",
    "vgg16-cifar",
    "mobilenet_v2-cifar",
    "squeezenet1_0-cifar",
]
LARGE = sorted(set(MODELS) - set(SMALL) - {"digits-cnn"})


def shape(layer: Layer) -> tuple[object, ...]:
    if isinstance(layer, ConvLayer):
        sizes = (layer.in_height, layer.in_width, layer.out_height, layer.out_width)
        kernel = (layer.kernel_height, layer.kernel_width)
        return (layer.kind, layer.in_channels, layer.out_channels, *sizes, *kernel, layer.groups)
    if isinstance(layer, PoolLayer):
        return (layer.kind, layer.channels, layer.in_height, layer.in_width, layer.out_height, layer.out_width)
    return (layer.kind, layer.channels, layer.height, layer.width, layer.operands)


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_traced_layers_are_hwsims_layers(name: str) -> None:
    traced = trace(build_model(name), torch.zeros(1, *MODELS[name].input_shape)).hwsim_layers()
    known = hwsim.network(name).layers
    assert Counter(map(shape, traced)) == Counter(map(shape, known))
    assert sum(layer.macs for layer in traced) == sum(layer.macs for layer in known)
