"""VGG: stacks of 3 x 3 convolutions between poolings."""

from __future__ import annotations

from hwsim.workload.builtin.builder import NetworkBuilder
from hwsim.workload.network import Network

_STAGE_CHANNELS = (64, 128, 256, 512, 512)
_STAGE_CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(depth: int, name: str, batch: int, *, cifar: bool, classes: int) -> Network:
    """Return VGG of 11, 13, 16 or 19 layers; the CIFAR form takes 32 x 32 images and ends in one linear layer.

    Layers are named by their place in PyTorch's usual module list (`features.N`) with a batch normalisation after each
    convolution, which the tile folds.

    Source: Simonyan and Zisserman, ICLR 2015, Table 1 (configurations A, B, D, E).
    """
    side = 32 if cifar else 224
    net = NetworkBuilder(name, (3, side, side), batch)
    x = net.image
    place = 0
    for channels, convs in zip(_STAGE_CHANNELS, _STAGE_CONVS[depth], strict=True):
        for _ in range(convs):
            x = net.conv(x, f"features.{place}", channels, 3, padding=1)
            place += 3
        x = net.pool(x, f"features.{place}", 2, 2)
        place += 1
    if cifar:
        net.fc(x, "classifier", classes)
    else:
        x = net.fc(x, "classifier.0", 4096)
        x = net.fc(x, "classifier.3", 4096)
        net.fc(x, "classifier.6", classes)
    return net.build()
