"""The built-in networks: one family a file, each a plain function of its name and the batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hwsim.workload.builtin.alexnet import alexnet
from hwsim.workload.builtin.googlenet import googlenet
from hwsim.workload.builtin.mobilenet import mobilenet_v2
from hwsim.workload.builtin.resnet import cifar_resnet, resnet
from hwsim.workload.builtin.squeezenet import squeezenet
from hwsim.workload.builtin.vgg import vgg
from hwsim.workload.network import Network

IMAGENET_CLASSES = 1000
CIFAR_CLASSES = 10


def _registry() -> dict[str, Callable[[str, int], Network]]:
    both_forms: dict[str, Callable[..., Network]] = {
        "alexnet": alexnet,
        **{f"vgg{depth}": partial(vgg, depth) for depth in (11, 13, 16, 19)},
        **{f"resnet{depth}": partial(resnet, depth) for depth in (18, 34, 50, 101, 152)},
        "mobilenet_v2": mobilenet_v2,
        "squeezenet1_0": squeezenet,
        "googlenet": googlenet,
    }
    known: dict[str, Callable[[str, int], Network]] = {}
    for name, family in both_forms.items():
        known[name] = partial(family, cifar=False, classes=IMAGENET_CLASSES)
        known[f"{name}-cifar"] = partial(family, cifar=True, classes=CIFAR_CLASSES)
    for depth in (20, 32, 44, 56, 110):
        known[f"resnet{depth}-cifar"] = partial(cifar_resnet, depth, classes=CIFAR_CLASSES)
    return known


_KNOWN = _registry()


def known_networks() -> tuple[str, ...]:
    """Return the names of the built-in networks."""
    return tuple(_KNOWN)


def build(name: str, batch: int = 1) -> Network:
    """Return a built-in network; the name must be known."""
    return _KNOWN[name](name, batch)
