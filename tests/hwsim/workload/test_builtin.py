"""The built-in networks fit together: shapes follow from producers, names are unique, errors name the nearest."""

from __future__ import annotations

import pytest

from hwsim.errors import InputError
from hwsim.workload.builtin import known_networks
from hwsim.workload.builtin.builder import FeatureMap, NetworkBuilder
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, FCLayer, PoolLayer, fc_layer
from hwsim.workload.load import network
from hwsim.workload.network import NETWORK_INPUT, Network, Shape, output_shape

PROMISED = (
    *("alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "resnet152"),
    *("mobilenet_v2", "squeezenet1_0", "googlenet"),
)


def test_every_promised_name_is_known_in_both_forms() -> None:
    assert set(PROMISED) | {f"{name}-cifar" for name in PROMISED} <= set(known_networks())
    assert {f"resnet{depth}-cifar" for depth in (20, 32, 44, 56)} <= set(known_networks())


@pytest.mark.parametrize("name", known_networks())
def test_ifmaps_are_what_the_producers_wrote(name: str) -> None:
    net = network(name, batch=2)
    for layer, producers in zip(net.layers, net.inputs, strict=True):
        assert layer.batch == 2
        shapes = [output_shape(net.layers[i]) for i in producers if i != NETWORK_INPUT]
        if not shapes:
            assert isinstance(layer, ConvLayer)
            assert layer.in_channels == 3
            continue
        if isinstance(layer, ElementwiseLayer):
            # the option-A shortcut of the thin CIFAR networks subsamples and pads on the way
            assert (layer.channels, layer.height, layer.width) in shapes
            assert layer.operands == len(producers)
        elif isinstance(layer, FCLayer):
            assert layer.in_channels == sum(c * h * w for c, h, w in shapes)
        else:
            channels = layer.channels if isinstance(layer, PoolLayer) else layer.in_channels
            assert channels == sum(shape[0] for shape in shapes)
            assert {shape[1:] for shape in shapes} == {(layer.in_height, layer.in_width)}


@pytest.mark.parametrize("name", known_networks())
def test_the_last_layer_makes_the_classes(name: str) -> None:
    net = network(name)
    assert output_shape(net.layers[-1]) == (10 if name.endswith("-cifar") else 1000, 1, 1)
    unread = [i for i in range(len(net.layers)) if not net.consumers(i)]
    assert unread == [len(net.layers) - 1], "only the last ofmap leaves the network"


def test_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown network 'resnet5': did you mean .*resnet50"):
        network("resnet5")


@pytest.mark.parametrize("path", ["nothing/here.bin", "./resnet50"])
def test_a_path_of_another_kind_says_what_is_read(path: str) -> None:
    with pytest.raises(InputError, match=r"neither built in nor an \.onnx, \.toml or \.json file"):
        network(path)


@pytest.mark.parametrize("batch", [0, -3])
def test_batch_must_be_positive(batch: int) -> None:
    with pytest.raises(InputError, match=f"--batch is {batch}"):
        network("alexnet", batch=batch)


def test_unknown_layer_shows_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown layer of alexnet 'conv6': did you mean .*conv5"):
        network("alexnet").layer("conv6")


def test_two_layers_of_one_name_are_refused() -> None:
    layer = fc_layer("same", 4, 4)
    with pytest.raises(InputError, match="two layers are named 'same'"):
        Network("n", (layer, layer), ((-1,), (0,)))


def test_a_producer_must_run_first() -> None:
    with pytest.raises(InputError, match="'b' reads from"):
        Network("n", (fc_layer("a", 4, 4), fc_layer("b", 4, 4)), ((-1,), (1,)))


def test_adding_different_shapes_is_refused() -> None:
    net = NetworkBuilder("n", (3, 8, 8))
    with pytest.raises(InputError, match="adds feature maps of different shapes"):
        net.add("sum", net.image, FeatureMap(Shape(4, 8, 8), (-1,)))
