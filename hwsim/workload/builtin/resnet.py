"""Residual networks: the ImageNet family, its CIFAR form, and the thin 6n+2 networks made for CIFAR."""

from __future__ import annotations

from hwsim.workload.builtin.builder import FeatureMap, NetworkBuilder
from hwsim.workload.network import Network

_STAGE_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_BOTTLENECK_FROM = 50
_EXPANSION = 4


def resnet(depth: int, name: str, batch: int, *, cifar: bool, classes: int) -> Network:
    """Return ResNet-18, 34, 50, 101 or 152; the CIFAR form has a 3 x 3 stem and no pooling behind it.

    The stride of a bottleneck sits on its 3 x 3 convolution, as in today's frameworks.

    Source: He et al., CVPR 2016, Table 1.
    """
    side = 32 if cifar else 224
    net = NetworkBuilder(name, (3, side, side), batch)
    if cifar:
        x = net.conv(net.image, "conv1", 64, 3, padding=1)
    else:
        x = net.conv(net.image, "conv1", 64, 7, stride=2, padding=3)
        x = net.pool(x, "maxpool", 3, 2, padding=1)
    for stage, blocks in enumerate(_STAGE_BLOCKS[depth], 1):
        channels = 64 * 2 ** (stage - 1)
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            label = f"layer{stage}.{block}"
            if depth < _BOTTLENECK_FROM:
                x = _basic_block(net, x, label, channels, stride)
            else:
                x = _bottleneck(net, x, label, channels, stride)
    x = net.global_pool(x, "avgpool")
    net.fc(x, "fc", classes)
    return net.build()


def cifar_resnet(depth: int, name: str, batch: int, *, classes: int) -> Network:
    """Return the thin CIFAR ResNet of 6n+2 layers (16, 32, 64 channels) with shortcuts that subsample and pad.

    Source: He et al., CVPR 2016, section 4.2 (option A).
    """
    net = NetworkBuilder(name, (3, 32, 32), batch)
    x = net.conv(net.image, "conv1", 16, 3, padding=1)
    for stage in (1, 2, 3):
        channels = 16 * 2 ** (stage - 1)
        for block in range((depth - 2) // 6):
            stride = 2 if stage > 1 and block == 0 else 1
            label = f"layer{stage}.{block}"
            y = net.conv(x, f"{label}.conv1", channels, 3, stride=stride, padding=1)
            y = net.conv(y, f"{label}.conv2", channels, 3, padding=1)
            # option A: the shortcut reads every second pixel and appends zero channels; only its reader moves words
            shortcut = FeatureMap(y.shape, x.producers)
            x = net.add(f"{label}.add", y, shortcut)
    x = net.global_pool(x, "avgpool")
    net.fc(x, "linear", classes)
    return net.build()


def _shortcut(net: NetworkBuilder, x: FeatureMap, label: str, channels: int, stride: int) -> FeatureMap:
    if stride == 1 and x.channels == channels:
        return x
    return net.conv(x, f"{label}.downsample.0", channels, 1, stride=stride)


def _basic_block(net: NetworkBuilder, x: FeatureMap, label: str, channels: int, stride: int) -> FeatureMap:
    y = net.conv(x, f"{label}.conv1", channels, 3, stride=stride, padding=1)
    y = net.conv(y, f"{label}.conv2", channels, 3, padding=1)
    return net.add(f"{label}.add", y, _shortcut(net, x, label, channels, stride))


def _bottleneck(net: NetworkBuilder, x: FeatureMap, label: str, channels: int, stride: int) -> FeatureMap:
    y = net.conv(x, f"{label}.conv1", channels, 1)
    y = net.conv(y, f"{label}.conv2", channels, 3, stride=stride, padding=1)
    y = net.conv(y, f"{label}.conv3", channels * _EXPANSION, 1)
    return net.add(f"{label}.add", y, _shortcut(net, x, label, channels * _EXPANSION, stride))
