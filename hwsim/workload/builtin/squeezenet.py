"""SqueezeNet 1.0: fire modules, whose two expanding convolutions are joined along the channels."""

from __future__ import annotations

from hwsim.workload.builtin.builder import FeatureMap, NetworkBuilder
from hwsim.workload.network import Network

# place in the module list: squeeze channels, channels of each of the two expansions
_FIRES = {
    3: (16, 64),
    4: (16, 64),
    5: (32, 128),
    7: (32, 128),
    8: (48, 192),
    9: (48, 192),
    10: (64, 256),
    12: (64, 256),
}
_POOLS = (2, 6, 11)


def squeezenet(name: str, batch: int, *, cifar: bool, classes: int) -> Network:
    """Return SqueezeNet 1.0 on 224 x 224 images; the CIFAR form has a 3 x 3 stem of stride 1.

    Source: Iandola et al., arXiv:1602.07360, Table 1.
    """
    side = 32 if cifar else 224
    net = NetworkBuilder(name, (3, side, side), batch)
    if cifar:
        x = net.conv(net.image, "features.0", 96, 3, padding=1)
    else:
        x = net.conv(net.image, "features.0", 96, 7, stride=2)
    for place in range(2, 13):
        if place in _POOLS:
            x = net.pool(x, f"features.{place}", 3, 2, ceil_mode=True)
        else:
            x = _fire(net, x, f"features.{place}", *_FIRES[place])
    x = net.conv(x, "classifier.1", classes, 1)
    net.global_pool(x, "avgpool")
    return net.build()


def _fire(net: NetworkBuilder, x: FeatureMap, label: str, squeeze: int, expand: int) -> FeatureMap:
    x = net.conv(x, f"{label}.squeeze", squeeze, 1)
    return net.concat(
        net.conv(x, f"{label}.expand1x1", expand, 1), net.conv(x, f"{label}.expand3x3", expand, 3, padding=1)
    )
