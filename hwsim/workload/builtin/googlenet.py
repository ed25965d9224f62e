"""GoogLeNet (Inception v1) without its auxiliary classifiers."""

from __future__ import annotations

from hwsim.workload.builtin.builder import FeatureMap, NetworkBuilder
from hwsim.workload.network import Network

# 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection
_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(name: str, batch: int, *, cifar: bool, classes: int) -> Network:
    """Return GoogLeNet with the paper's 5 x 5 branches; the CIFAR form replaces the stem by one 3 x 3 convolution.

    Source: Szegedy et al., CVPR 2015, Table 1.
    """
    side = 32 if cifar else 224
    net = NetworkBuilder(name, (3, side, side), batch)
    if cifar:
        x = net.conv(net.image, "conv1", 192, 3, padding=1)
    else:
        x = net.conv(net.image, "conv1", 64, 7, stride=2, padding=3)
        x = net.pool(x, "maxpool1", 3, 2, ceil_mode=True)
        x = net.conv(x, "conv2", 64, 1)
        x = net.conv(x, "conv3", 192, 3, padding=1)
        x = net.pool(x, "maxpool2", 3, 2, ceil_mode=True)
    for label, channels in _INCEPTIONS.items():
        x = _inception(net, x, f"inception{label}", channels)
        if label in {"3b", "4e"}:
            x = net.pool(x, f"maxpool{label[0]}", 3, 2, ceil_mode=True)
    x = net.global_pool(x, "avgpool")
    net.fc(x, "fc", classes)
    return net.build()


def _inception(net: NetworkBuilder, x: FeatureMap, label: str, channels: tuple[int, ...]) -> FeatureMap:
    direct, reduce3, out3, reduce5, out5, projection = channels
    branch1 = net.conv(x, f"{label}.branch1", direct, 1)
    branch2 = net.conv(x, f"{label}.branch2.0", reduce3, 1)
    branch2 = net.conv(branch2, f"{label}.branch2.1", out3, 3, padding=1)
    branch3 = net.conv(x, f"{label}.branch3.0", reduce5, 1)
    branch3 = net.conv(branch3, f"{label}.branch3.1", out5, 5, padding=2)
    branch4 = net.pool(x, f"{label}.branch4.0", 3, 1, padding=1)
    branch4 = net.conv(branch4, f"{label}.branch4.1", projection, 1)
    return net.concat(branch1, branch2, branch3, branch4)
