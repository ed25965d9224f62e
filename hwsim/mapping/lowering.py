"""A layer and a tile in integers, as the kernels take them."""

from __future__ import annotations

from functools import lru_cache

from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.kernels.tuples import NestShape, NestTile
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer, both


@lru_cache(maxsize=4096)
def lower_layer(layer: Layer) -> NestShape:
    """Return a layer as the nest runs it.

    Pooling is a depthwise window without weights; an elementwise layer reduces its operands like channels of a 1 x 1.
    """
    if isinstance(layer, ConvLayer):
        filters, channels = layer.out_channels // layer.groups, layer.in_channels // layer.groups
        window = (layer.kernel_height, layer.kernel_width, *both(layer.stride), *both(layer.dilation))
        plane = (layer.in_height, layer.in_width)
        outs = (layer.batch, layer.out_height, layer.out_width)
        return NestShape(layer.groups, filters, channels, *outs, *window, *both(layer.padding), *plane, 1)
    if isinstance(layer, PoolLayer):
        window = (layer.kernel_height, layer.kernel_width, *both(layer.stride), 1, 1)
        plane = (layer.in_height, layer.in_width)
        outs = (layer.batch, layer.out_height, layer.out_width)
        return NestShape(layer.channels, 1, 1, *outs, *window, *both(layer.padding), *plane, 0)
    if isinstance(layer, ElementwiseLayer):
        plane = (layer.height, layer.width)
        return NestShape(layer.channels, 1, layer.operands, layer.batch, *plane, 1, 1, 1, 1, 1, 1, 0, 0, *plane, 0)
    raise InputError(f"layer '{getattr(layer, 'name', layer)}': type {type(layer).__name__} cannot run on the tile")


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
