"""Built-in networks: sizes and names as published, shipped weights as measured."""

from __future__ import annotations

import pytest
import torch

from compress.images.dataset import load_data
from compress.models.accuracy import network_accuracy_pct
from compress.models.load import build_model, load_model
from compress.models.registry import MODELS
from compress.network.trace import trace
from hwsim.errors import InputError

# torchvision.models documents these sizes with each checkpoint
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "vgg16": 138_365_992,
    "mobilenet_v2": 3_504_872,
    "squeezenet1_0": 1_248_424,
}
# He et al., CVPR 2016, table 6: 0.27M, 0.46M, 0.66M and 0.85M
CIFAR_RESNET_MILLIONS = {"resnet20-cifar": 0.27, "resnet32-cifar": 0.46, "resnet44-cifar": 0.66, "resnet56-cifar": 0.85}
# names and shapes in the public checkpoints
CHECKPOINT_KEYS: dict[str, dict[str, tuple[int, ...]]] = {
    "resnet50": {
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer4.2.bn3.running_var": (2048,),
        "fc.weight": (1000, 2048),
    },
    "resnet18-cifar": {"conv1.weight": (64, 3, 3, 3), "layer2.0.downsample.1.bias": (128,), "fc.bias": (10,)},
    "vgg16": {
        "features.0.weight": (64, 3, 3, 3),
        "features.41.running_mean": (512,),
        "classifier.0.weight": (4096, 25088),
        "classifier.6.bias": (1000,),
    },
    "vgg11-cifar": {"features.25.weight": (512, 512, 3, 3), "classifier.weight": (10, 512)},
    "mobilenet_v2": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.2.conv.1.0.weight": (96, 1, 3, 3),
        "features.18.1.running_var": (1280,),
        "classifier.1.weight": (1000, 1280),
    },
    "squeezenet1_0": {
        "features.3.squeeze.weight": (16, 96, 1, 1),
        "features.12.expand3x3.weight": (256, 64, 3, 3),
        "classifier.1.weight": (1000, 512, 1, 1),
    },
    "resnet20-cifar": {"layer3.2.bn2.weight": (64,), "linear.weight": (10, 64)},
}


@pytest.mark.parametrize(("name", "count"), PARAMETERS.items())
def test_parameter_counts_are_the_published_ones(name: str, count: int) -> None:
    with torch.device("meta"):
        model = build_model(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize(("name", "millions"), CIFAR_RESNET_MILLIONS.items())
def test_cifar_resnets_have_the_papers_sizes(name: str, millions: float) -> None:
    count = sum(parameter.numel() for parameter in build_model(name).parameters())
    assert abs(count / 1e6 - millions) < 0.006


@pytest.mark.parametrize("name", CHECKPOINT_KEYS)
def test_names_and_shapes_are_those_of_public_checkpoints(name: str) -> None:
    with torch.device("meta"):
        state = build_model(name).state_dict()
    for key, shape in CHECKPOINT_KEYS[name].items():
        assert tuple(state[key].shape) == shape, key


def test_shipped_digits_weights_reach_the_stated_accuracy() -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", dataset=data)
    assert network_accuracy_pct(model, data.test) >= 98.0
    assert not model.training


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.input_shape[1] <= 32])
def test_every_small_network_traces_completely(name: str) -> None:
    graph = trace(build_model(name), torch.zeros(1, *MODELS[name].input_shape))
    assert graph.unsupported == ()
    counted = sum(parameter.ndim > 1 for parameter in graph.module.parameters())
    assert len(graph.layers) == counted


def test_unknown_model_and_missing_weights_are_one_line() -> None:
    with pytest.raises(InputError, match="did you mean resnet20-cifar"):
        load_model("resnet20cifar")
    with pytest.raises(InputError, match="no shipped weights"):
        load_model("resnet20-cifar")
    with pytest.raises(InputError, match="importable"):
        load_model("no_such_package:Net")


def test_classes_that_do_not_match_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compress.models.digits.eleven", lambda: build_model("digits-cnn", 11), raising=False)
    with pytest.raises(InputError, match="has 11 classes and --data 'digits' 10"):
        load_model("compress.models.digits:eleven", dataset=load_data("digits"))


def test_nan_in_a_users_own_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> torch.nn.Module:
        model = build_model("digits-cnn")
        model.get_parameter("bn2.bias").data[3] = float("nan")
        return model

    monkeypatch.setattr("compress.models.digits.broken", broken, raising=False)
    with pytest.raises(InputError, match=r"'bn2.bias' holds NaN"):
        load_model("compress.models.digits:broken", dataset=load_data("digits"))


def test_images_of_another_shape_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compress.models.digits.other", lambda: build_model("resnet20-cifar"), raising=False)
    with pytest.raises(InputError, match="does not take 1x8x8 images"):
        load_model("compress.models.digits:other", dataset=load_data("digits"))


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.timeout(1800)  # 10,000 images through 56 layers, on whatever else the machine does
@pytest.mark.parametrize(("depth", "accuracy"), [(20, 91.73), (56, 93.39)])
def test_provided_cifar_weights_give_their_published_accuracy(
    cifar10: str, shared_weights: dict[str, str], depth: int, accuracy: float
) -> None:
    from compress.models.registry import normalization_of

    name = f"resnet{depth}-cifar"
    data = load_data(cifar10, normalization=normalization_of(name))
    model = load_model(name, shared_weights[f"resnet{depth}"], data)
    assert abs(network_accuracy_pct(model, data.test) - accuracy) <= 0.1
