"""Layers as the tile sees them: shapes only, no weights. A pruned shape is a shape like any other.

Symbols of the field (Eyeriss, ISCA 2016, Table I): N batch, C input channels, H W ifmap plane, M filters,
R S filter plane, E F ofmap plane, U stride.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.errors import InputError

Pair = int | tuple[int, int]
"""One number for both directions, or (vertical, horizontal)."""


def both(value: Pair) -> tuple[int, int]:
    """Return (vertical, horizontal)."""
    return (value, value) if isinstance(value, int) else value


def _require(layer: str, smallest: int, **fields: int) -> None:
    for field, value in fields.items():
        if not isinstance(value, int) or value < smallest:
            raise InputError(f"layer '{layer}': {field} is {value!r}, must be a whole number of at least {smallest}")


@dataclass(frozen=True)
class _Window:
    """A sliding window along one axis."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int = 1

    def positions(self, layer: str, axis: int) -> int:
        reach = self.dilation * (self.kernel - 1) + 1
        positions = (self.size + 2 * self.padding - reach) // self.stride + 1
        if positions < 1:
            raise InputError(
                f"layer '{layer}': a kernel {('height', 'width')[axis]} of {self.kernel} with dilation {self.dilation}"
                f" reaches over {reach} pixels, more than the padded ifmap's {self.size + 2 * self.padding};"
                " enlarge the ifmap or the padding"
            )
        return positions


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

    kind = "conv"

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

    def _positions(self, axis: int) -> int:
        size, kernel = ((self.in_height, self.kernel_height), (self.in_width, self.kernel_width))[axis]
        stride, padding, dilation = (both(value)[axis] for value in (self.stride, self.padding, self.dilation))
        return _Window(size, kernel, stride, padding, dilation).positions(self.name, axis)

    @property
    def out_height(self) -> int:
        """E, ofmap rows."""
        return self._positions(0)

    @property
    def out_width(self) -> int:
        """F, ofmap columns."""
        return self._positions(1)

    @property
    def filter_words(self) -> int:
        """Weights of the layer."""
        return self.out_channels * (self.in_channels // self.groups) * self.kernel_height * self.kernel_width

    @property
    def ifmap_words(self) -> int:
        """Input words, without padding."""
        return self.batch * self.in_channels * self.in_height * self.in_width

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

    kind = "fc"


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

    kind = "pool"
    macs = 0
    filter_words = 0

    def __post_init__(self) -> None:
        _require(self.name, 1, channels=self.channels, in_height=self.in_height, in_width=self.in_width)
        _require(self.name, 1, kernel_height=self.kernel_height, kernel_width=self.kernel_width, batch=self.batch)
        _require(self.name, 1, stride=min(both(self.stride)))
        _require(self.name, 0, padding=min(both(self.padding)))
        _ = self.out_height, self.out_width

    def _positions(self, size: int, kernel: int, axis: int) -> int:
        stride, padding = both(self.stride)[axis], both(self.padding)[axis]
        positions = _Window(size, kernel, stride, padding).positions(self.name, axis)
        # ceil_mode keeps a last, partial window unless it starts in the padding (as PyTorch defines it)
        partial = (size + 2 * padding - kernel) % stride and positions * stride < size + padding
        return positions + 1 if self.ceil_mode and partial else positions

    @property
    def out_height(self) -> int:
        """E, ofmap rows."""
        return self._positions(self.in_height, self.kernel_height, 0)

    @property
    def out_width(self) -> int:
        """F, ofmap columns."""
        return self._positions(self.in_width, self.kernel_width, 1)

    @property
    def ifmap_words(self) -> int:
        """Input words, without padding."""
        return self.batch * self.channels * self.in_height * self.in_width

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

    kind = "elementwise"
    macs = 0
    filter_words = 0

    def __post_init__(self) -> None:
        _require(self.name, 1, channels=self.channels, height=self.height, width=self.width, batch=self.batch)
        _require(self.name, 2, operands=self.operands)

    @property
    def ifmap_words(self) -> int:
        """Input words of all operands."""
        return self.operands * self.ofmap_words

    @property
    def ofmap_words(self) -> int:
        """Output words."""
        return self.batch * self.channels * self.height * self.width


Layer = ConvLayer | PoolLayer | ElementwiseLayer
