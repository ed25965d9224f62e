"""Builds a network layer by layer, following the shape and the producers of each feature map."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hwsim.errors import InputError
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer, fc_layer
from hwsim.workload.network import NETWORK_INPUT, Network, Shape, output_shape
from hwsim.workload.window import Pair, both


@dataclass(frozen=True)
class FeatureMap:
    """A feature map on its way between layers, and the layers that wrote it."""

    shape: Shape
    producers: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Channels."""
        return self.shape.channels


class NetworkBuilder:
    """Collects layers; every method takes feature maps and returns the one it makes."""

    def __init__(self, name: str, shape: tuple[int, int, int], batch: int = 1) -> None:
        self.name = name
        self.batch = batch
        self.image = FeatureMap(Shape(*shape), (NETWORK_INPUT,))
        self._layers: list[Layer] = []
        self._inputs: list[tuple[int, ...]] = []

    def append(self, layer: Layer, producers: tuple[int, ...]) -> FeatureMap:
        """Add a ready layer that reads from `producers`."""
        self._layers.append(layer)
        self._inputs.append(tuple(dict.fromkeys(producers)))
        return FeatureMap(output_shape(layer), (len(self._layers) - 1,))

    def conv(  # noqa: PLR0913  the figures of a convolution, as every framework names them
        self,
        x: FeatureMap,
        name: str,
        out_channels: int,
        kernel: Pair,
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        groups: int = 1,
    ) -> FeatureMap:
        """Add a convolution."""
        layer = ConvLayer(
            *(name, x.channels, out_channels, *x.shape.plane, *both(kernel)),
            stride=stride,
            padding=padding,
            groups=groups,
            batch=self.batch,
        )
        return self.append(layer, x.producers)

    def pool(
        self, x: FeatureMap, name: str, kernel: Pair, stride: Pair, *, padding: Pair = 0, ceil_mode: bool = False
    ) -> FeatureMap:
        """Add a pooling layer."""
        layer = PoolLayer(name, *x.shape, *both(kernel), stride, padding, ceil_mode, self.batch)
        return self.append(layer, x.producers)

    def global_pool(self, x: FeatureMap, name: str) -> FeatureMap:
        """Add a pooling layer over the whole plane."""
        return self.pool(x, name, x.shape.plane, x.shape.plane)

    def fc(self, x: FeatureMap, name: str, out_features: int) -> FeatureMap:
        """Add a fully connected layer on the flattened feature map."""
        return self.append(fc_layer(name, math.prod(x.shape), out_features, self.batch), x.producers)

    def add(self, name: str, *operands: FeatureMap) -> FeatureMap:
        """Add an elementwise layer; raises InputError where the shapes differ."""
        shapes = {operand.shape for operand in operands}
        if len(shapes) != 1:
            raise InputError(f"layer '{name}' adds feature maps of different shapes {sorted(map(tuple, shapes))}")
        layer = ElementwiseLayer(name, *operands[0].shape, len(operands), self.batch)
        return self.append(layer, tuple(index for operand in operands for index in operand.producers))

    def concat(self, *operands: FeatureMap) -> FeatureMap:
        """Join feature maps along the channels; this moves nothing, the consumer reads from all producers."""
        shape = operands[0].shape._replace(channels=sum(operand.channels for operand in operands))
        return FeatureMap(shape, tuple(index for operand in operands for index in operand.producers))

    def build(self) -> Network:
        """Return the network."""
        return Network(self.name, tuple(self._layers), tuple(self._inputs))
