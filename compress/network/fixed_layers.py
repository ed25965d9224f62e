"""Layers that are priced and never compressed: pooling, adds and products of feature maps, layers kept dense."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import fx, nn

from compress.network.calls import arguments, operation_of, operation_of_module, settings
from compress.network.channel_units import Units
from compress.network.fx_tracer import InnerLayer
from compress.network.graph import FixedLayer, LayerKind, Planes, image_shape
from compress.network.operation import Cost, Kind, Operation
from compress.network.shape_queries import is_tensor
from compress.network.window import Window, cost_padding, pair


def fixed_layer(module: fx.GraphModule, node: fx.Node, node_units: Mapping[str, Units]) -> FixedLayer | None:
    """Return what a node costs besides its layers; None where it moves no feature map through the tile."""
    inputs = [source for source in node.all_input_nodes if source.name in node_units]
    operation = operation_of(node, module)
    if operation is None or not inputs or node.name not in node_units or not is_tensor(node):
        return None
    before, after = inputs[0].meta["value"], node.meta["value"]
    name = str(node.target) if node.op == "call_module" else node.name
    units, cost = node_units[inputs[0].name], operation.kind.cost
    if cost is Cost.LAYER:
        if node.op == "call_module":
            return _dense(name, node.name, module.get_submodule(name), before=before, after=after)
        return _functional_convolution(module, node, units)
    if cost is Cost.ELEMENTWISE and len(inputs) == 2 and len(after) == 4:
        shape = image_shape(after)
        return FixedLayer(name, LayerKind.ELEMENTWISE, node.name, node_units[node.name], shape, shape)
    if cost not in (Cost.POOLING, Cost.WHOLE_PLANE) or len(before) != 4:
        return None
    window = _pool_window(module, node, operation, before, after)
    if window.kernel == (1, 1) and window.stride == (1, 1):
        return None
    ceil_mode = bool(settings(node, module).get("ceil_mode", False))
    in_shape, out_shape = image_shape(before), image_shape(after)
    return FixedLayer(name, LayerKind.POOL, node.name, units, in_shape, out_shape, window, ceil_mode=ceil_mode)


def has_no_price(module: fx.GraphModule, node: fx.Node) -> bool:
    """Return whether a node multiplies by weights, or tensors by tensors, in a way that hwsim has no layer for."""
    if node.op == "call_module":
        return _multiplies(module.get_submodule(str(node.target)))
    operation = operation_of(node, module)
    return operation is not None and operation.kind.cost is Cost.REFUSED


def _multiplies(module: nn.Module) -> bool:
    """Return whether a module has a weight matrix of its own; norms and activations scale values only."""
    operation = operation_of_module(module)
    if operation is not None and operation.kind.cost is Cost.LAYER:
        return False
    return isinstance(module, nn.MultiheadAttention) or any(p.ndim > 1 for p in module.parameters(recurse=False))


def inner_layer(inner: InnerLayer, node: str) -> FixedLayer | None:
    """Return the cost of a layer that ran inside a module kept whole; None where hwsim has no layer for it."""
    # a convolution whose forward does more than the base's is charged as that convolution
    if not isinstance(inner.module, (nn.Conv2d, nn.Conv1d, nn.Linear)):
        return None
    return _dense(inner.path, node, inner.module, before=inner.in_shape, after=inner.out_shape)


def _dense(name: str, node: str, layer: nn.Module, *, before: tuple[int, ...], after: tuple[int, ...]) -> FixedLayer:
    own = np.zeros(0, dtype=np.int64)
    if isinstance(layer, nn.Linear):
        positions = int(np.prod(before[1:-1], dtype=np.int64))  # a linear layer over tokens is a 1 x 1 convolution
        if positions == 1:
            return FixedLayer(name, LayerKind.FC, node, own, Planes(int(before[-1])), Planes(int(after[-1])))
        in_shape, out_shape = (Planes(int(shape[-1]), positions) for shape in (before, after))
        return FixedLayer(name, LayerKind.CONV, node, own, in_shape, out_shape)
    assert isinstance(layer, (nn.Conv2d, nn.Conv1d))
    padding: str | tuple[int, ...]
    if isinstance(layer, nn.Conv1d):  # one row
        kernel, dilation = (1, layer.kernel_size[0]), (1, layer.dilation[0])
        padding = layer.padding if isinstance(layer.padding, str) else (0, layer.padding[0])
        stride = (1, layer.stride[0])
        in_shape, out_shape = (Planes(int(shape[1]), 1, int(shape[2])) for shape in (before, after))
    else:
        kernel, dilation, padding = pair(layer.kernel_size), pair(layer.dilation), layer.padding
        stride = pair(layer.stride)
        in_shape, out_shape = image_shape(before), image_shape(after)
    window = Window(kernel, stride, cost_padding(padding, kernel, dilation), dilation)
    return FixedLayer(name, LayerKind.CONV, node, own, in_shape, out_shape, window, layer.groups)


def _functional_convolution(module: fx.GraphModule, node: fx.Node, units: Units) -> FixedLayer:
    given = arguments(node, module)
    ifmap, weight = given["input"], given["weight"]
    kernel = pair([int(extent) for extent in weight.meta["value"][2:]])
    stride, dilation = pair(given.get("stride", 1)), pair(given.get("dilation", 1))
    window = Window(kernel, stride, cost_padding(given.get("padding", 0), kernel, dilation), dilation)
    before, after = ifmap.meta["value"], node.meta["value"]
    groups = int(given.get("groups", 1))
    return FixedLayer(
        node.name, LayerKind.CONV, node.name, units, image_shape(before), image_shape(after), window, groups
    )


def _pool_window(
    module: fx.GraphModule, node: fx.Node, operation: Operation, before: tuple[int, ...], after: tuple[int, ...]
) -> Window:
    if operation.kind is not Kind.POOL:
        out = after[2:] if operation.kind is Kind.ADAPTIVE_POOL else (1, 1)
        stride = pair([max(1, size // steps) for size, steps in zip(before[2:], out, strict=True)])
        # the window that covers the ifmap exactly when sizes divide, and overlaps as PyTorch's when they do not
        sides = zip(before[2:], out, stride, strict=True)
        return Window(pair([size - (steps - 1) * step for size, steps, step in sides]), stride)
    given = settings(node, module)
    kernel = pair(given["kernel_size"])
    # no stride, or an empty one, is the kernel's size
    return Window(kernel, pair(given.get("stride") or kernel), pair(given.get("padding", 0)))
