"""A layer and a tile in integers, as the kernels take them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.kernels.tuples import NestShape, NestTile
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer


@lru_cache(maxsize=4096)
def lower_layer(layer: Layer) -> NestShape:
    """Return a layer as the nest runs it.

    Pooling is a depthwise window without weights; an elementwise layer reduces its operands like channels of a 1 x 1.
    """
    if isinstance(layer, ConvLayer):
        filters, channels = layer.out_channels // layer.groups, layer.in_channels // layer.groups
        return _windowed(layer, Channels(layer.groups, filters, channels), weighted=1)
    if isinstance(layer, PoolLayer):
        return _windowed(layer, Channels(layer.channels, 1, 1), weighted=0)
    if isinstance(layer, ElementwiseLayer):
        plane = (layer.height, layer.width)
        return NestShape(layer.channels, 1, layer.operands, layer.batch, *plane, 1, 1, 1, 1, 1, 1, 0, 0, *plane, 0)
    raise InputError(f"layer '{getattr(layer, 'name', layer)}': type {type(layer).__name__} cannot run on the tile")


class Channels(NamedTuple):
    """Independent groups, and the filters and channels of one."""

    groups: int
    filters: int
    channels: int


def _windowed(layer: ConvLayer | PoolLayer, of: Channels, weighted: int) -> NestShape:
    down, across = layer.window_down, layer.window_across
    return NestShape(
        *of,
        *(layer.batch, layer.out_height, layer.out_width),
        *(down.kernel, across.kernel),
        *(down.stride, across.stride),
        *(down.dilation, across.dilation),
        *(down.padding, across.padding),
        *(down.size, across.size),
        weighted,
    )


class NestAxis(NamedTuple):
    """One axis of a lowered layer: ofmap positions, taps of the kernel, how it moves, ifmap pixels."""

    positions: int
    taps: int
    stride: int
    dilation: int
    padding: int
    size: int


def axis_down(sh: NestShape) -> NestAxis:
    """Return the axis of rows."""
    return NestAxis(sh.rows, sh.taps_v, sh.stride_v, sh.dilation_v, sh.padding_v, sh.in_rows)


def axis_across(sh: NestShape) -> NestAxis:
    """Return the axis of columns."""
    return NestAxis(sh.columns, sh.taps_h, sh.stride_h, sh.dilation_h, sh.padding_h, sh.in_columns)


@lru_cache(maxsize=64)
def lower_tile(tile: AcceleratorSpec) -> NestTile:
    """Return a tile in integers."""
    return NestTile(
        tile.array_rows,
        tile.array_columns,
        (tile.rf_shared_bytes or 0) * 8,
        tile.rf_ifmap_words or 0,
        tile.rf_filter_words or 0,
        tile.rf_psum_words or 0,
        tile.glb_size_bytes * 8,
        tile.glb_filter_bytes * 8,
        tile.word_bits,
        tile.psum_bits,
        tile.filter_bus_bits,
        tile.ifmap_bus_bits,
        tile.psum_in_bus_bits,
        tile.psum_out_bus_bits,
        int(tile.psum_preload),
        tile.ifmap_fifo_words,
    )
