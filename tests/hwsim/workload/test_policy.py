"""Policies on networks: bits, zero weights, and channels that follow through the graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwsim.errors import InputError
from hwsim.workload.layer import ConvLayer
from hwsim.workload.load import network
from hwsim.workload.network import output_shape
from hwsim.workload.policy import LayerTreatment, apply_policy, read_policy


def _conv(net_layers: tuple[object, ...], name: str) -> ConvLayer:
    return next(layer for layer in net_layers if isinstance(layer, ConvLayer) and layer.name == name)


def test_single_weights_leave_the_shape() -> None:
    net = network("vgg11-cifar")
    policy = {"features.0": LayerTreatment(pruner="level", sparsity=0.5, realised_sparsity=0.4, bits=6)}
    treated = apply_policy(net, policy)
    assert treated.network.layers == net.layers
    assert (treated.bits[0], treated.zero_weight[0]) == ((6, 6), 0.4)
    assert set(treated.bits[1:]) == {None}
    assert set(treated.zero_weight[1:]) == {0.0}


def test_a_removed_filter_is_a_removed_channel_of_its_reader() -> None:
    net = network("vgg11")
    treated = apply_policy(
        net,
        {
            "features.0": LayerTreatment(pruner="l1_ranked", sparsity=0.25),
            "features.25": LayerTreatment(pruner="bernoulli", sparsity=0.5, realised_sparsity=0.375),
        },
    )
    layers = treated.network.layers
    assert _conv(layers, "features.0").out_channels == 48
    assert _conv(layers, "features.4").in_channels == 48
    assert _conv(layers, "features.25").out_channels == 320
    assert _conv(layers, "classifier.0").in_channels == 320 * 7 * 7
    assert treated.zero_weight[0] == 0.0


def test_removed_channels_of_a_layer() -> None:
    treated = apply_policy(
        network("vgg11-cifar"), {"features.4": LayerTreatment(pruner="fm_reconstruction", sparsity=0.5)}
    )
    layer = _conv(treated.network.layers, "features.4")
    assert (layer.in_channels, layer.out_channels) == (32, 128)


def test_stated_channels_win() -> None:
    policy = {"features.0": LayerTreatment(pruner="l1_ranked", sparsity=0.9, in_channels=3, out_channels=40)}
    layers = apply_policy(network("vgg11-cifar"), policy).network.layers
    assert _conv(layers, "features.0").out_channels == 40
    assert _conv(layers, "features.4").in_channels == 40


def test_the_first_layer_decides_for_all_that_are_added() -> None:
    policy = {
        "layer1.0.conv2": LayerTreatment(pruner="l1_ranked", sparsity=0.5),
        "layer1.1.conv2": LayerTreatment(pruner="l2_ranked", sparsity=0.75, realised_sparsity=0.7),
    }
    treated = apply_policy(network("resnet18-cifar"), policy)
    layers = treated.network.layers
    assert [_conv(layers, name).out_channels for name in ("conv1", "layer1.0.conv2", "layer1.1.conv2")] == [32] * 3
    assert _conv(layers, "layer1.0.conv1").out_channels == 64, "inside the block nothing is added"
    assert [_conv(layers, f"layer{name}").in_channels for name in ("1.1.conv1", "2.0.conv1", "2.0.downsample.0")] == [
        32
    ] * 3
    shares = dict(zip((layer.name for layer in layers), treated.zero_weight, strict=True))
    assert (shares["layer1.0.conv2"], shares["layer1.1.conv2"]) == (0.0, 0.7), "the second falls back to single weights"


def test_a_shortcut_that_pads_keeps_the_widest() -> None:
    half = LayerTreatment(pruner="l1_ranked", sparsity=0.5)
    treated = apply_policy(network("resnet20-cifar"), {"layer2.0.conv2": half})
    index = treated.network.index("layer2.0.add")
    assert output_shape(treated.network.layers[index])[0] == 16


def test_depthwise_layers_follow() -> None:
    half = LayerTreatment(pruner="l1_ranked", sparsity=0.5)
    mobile = apply_policy(network("mobilenet_v2"), {"features.2.conv.0.0": half}).network.layers
    depthwise = _conv(mobile, "features.2.conv.1.0")
    assert depthwise.in_channels == depthwise.out_channels == depthwise.groups == 48
    assert _conv(mobile, "features.2.conv.2").in_channels == 48


def test_groups_stay_whole() -> None:
    policy = {"conv1": LayerTreatment(pruner="l1_ranked", sparsity=0.1)}  # 87 of 96 filters stay
    layer = _conv(apply_policy(network("alexnet"), policy).network.layers, "conv2")
    assert (layer.groups, layer.in_channels) == (2, 88)


def test_unknown_layers_and_layers_without_weights_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown layer of vgg11 in the policy 'features.1': did you mean"):
        apply_policy(network("vgg11"), {"features.1": LayerTreatment()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layers": {"a": {"bit": 4}}}, "layer 'a': unknown field 'bit': did you mean bits"),
        ({"layers": {"a": {"sparsity": 1.5}}}, r"layer 'a': field 'sparsity' is 1\.5"),
        ({"layers": {"a": {"pruner": "levl"}}}, "unknown pruner 'levl': did you mean level"),
        ({"layers": {"a": 4}}, "layer 'a': holds 4, expected pruner"),
        ({"layer": {}}, "has no table 'layers'"),
        ([], "has no table 'layers'"),
    ],
)
def test_wrong_policy_files(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_policy(path)


def test_policy_files_as_searches_write_them(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    entry = {"pruner": "splicing", "sparsity": 0.3, "realised_sparsity": None, "bits": 5}
    path.write_text(json.dumps({"model": "m", "layers": {"features.0": entry}}))
    assert read_policy(path) == {"features.0": LayerTreatment(pruner="splicing", sparsity=0.3, bits=5)}
