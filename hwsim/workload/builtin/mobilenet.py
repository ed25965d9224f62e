"""MobileNetV2: inverted residuals with depthwise convolutions."""

from __future__ import annotations

from hwsim.workload.builtin.builder import FeatureMap, NetworkBuilder
from hwsim.workload.network import Network

# expansion, output channels, blocks, stride of the first block
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(name: str, batch: int, *, cifar: bool, classes: int) -> Network:
    """Return MobileNetV2 of width 1; the CIFAR form keeps stride 1 in the stem and in the first strided stage.

    Source: Sandler et al., CVPR 2018, Table 2.
    """
    side = 32 if cifar else 224
    net = NetworkBuilder(name, (3, side, side), batch)
    x = net.conv(net.image, "features.0.0", 32, 3, stride=1 if cifar else 2, padding=1)
    place = 1
    for stage, (expansion, channels, blocks, first_stride) in enumerate(_STAGES):
        for block in range(blocks):
            stride = first_stride if block == 0 and not (cifar and stage == 1) else 1
            x = _inverted_residual(net, x, f"features.{place}", expansion=expansion, channels=channels, stride=stride)
            place += 1
    x = net.conv(x, f"features.{place}.0", 1280, 1)
    x = net.global_pool(x, "avgpool")
    net.fc(x, "classifier.1", classes)
    return net.build()


def _inverted_residual(
    net: NetworkBuilder, x: FeatureMap, label: str, *, expansion: int, channels: int, stride: int
) -> FeatureMap:
    hidden = x.channels * expansion
    y, place = x, 0
    if expansion != 1:
        y = net.conv(y, f"{label}.conv.0.0", hidden, 1)
        place = 1
    y = net.conv(y, f"{label}.conv.{place}.0", hidden, 3, stride=stride, padding=1, groups=hidden)
    y = net.conv(y, f"{label}.conv.{place + 1}", channels, 1)
    return net.add(f"{label}.add", y, x) if stride == 1 and x.channels == channels else y
