"""AlexNet in its original, grouped form, the one measured on the Eyeriss chip."""

from __future__ import annotations

from hwsim.workload.builtin.builder import NetworkBuilder
from hwsim.workload.network import Network


def alexnet(name: str, batch: int, *, cifar: bool, classes: int) -> Network:
    """Return AlexNet on 227 x 227 images, or its CIFAR form (3 x 3 stem of stride 1, one linear classifier).

    Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 3.5; layer shapes as in Chen et al., ISCA 2016, Table II.
    """
    side = 32 if cifar else 227
    net = NetworkBuilder(name, (3, side, side), batch)
    x = net.conv(net.image, "conv1", 96, 3, padding=1) if cifar else net.conv(net.image, "conv1", 96, 11, stride=4)
    x = net.pool(x, "pool1", 3, 2)
    x = net.conv(x, "conv2", 256, 5, padding=2, groups=2)
    x = net.pool(x, "pool2", 3, 2)
    x = net.conv(x, "conv3", 384, 3, padding=1)
    x = net.conv(x, "conv4", 384, 3, padding=1, groups=2)
    x = net.conv(x, "conv5", 256, 3, padding=1, groups=2)
    x = net.pool(x, "pool5", 3, 2)
    if not cifar:
        x = net.fc(x, "fc6", 4096)
        x = net.fc(x, "fc7", 4096)
    net.fc(x, "fc8", classes)
    return net.build()
