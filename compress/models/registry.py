"""The networks that are built in, by name, with the input they expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from compress.images.normalization import CIFAR, DIGITS, IMAGENET, Normalization
from compress.models.cifar_resnet import CifarResNet
from compress.models.digits import DigitsCNN
from compress.models.mobilenet import MobileNetV2
from compress.models.resnet import BasicBlock, Bottleneck, ResNet
from compress.models.squeezenet import SqueezeNet
from compress.models.vgg import PLANS, VGG
from hwsim.errors import unknown_name


@dataclass(frozen=True)
class ModelEntry:
    """A built-in network: how to build it for a number of classes, and what its published weights expect."""

    name: str
    build: Callable[[int], nn.Module]
    input_shape: tuple[int, int, int]
    classes: int
    normalization: Normalization


def _entries() -> dict[str, ModelEntry]:
    found: dict[str, ModelEntry] = {}

    def add(name: str, build: Callable[[int], nn.Module], edge: int, classes: int, norm: Normalization) -> None:
        channels = 1 if name == "digits-cnn" else 3
        found[name] = ModelEntry(name, build, (channels, edge, edge), classes, norm)

    add("digits-cnn", DigitsCNN, 8, 10, DIGITS)
    for depth in (20, 32, 44, 56):
        add(f"resnet{depth}-cifar", partial(CifarResNet, (depth - 2) // 6), 32, 10, IMAGENET)
    families: dict[str, Callable[[int, bool], nn.Module]] = {
        "resnet18": partial(ResNet, BasicBlock, (2, 2, 2, 2)),
        "resnet34": partial(ResNet, BasicBlock, (3, 4, 6, 3)),
        "resnet50": partial(ResNet, Bottleneck, (3, 4, 6, 3)),
        **{f"vgg{depth}": partial(VGG, depth) for depth in PLANS},
        "mobilenet_v2": MobileNetV2,
        "squeezenet1_0": SqueezeNet,
    }
    for name, family in families.items():
        add(name, partial(_form, family, False), 224, 1000, IMAGENET)
        add(f"{name}-cifar", partial(_form, family, True), 32, 10, CIFAR)
    return found


def _form(family: Callable[[int, bool], nn.Module], cifar: bool, classes: int) -> nn.Module:
    return family(classes, cifar)


MODELS = _entries()
"""Every built-in network by name."""


def model_entry(name: str) -> ModelEntry:
    """Return the entry of a built-in network; InputError with the nearest names where there is none."""
    if name not in MODELS:
        raise unknown_name("model", name, [*MODELS, "package.module:callable"])
    return MODELS[name]


def normalization_of(name: str) -> Normalization | None:
    """Return the normalisation that a built-in network's weights expect; None for a user's own network."""
    return MODELS[name].normalization if name in MODELS else None
