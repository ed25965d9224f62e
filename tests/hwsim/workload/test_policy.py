"""Policies on networks: what a completed one states is what is priced; what does not fit the network is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import InputError
from hwsim.simulation.simulate import simulate
from hwsim.vocabulary import NO_ZEROS_KNOWN, Precision, ZeroShares
from hwsim.workload.builtin.builder import NetworkBuilder
from hwsim.workload.layer import ConvLayer, Layer
from hwsim.workload.load import network
from hwsim.workload.network import Network, output_shape
from hwsim.workload.policy import LayerTreatment, apply_policy, read_policy


def left(name: str, policy: dict[str, LayerTreatment]) -> Network:
    return apply_policy(network(name), policy).network


def conv(net: Network, name: str) -> ConvLayer:
    layer: Layer = net.layer(name)
    assert isinstance(layer, ConvLayer)
    return layer


def test_zeros_and_bits_leave_the_shape() -> None:
    net = network("vgg11-cifar")
    policy = {"features.0": LayerTreatment(bits=6, activation_bits=7, zero_filter=0.4, zero_ifmap=0.1)}
    treated = apply_policy(net, policy)
    assert treated.network.layers == net.layers
    assert (treated.precisions[0], treated.zeros[0]) == (Precision(6, 7), ZeroShares(0.4, 0.1))
    assert set(treated.precisions[1:]) == {None}
    assert set(treated.zeros[1:]) == {NO_ZEROS_KNOWN}


def test_filters_that_are_gone_are_channels_that_do_not_arrive() -> None:
    treated = left(
        "vgg11", {"features.0": LayerTreatment(out_channels=48), "features.25": LayerTreatment(out_channels=320)}
    )
    assert conv(treated, "features.0").out_channels == 48
    assert conv(treated, "features.4").in_channels == 48
    assert conv(treated, "classifier.0").in_channels == 320 * 7 * 7, "a flattened channel is a plane of features"


def test_a_layer_may_read_fewer_channels_than_arrive() -> None:
    layer = conv(left("vgg11-cifar", {"features.4": LayerTreatment(in_channels=32)}), "features.4")
    assert (layer.in_channels, layer.out_channels) == (32, 128)


def test_no_name_of_a_pruner_means_anything() -> None:
    """A pruner that hwsim never heard of is priced like any other, by what the policy states beside it."""
    net = network("vgg11-cifar")
    fields: dict[str, Any] = {"sparsity": 0.5, "realised_sparsity": 0.25, "out_channels": 40, "zero_filter": 0.3}
    known, unheard = (
        apply_policy(net, {"features.0": LayerTreatment(pruner=name, **fields)}) for name in ("level", "my.own:Pruner")
    )
    assert known == unheard
    assert (conv(unheard.network, "features.0").out_channels, unheard.zeros[0].filter) == (40, 0.3)


@pytest.mark.parametrize("pruner", ["none", None])
def test_sparsity_of_a_layer_that_is_not_pruned_says_nothing(pruner: str | None) -> None:
    net = network("vgg11-cifar")
    assert apply_policy(net, {"features.0": LayerTreatment(pruner=pruner, sparsity=0.5)}).network == net


@pytest.mark.parametrize("stated", ["in_channels", "out_channels", "zero_filter"])
def test_a_pruned_layer_that_states_nothing_is_refused_with_the_remedy(tmp_path: Path, stated: str) -> None:
    path = tmp_path / "policy.json"
    entry: dict[str, Any] = {"pruner": "level", "sparsity": 0.5, "bits": 5}
    path.write_text(json.dumps({"schema": 1, "layers": {"features.4": entry}}))
    with pytest.raises(InputError) as refused:
        read_policy(path)
    message = str(refused.value)
    for part in ("is not completed", "layer 'features.4'", f"`compress evaluate --policy {path} --complete COMPLETED"):
        assert part in message
    with pytest.raises(InputError, match=r"layer 'features.4' has pruner 'level' and sparsity 0\.5"):
        simulate("vgg11-cifar", policy={"features.4": LayerTreatment(**entry)})
    path.write_text(json.dumps({"layers": {"features.4": {**entry, stated: 1}}}))
    assert read_policy(path)["features.4"] == LayerTreatment(**{**entry, stated: 1})


def test_layers_that_are_added_lose_the_same_channels() -> None:
    half = LayerTreatment(out_channels=32)
    names = ("conv1", "layer1.0.conv2", "layer1.1.conv2")
    treated = left("resnet18-cifar", dict.fromkeys(names, half))
    readers = ("layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1", "layer2.0.downsample.0")
    assert [conv(treated, name).in_channels for name in readers] == [32] * 4
    assert conv(treated, "layer1.0.conv1").out_channels == 64, "inside the block nothing is added"
    with pytest.raises(InputError) as refused:
        left("resnet18-cifar", {"layer1.0.conv2": half})
    assert "layer 'layer1.0.add' adds feature maps of different channels" in str(refused.value)
    assert "32 of 'layer1.0.conv2'" in str(refused.value) and "64 of 'conv1'" in str(refused.value)


def test_a_shortcut_that_pads_keeps_the_widest() -> None:
    stage = dict.fromkeys((f"layer2.{block}.conv2" for block in range(3)), LayerTreatment(out_channels=24))
    treated = left("resnet20-cifar", stage)
    assert output_shape(treated.layer("layer2.0.add"))[0] == 24


def test_depthwise_layers_follow() -> None:
    narrow = LayerTreatment(out_channels=48)
    treated = left("mobilenet_v2", {"features.2.conv.0.0": narrow})
    depthwise = conv(treated, "features.2.conv.1.0")
    assert (depthwise.in_channels, depthwise.out_channels, depthwise.groups) == (48, 48, 48)
    assert conv(treated, "features.2.conv.2").in_channels == 48
    stated = left("mobilenet_v2", {"features.2.conv.1.0": LayerTreatment(in_channels=40)})
    assert conv(stated, "features.2.conv.2").in_channels == 40


def joined() -> Network:
    """Return two branches that join the image, twice, and are then added."""
    net = NetworkBuilder("joined", (3, 8, 8))
    first, second = net.conv(net.image, "a", 16, 3, padding=1), net.conv(net.image, "b", 16, 3, padding=1)
    total = net.add("sum", net.concat(first, second), net.concat(second, first))
    x = net.conv(net.concat(net.image, total), "c", 8, 1)
    net.fc(net.pool(x, "pool", 2, 2), "fc", 10)
    return net.build()


def test_what_is_joined_arrives_joined() -> None:
    policy = {"a": LayerTreatment(out_channels=4), "c": LayerTreatment(out_channels=6)}
    treated = apply_policy(joined(), policy).network
    assert output_shape(treated.layer("sum")).channels == 4 + 16
    assert conv(treated, "c").in_channels == 3 + 4 + 16, "the image keeps its channels"
    assert conv(treated, "fc").in_channels == 6 * 4 * 4
    assert apply_policy(joined(), {**policy, "c": LayerTreatment(in_channels=23)}).network is not None
    with pytest.raises(InputError, match=r"in_channels 24, but 23 arrive \(20 of 'sum', 3 of 'the network's input'\)"):
        apply_policy(joined(), {**policy, "c": LayerTreatment(in_channels=24)})


def test_groups_stay_whole() -> None:
    layer = conv(left("alexnet", {"conv1": LayerTreatment(out_channels=87)}), "conv2")
    assert (layer.groups, layer.in_channels) == (2, 88)
    with pytest.raises(InputError, match="layer 'conv2': in_channels 87 is not a multiple of groups 2"):
        left("alexnet", {"conv2": LayerTreatment(in_channels=87)})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"features.4": {"in_channels": 65}}, "layer 'features.4': the policy states in_channels 65, the layer has 64"),
        ({"features.0": {"out_channels": 65}}, "'features.0': the policy states out_channels 65, the layer has 64"),
        (
            {"features.0": {"out_channels": 40}, "features.4": {"in_channels": 41}},
            r"layer 'features.4': the policy states in_channels 41, but 40 arrive \(40 of 'features.3'\)",
        ),
        ({"features.1": {}}, "unknown layer of vgg11-cifar in the policy 'features.1': did you mean"),
    ],
)
def test_policies_of_another_network_are_refused(policy: dict[str, dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        left("vgg11-cifar", {name: LayerTreatment(**fields) for name, fields in policy.items()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layers": {"a": {"bit": 4}}}, "layer 'a': unknown field 'bit': did you mean bits"),
        ({"layers": {"a": {"sparsity": 1.5}}}, r"layer 'a': field 'sparsity' is 1\.5"),
        ({"layers": {"a": {"zero_filter": -0.1}}}, r"layer 'a': field 'zero_filter' is -0\.1"),
        ({"layers": {"a": 4}}, "layer 'a': holds 4, expected pruner"),
        ({"layer": {}}, "field 'layers' is missing"),
        ({"layers": []}, "field 'layers' is "),
        ([], "is not a policy"),
        ({"schema": 2, "layers": {}}, "has schema 2, this version reads schema 1 of a policy"),
        ({"schema": "1", "layers": {}}, "has schema '1'"),
        ({"schema": None, "layers": {}}, "has schema None"),
        ({"layers": {"a": {"bits": True}}}, "layer 'a': field 'bits' is True"),
        ({"layers": {"a": {"bits": 7.0}}}, r"layer 'a': field 'bits' is 7\.0"),
        ({"layers": {"a": {"sparsity": "0.5"}}}, r"layer 'a': field 'sparsity' is '0\.5'"),
    ],
)
def test_wrong_policy_files(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_policy(path)


def test_policy_files_as_searches_write_them(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    entry = {"pruner": "splicing", "sparsity": 0.3, "realised_sparsity": 0.29, "bits": 5}
    entry |= {"in_channels": 3, "out_channels": 64, "zero_filter": 0.29, "zero_ifmap": 0.02}
    path.write_text(json.dumps({"schema": 1, "model": "m", "data": "d", "layers": {"features.0": entry}}))
    treatments = read_policy(path)
    treated = apply_policy(network("vgg11-cifar"), treatments)
    assert (treated.precisions[0], treated.zeros[0]) == (Precision(5, 5), ZeroShares(0.29, 0.02))
    first, second = (simulate("vgg11-cifar", policy=given, layer="features.0") for given in (path, treatments))
    assert first.energy_pj == second.energy_pj < simulate("vgg11-cifar", layer="features.0").energy_pj
