"""A traced network as compression sees it: layers in execution order, channel units, groups, and what stays dense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn

from compress.network.channel_units import Units
from compress.network.window import POINT, Window
from hwsim.errors import InputError, unknown_name
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer, fc_layer

Mask = npt.NDArray[np.bool_]
"""True where a channel stays."""


class LayerKind(str, Enum):
    """What a layer is to the tile."""

    CONV = "conv"
    FC = "fc"
    POOL = "pool"
    ELEMENTWISE = "elementwise"

    @property
    def weighted(self) -> bool:
        """Whether it multiplies by weights."""
        return self in (LayerKind.CONV, LayerKind.FC)


class Planes(NamedTuple):
    """The shape of one image's feature map; a vector of features has one place a channel."""

    channels: int
    height: int = 1
    width: int = 1


def image_shape(shape: Sequence[int]) -> Planes:
    """Return one image's feature map for a tensor's shape [N, C], [N, C, L] or [N, C, H, W]."""
    channels, height, width, *_ = (*(int(extent) for extent in shape[1:]), 1, 1)
    return Planes(channels, height, width)


@dataclass(frozen=True, eq=False)
class CompressibleLayer:
    """A convolution or a linear layer that pruners and quantizers may change.

    `in_units` int64[in_channels or in_features] and `out_units` int64[out_channels] are the network's channel units;
    `in_shape` (C, H, W) and `out_shape` (M, E, F) are those of one image.
    """

    name: str
    kind: LayerKind  # CONV or FC
    node: str  # name of its node in the graph
    weight_shape: tuple[int, ...]
    groups: int
    has_bias: bool
    window: Window
    in_shape: Planes
    out_shape: Planes
    bn: str | None  # path of the BatchNorm that alone reads its output
    relu: bool  # its output (after bn) goes to a ReLU and nowhere else
    nonnegative_input: bool  # its ifmap follows a ReLU, so ranges are one-sided
    in_units: Units
    out_units: Units
    group: int | None  # index of the group that decides its output channels; None where they all stay
    executions: int = 1

    @property
    def path(self) -> str:
        """Where its module lies in the model; the same as its name."""
        return self.name

    @property
    def depthwise(self) -> bool:
        """Whether each filter reads one input channel of its own."""
        return self.groups > 1 and self.groups == self.in_shape.channels

    def hwsim_layer(self, in_channels: int | None = None, out_channels: int | None = None, batch: int = 1) -> ConvLayer:
        """Return the layer as hwsim sees it, with fewer channels where given (for a depthwise layer, of both)."""
        ins = self.in_shape.channels if in_channels is None else in_channels
        outs = self.out_shape.channels if out_channels is None else out_channels
        if self.kind is LayerKind.FC:
            return fc_layer(self.name, ins, outs, batch)
        if self.depthwise:
            outs = ins * (self.out_shape.channels // self.in_shape.channels) if in_channels is not None else outs
            ins = outs // (self.out_shape.channels // self.in_shape.channels)
        groups = ins if self.depthwise else self.groups
        height, width = self.in_shape[1:]
        window = self.window
        return ConvLayer(
            self.name,
            ins,
            outs,
            height,
            width,
            *window.kernel,
            stride=window.stride,
            padding=window.padding,
            dilation=window.dilation,
            groups=groups,
            batch=batch,
        )


@dataclass(frozen=True, eq=False)
class FixedLayer:
    """A layer that costs energy and is never compressed: pooling, an elementwise operation, a dense layer kept so.

    `units` are the channels of its ifmap; for a kept convolution or linear layer, `out_units` those of its ofmap.
    """

    name: str
    kind: LayerKind
    node: str
    units: Units
    in_shape: Planes
    out_shape: Planes
    window: Window = POINT
    groups: int = 1
    operands: int = 2
    ceil_mode: bool = False

    def hwsim_layer(self, channels: int | None = None, batch: int = 1) -> Layer:
        """Return the layer as hwsim sees it, with fewer channels where given."""
        count = self.in_shape.channels if channels is None else channels
        height, width = self.in_shape[1:]
        if self.kind is LayerKind.ELEMENTWISE:
            return ElementwiseLayer(self.name, count, *self.out_shape[1:], operands=self.operands, batch=batch)
        if self.kind is LayerKind.FC:
            return fc_layer(self.name, count, self.out_shape.channels, batch)
        window = self.window
        if self.kind is LayerKind.POOL:
            return PoolLayer(
                self.name, count, height, width, *window.kernel, window.stride, window.padding, self.ceil_mode, batch
            )
        return ConvLayer(
            self.name,
            count,
            self.out_shape.channels,
            height,
            width,
            *window.kernel,
            stride=window.stride,
            padding=window.padding,
            dilation=window.dilation,
            groups=self.groups,
            batch=batch,
        )


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Layers whose output channels hang together (through adds, depthwise layers, shortcuts).

    `producers` make the group's units, `consumers` read them, `per_channel` are the BatchNorms (and other per-channel
    modules) between; `units` is sorted and holds only units that may leave.
    """

    index: int
    units: Units
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    per_channel: tuple[str, ...]


class KeptDense(NamedTuple):
    """A part of the network that is not compressed, and why."""

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class NetworkGraph:
    """What `compress.network.trace.trace` returns."""

    module: fx.GraphModule  # shares its parameters with the model that was traced
    layers: tuple[CompressibleLayer, ...]
    fixed: tuple[FixedLayer, ...]
    groups: tuple[ChannelGroup, ...]
    unsupported: tuple[KeptDense, ...]
    frozen: Mask  # bool[units], True where a unit may not leave
    per_channel: Mapping[str, Units]  # module path -> units, of BatchNorms and the like
    node_units: Mapping[str, Units]  # node name -> units of its tensor's channels
    order: tuple[str, ...]  # names of all layers, the fixed ones too, in execution order
    unpriced: tuple[str, ...] = ()  # what multiplies in a way that hwsim has no layer for

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one image as the network takes it."""
        given = next(node for node in self.module.graph.nodes if node.op == "placeholder")
        return tuple(int(extent) for extent in given.meta["value"][1:])

    def layer(self, name: str) -> CompressibleLayer:
        """Return a layer by name; InputError with the nearest names where there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name("layer", name, [layer.name for layer in self.layers])

    def all_kept(self) -> Mask:
        """Return the mask of units with nothing removed, bool[units]."""
        return np.ones(len(self.frozen), dtype=bool)

    def spread(self, name: str, mask: Mask) -> dict[str, Mask]:
        """Return, for a filter mask bool[out_channels] of one layer, the masks of all layers that must follow.

        The layer itself is among them. A filter whose unit may not leave stays; where several filters make one unit
        (equal groups, a depthwise multiplier) the unit leaves only if the mask drops all of them.
        """
        kept = self.frozen.copy()
        layer = self.layer(name)
        kept[layer.out_units[mask]] = True
        dropped = np.zeros(len(self.frozen), dtype=bool)
        dropped[layer.out_units] = True
        dropped &= ~kept
        return {
            other.name: ~dropped[other.out_units]
            for other in self.layers
            if other.name == name or dropped[other.out_units].any()
        }

    def keep_units(self, masks: Mapping[str, Mask]) -> Mask:
        """Return which units stay, bool[units], for filter masks by layer.

        A unit leaves only where every layer that makes it masks it, and something is left of each tensor.
        """
        kept = self.frozen.copy()
        for layer in self.layers:
            mask = masks.get(layer.name)
            kept[layer.out_units if mask is None else layer.out_units[mask]] = True
        return self.never_empty(kept)

    def never_empty(self, kept: Mask) -> Mask:
        """Return `kept` with the first unit of each tensor restored that would otherwise have no channel left."""
        kept = kept.copy()
        for units in self._tensors:
            if not kept[units].any():
                kept[units[0]] = True
        return kept

    @cached_property
    def _tensors(self) -> tuple[Units, ...]:
        """Return the units of each tensor, those that several share once, in the order of the graph."""
        return tuple({units.tobytes(): units for units in self.node_units.values() if len(units)}.values())

    def check_priced(self) -> None:
        """Raise InputError where a part of the network has no cost model: an energy must not leave it out."""
        if self.unpriced:
            more = f" and {len(self.unpriced) - 1} more" if len(self.unpriced) > 1 else ""
            raise InputError(
                f"'{self.unpriced[0]}'{more} in the model multiplies in a way that the tile simulator has no layer for;"
                " replace it by convolutions or linear layers"
            )

    def hwsim_layers(self, kept: Mask | None = None, batch: int = 1) -> tuple[Layer, ...]:
        """Return the whole network's layers in execution order with the channels that stay, for hwsim to price."""
        self.check_priced()
        kept = self.all_kept() if kept is None else kept
        by_name: dict[str, CompressibleLayer | FixedLayer] = {layer.name: layer for layer in self.layers}
        by_name.update({layer.name: layer for layer in self.fixed})
        layers: list[Layer] = []
        for name in self.order:
            layer = by_name[name]
            if isinstance(layer, FixedLayer):
                layers.append(layer.hwsim_layer(None if layer.kind.weighted else int(kept[layer.units].sum()), batch))
            else:
                ins, outs = int(kept[layer.in_units].sum()), int(kept[layer.out_units].sum())
                layers.append(layer.hwsim_layer(ins, outs, batch))
        return tuple(layers)

    def weight(self, name: str) -> torch.Tensor:
        """Return a layer's weight tensor."""
        module = self.module.get_submodule(name)
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        return module.weight
