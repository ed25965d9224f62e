"""Which layers' ofmap channels must be removed alike: those that meet in an addition, or pass a depthwise layer."""

from __future__ import annotations

from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer
from hwsim.workload.network import NETWORK_INPUT, Network, output_shape


def is_depthwise(layer: Layer) -> bool:
    """Return whether a layer filters each channel on its own, so that its filters follow its ifmap."""
    return isinstance(layer, ConvLayer) and 1 < layer.groups == layer.in_channels == layer.out_channels


def channel_groups(network: Network) -> tuple[int, ...]:
    """Return a group number for the ofmap of each layer; layers of one number lose the same channels.

    Feature maps of different channel counts (a shortcut that pads) and concatenations stay apart.
    """
    group = list(range(len(network.layers)))

    def find(index: int) -> int:
        while group[index] != index:
            group[index] = group[group[index]]
            index = group[index]
        return index

    for index, layer in enumerate(network.layers):
        producers = [i for i in network.inputs[index] if i != NETWORK_INPUT]
        follows = isinstance(layer, PoolLayer | ElementwiseLayer) or is_depthwise(layer)
        alike = all(output_shape(network.layers[i])[0] == output_shape(layer)[0] for i in producers)
        if follows and alike:
            for producer in producers:
                low, high = sorted((find(producer), find(index)))
                group[high] = low
    return tuple(find(index) for index in range(len(group)))
