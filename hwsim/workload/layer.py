"""Layers as the tile sees them: shapes only, no weights. A pruned shape is a shape like any other.

Symbols of the field (Eyeriss, ISCA 2016, Table I): N batch, C input channels, H W ifmap plane, M filters,
R S filter plane, E F ofmap plane, U stride.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hwsim.errors import InputError
from hwsim.vocabulary import LayerKind
from hwsim.workload.window import Pair, Window, both


def _require(layer: str, smallest: int, **fields: int) -> None:
    for field, value in fields.items():
        if not isinstance(value, int) or value < smallest:
            raise InputError(f"layer '{layer}': {field} is {value!r}, must be a whole number of at least {smallest}")


def _fitting(layer: str, axis: str, window: Window) -> Window:
    if window.positions < 1:
        raise InputError(
            f"layer '{layer}': a kernel {axis} of {window.kernel} with dilation {window.dilation}"
            f" reaches over {window.reach} pixels, more than the padded ifmap's {window.size + 2 * window.padding};"
            " enlarge the ifmap or the padding"
        )
    return window


@dataclass(frozen=True)
class ConvLayer:
    """A convolution: N x C x H x W by M x C/groups x R x S to N x M x E x F. Depthwise is groups = in_channels."""

    name: str
    in_channels: int
    out_channels: int
    in_height: int
    in_width: int
    kernel_height: int
    kernel_width: int
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    groups: int = 1
    batch: int = 1

    kind = LayerKind.CONV

    def __post_init__(self) -> None:
        _require(
            self.name,
            1,
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            in_height=self.in_height,
            in_width=self.in_width,
            kernel_height=self.kernel_height,
            kernel_width=self.kernel_width,
            groups=self.groups,
            batch=self.batch,
        )
        for field in ("stride", "dilation"):
            _require(self.name, 1, **{field: min(both(getattr(self, field)))})
        _require(self.name, 0, padding=min(both(self.padding)))
        for field, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise InputError(f"layer '{self.name}': {field} {channels} is not a multiple of groups {self.groups}")
        _ = self.out_height, self.out_width  # raise where no window fits

    @property
    def window_down(self) -> Window:
        """The kernel's way down the plane."""
        stride, padding, dilation = both(self.stride), both(self.padding), both(self.dilation)
        window = Window(self.in_height, self.kernel_height, stride.vertical, padding.vertical, dilation.vertical)
        return _fitting(self.name, "height", window)

    @property
    def window_across(self) -> Window:
        """The kernel's way across the plane."""
        stride, padding, dilation = both(self.stride), both(self.padding), both(self.dilation)
        window = Window(self.in_width, self.kernel_width, stride.horizontal, padding.horizontal, dilation.horizontal)
        return _fitting(self.name, "width", window)

    @property
    def out_height(self) -> int:
        """E, ofmap rows."""
        return self.window_down.positions

    @property
    def out_width(self) -> int:
        """F, ofmap columns."""
        return self.window_across.positions

    @property
    def ifmap_shape(self) -> tuple[int, ...]:
        """N, C, H, W."""
        return (self.batch, self.in_channels, self.in_height, self.in_width)

    @property
    def filter_shape(self) -> tuple[int, ...]:
        """M, C/groups, R, S."""
        return (self.out_channels, self.in_channels // self.groups, self.kernel_height, self.kernel_width)

    @property
    def filter_words(self) -> int:
        """Weights of the layer."""
        return math.prod(self.filter_shape)

    @property
    def ifmap_words(self) -> int:
        """Input words, without padding."""
        return math.prod(self.ifmap_shape)

    @property
    def ofmap_words(self) -> int:
        """Output words."""
        return self.batch * self.out_channels * self.out_height * self.out_width

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those on padding included, as the field counts them."""
        return self.batch * self.filter_words * self.out_height * self.out_width


@dataclass(frozen=True)
class FCLayer(ConvLayer):
    """A fully connected layer: a convolution whose kernel is the whole of a 1 x 1 ifmap. Build it with `fc_layer`."""

    kind = LayerKind.FC


def fc_layer(name: str, in_features: int, out_features: int, batch: int = 1) -> FCLayer:
    """Return the fully connected layer of in_features x out_features weights."""
    return FCLayer(name, in_features, out_features, 1, 1, 1, 1, batch=batch)


@dataclass(frozen=True)
class PoolLayer:
    """A pooling layer over channels x in_height x in_width; it moves words and multiplies none."""

    name: str
    channels: int
    in_height: int
    in_width: int
    kernel_height: int
    kernel_width: int
    stride: Pair = 1
    padding: Pair = 0
    ceil_mode: bool = False
    batch: int = 1

    kind = LayerKind.POOL
    macs = 0
    filter_words = 0

    def __post_init__(self) -> None:
        _require(self.name, 1, channels=self.channels, in_height=self.in_height, in_width=self.in_width)
        _require(self.name, 1, kernel_height=self.kernel_height, kernel_width=self.kernel_width, batch=self.batch)
        _require(self.name, 1, stride=min(both(self.stride)))
        _require(self.name, 0, padding=min(both(self.padding)))
        _ = self.out_height, self.out_width

    @property
    def window_down(self) -> Window:
        """The window's way down the plane."""
        stride, padding = both(self.stride), both(self.padding)
        window = Window(self.in_height, self.kernel_height, stride.vertical, padding.vertical)
        return _fitting(self.name, "height", window)

    @property
    def window_across(self) -> Window:
        """The window's way across the plane."""
        stride, padding = both(self.stride), both(self.padding)
        window = Window(self.in_width, self.kernel_width, stride.horizontal, padding.horizontal)
        return _fitting(self.name, "width", window)

    @property
    def out_height(self) -> int:
        """E, ofmap rows."""
        return self.window_down.positions_begun if self.ceil_mode else self.window_down.positions

    @property
    def out_width(self) -> int:
        """F, ofmap columns."""
        return self.window_across.positions_begun if self.ceil_mode else self.window_across.positions

    @property
    def ifmap_shape(self) -> tuple[int, ...]:
        """N, C, H, W."""
        return (self.batch, self.channels, self.in_height, self.in_width)

    @property
    def ifmap_words(self) -> int:
        """Input words, without padding."""
        return math.prod(self.ifmap_shape)

    @property
    def ofmap_words(self) -> int:
        """Output words."""
        return self.batch * self.channels * self.out_height * self.out_width


@dataclass(frozen=True)
class ElementwiseLayer:
    """An elementwise layer (a residual add) of `operands` ifmaps of channels x height x width."""

    name: str
    channels: int
    height: int
    width: int
    operands: int = 2
    batch: int = 1

    kind = LayerKind.ELEMENTWISE
    macs = 0
    filter_words = 0

    def __post_init__(self) -> None:
        _require(self.name, 1, channels=self.channels, height=self.height, width=self.width, batch=self.batch)
        _require(self.name, 2, operands=self.operands)

    @property
    def ifmap_shape(self) -> tuple[int, ...]:
        """Operands, N, C, H, W."""
        return (self.operands, self.batch, self.channels, self.height, self.width)

    @property
    def ifmap_words(self) -> int:
        """Input words of all operands."""
        return math.prod(self.ifmap_shape)

    @property
    def ofmap_words(self) -> int:
        """Output words."""
        return self.batch * self.channels * self.height * self.width


Layer = ConvLayer | PoolLayer | ElementwiseLayer
