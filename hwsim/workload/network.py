"""A network as the tile sees it: layers in execution order and who feeds whom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from hwsim.errors import InputError, unknown_name
from hwsim.workload.layer import ConvLayer, Layer, PoolLayer
from hwsim.workload.window import PerAxis

NETWORK_INPUT = -1
"""The producer index that stands for the network's own input."""


MOST_OPERATIONS = 2**55
"""Of all layers of a network: what moves for them, in bits, is then counted in 64-bit numbers without overflow."""


class Shape(NamedTuple):
    """A feature map, without the batch."""

    channels: int
    height: int
    width: int

    @property
    def plane(self) -> PerAxis:
        """Rows and columns."""
        return PerAxis(self.height, self.width)


def output_shape(layer: Layer) -> Shape:
    """Return the shape of a layer's ofmap, without the batch."""
    if isinstance(layer, ConvLayer):
        return Shape(layer.out_channels, layer.out_height, layer.out_width)
    if isinstance(layer, PoolLayer):
        return Shape(layer.channels, layer.out_height, layer.out_width)
    return Shape(layer.channels, layer.height, layer.width)


@dataclass(frozen=True)
class Network:
    """Layers in execution order with the producers of each.

    `inputs[i]`: indices of the layers whose ofmaps layer i reads, NETWORK_INPUT (-1) for the network's input; more than
    one for an elementwise layer or a concatenation. Raises InputError for two layers of one name or a producer that
    does not run before its consumer.
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError(f"network '{self.name}' has no layer that computes or moves data")
        if len(self.layers) != len(self.inputs):
            raise InputError(
                f"network '{self.name}': {len(self.layers)} layers but {len(self.inputs)} lists of producers"
            )
        seen: set[str] = set()
        for index, layer in enumerate(self.layers):
            if layer.name in seen:
                raise InputError(f"network '{self.name}': two layers are named '{layer.name}'; rename one")
            seen.add(layer.name)
            if not self.inputs[index] or not all(NETWORK_INPUT <= i < index for i in self.inputs[index]):
                raise InputError(
                    f"network '{self.name}': layer '{layer.name}' reads from {self.inputs[index]},"
                    " must be earlier layers"
                )
        self._check_size()

    def _check_size(self) -> None:
        sizes = {layer.name: max(layer.macs, layer.batch * math.prod(output_shape(layer))) for layer in self.layers}
        if sum(sizes.values()) > MOST_OPERATIONS:
            largest = max(sizes, key=lambda name: sizes[name])
            raise InputError(
                f"network '{self.name}' is too large to count: layer '{largest}' makes {sizes[largest]:.3g}"
                f" multiply-accumulates or words, all layers may make {MOST_OPERATIONS:.3g}; lower its shape or --batch"
            )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers, those on padding included."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights(self) -> int:
        """Weights of all layers, biases left out."""
        return sum(layer.filter_words for layer in self.layers)

    @property
    def batch(self) -> int:
        """Images in a batch."""
        return self.layers[0].batch

    def consumers(self, index: int) -> tuple[int, ...]:
        """Return the indices of the layers that read the ofmap of one."""
        return tuple(i for i, producers in enumerate(self.inputs) if index in producers)

    def layer(self, name: str) -> Layer:
        """Return a layer by name; raises InputError with the nearest names."""
        return self.layers[self.index(name)]

    def index(self, name: str) -> int:
        """Return the index of a layer by name; raises InputError with the nearest names."""
        for index, layer in enumerate(self.layers):
            if layer.name == name:
                return index
        raise unknown_name(f"layer of {self.name}", name, [layer.name for layer in self.layers])
