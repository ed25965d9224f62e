"""Layers that are priced and never compressed: pooling, adds and products of feature maps, layers kept dense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from compress.network import operation_kinds as ops
from compress.network.channel_units import Units
from compress.network.fx_tracer import InnerLayer
from compress.network.graph import FixedLayer, Window, image_shape, pair

_WINDOWED = (F.max_pool2d, F.avg_pool2d, torch.max_pool2d)
PRICED = (nn.Conv2d, nn.Conv1d, nn.Linear)
"""Weighted modules that hwsim has a layer for."""
_ADAPTIVE = (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)


def fixed_layer(module: fx.GraphModule, node: fx.Node, node_units: Mapping[str, Units]) -> FixedLayer | None:
    """Return what a node costs besides its layers; None where it moves no feature map through the tile."""
    inputs = [source for source in node.all_input_nodes if source.name in node_units]
    if not inputs or node.name not in node_units or not isinstance(node.meta.get("value"), torch.Size):
        return None
    target: Any = module.get_submodule(str(node.target)) if node.op == "call_module" else node.target
    if isinstance(target, PRICED):
        before, after = inputs[0].meta["value"], node.meta["value"]
        return _dense(str(node.target), node.name, target, before=before, after=after)
    units = node_units[inputs[0].name]
    if node.target is F.conv2d:
        return _functional_convolution(node, units)
    name = str(node.target) if node.op == "call_module" else node.name
    if node.target in ops.BINARY and len(inputs) == 2 and len(node.meta["value"]) == 4:
        shape = image_shape(node.meta["value"])
        return FixedLayer(name, "elementwise", node.name, node_units[node.name], shape, shape)
    before, after = inputs[0].meta["value"], node.meta["value"]
    window = _pool_window(target, node, before, after)
    if window is None or len(before) != 4 or (window.kernel == (1, 1) and window.stride == (1, 1)):
        return None
    ceil_mode = bool(_argument(target, node, 4 if target is F.avg_pool2d else 5, "ceil_mode", False))
    return FixedLayer(
        name, "pool", node.name, units, image_shape(before), image_shape(after), window, ceil_mode=ceil_mode
    )


def has_no_price(module: fx.GraphModule, node: fx.Node) -> bool:
    """Return whether a node multiplies by weights, or tensors by tensors, in a way that hwsim has no layer for."""
    if node.op == "call_module":
        return _multiplies(module.get_submodule(str(node.target)))
    return node.target in ops.MATRIX_PRODUCTS


def _multiplies(module: nn.Module) -> bool:
    """Return whether a module has a weight matrix of its own; norms and activations scale values only."""
    if isinstance(module, PRICED):
        return False
    return isinstance(module, nn.MultiheadAttention) or any(p.ndim > 1 for p in module.parameters(recurse=False))


def inner_layer(inner: InnerLayer, node: str) -> FixedLayer | None:
    """Return the cost of a layer that ran inside a module kept whole; None where hwsim has no layer for it."""
    if not isinstance(inner.module, PRICED):
        return None
    return _dense(inner.path, node, inner.module, before=inner.in_shape, after=inner.out_shape)


def _dense(name: str, node: str, layer: nn.Module, *, before: tuple[int, ...], after: tuple[int, ...]) -> FixedLayer:
    own = np.zeros(0, dtype=np.int64)
    if isinstance(layer, nn.Linear):
        positions = int(np.prod(before[1:-1], dtype=np.int64))  # a linear layer over tokens is a 1 x 1 convolution
        if positions == 1:
            return FixedLayer(name, "fc", node, own, (int(before[-1]), 1, 1), (int(after[-1]), 1, 1))
        shape = (int(before[-1]), positions, 1)
        return FixedLayer(name, "conv", node, own, shape, (int(after[-1]), positions, 1))
    assert isinstance(layer, (nn.Conv2d, nn.Conv1d))
    if isinstance(layer, nn.Conv1d):  # one row
        padding = layer.padding[0] if not isinstance(layer.padding, str) else _same(layer)[0]
        window = Window((1, layer.kernel_size[0]), (1, layer.stride[0]), (0, int(padding)), (1, layer.dilation[0]))
        rows = [(int(shape[1]), 1, int(shape[2])) for shape in (before, after)]
        return FixedLayer(name, "conv", node, own, rows[0], rows[1], window, layer.groups)
    sides = layer.padding if not isinstance(layer.padding, str) else _same(layer)
    window = Window(pair(layer.kernel_size), pair(layer.stride), pair(sides), pair(layer.dilation))
    return FixedLayer(name, "conv", node, own, image_shape(before), image_shape(after), window, layer.groups)


def _same(layer: nn.Conv2d | nn.Conv1d) -> tuple[int, int]:
    if layer.padding == "valid":
        return (0, 0)
    # rounded up: an odd total has no symmetric form, and a cost must not be too small
    sides = [-(-dilation * (size - 1) // 2) for dilation, size in zip(layer.dilation, layer.kernel_size, strict=True)]
    return sides[0], sides[-1]


def _functional_convolution(node: fx.Node, units: Units) -> FixedLayer | None:
    weight = node.args[1]
    assert isinstance(weight, fx.Node)
    kernel = tuple(int(extent) for extent in weight.meta["value"][2:])
    stride, dilation = (pair(_argument(F.conv2d, node, at, key, 1)) for key, at in (("stride", 3), ("dilation", 5)))
    groups, sides = int(_argument(F.conv2d, node, 6, "groups", 1)), _argument(F.conv2d, node, 4, "padding", 0)
    if sides == "valid":
        sides = 0
    elif sides == "same":  # rounded up, as for a module
        sides = [-(-reach * (size - 1) // 2) for reach, size in zip(dilation, kernel, strict=True)]
    window = Window(pair(kernel), stride, pair(sides), dilation)
    before, after = node.args[0].meta["value"], node.meta["value"]  # type: ignore[union-attr]
    return FixedLayer(node.name, "conv", node.name, units, image_shape(before), image_shape(after), window, groups)


def _pool_window(target: Any, node: fx.Node, before: tuple[int, ...], after: tuple[int, ...]) -> Window | None:
    adaptive = isinstance(target, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)) or target in _ADAPTIVE
    if adaptive or target in ops.MEANS:
        out = after[2:] if adaptive else (1, 1)
        if not adaptive and len(before) != 4:
            return None
        stride = tuple(max(1, size // steps) for size, steps in zip(before[2:], out, strict=True))
        # the window that covers the ifmap exactly when sizes divide, and overlaps as PyTorch's when they do not
        kernel = tuple(size - (steps - 1) * step for size, steps, step in zip(before[2:], out, stride, strict=True))
        return Window(kernel, stride)  # type: ignore[arg-type]
    if not isinstance(target, (nn.MaxPool2d, nn.AvgPool2d)) and target not in _WINDOWED:
        return None
    kernel = pair(_argument(target, node, 1, "kernel_size", 1))
    stride = _argument(target, node, 2, "stride", None)
    padding = pair(_argument(target, node, 3, "padding", 0))
    return Window(kernel, pair(kernel if stride in (None, []) else stride), padding)


def _argument(target: Any, node: fx.Node, position: int, name: str, default: Any) -> Any:
    """Return a pooling setting, from the module or from the call's arguments."""
    if isinstance(target, nn.Module):
        return getattr(target, name, default)
    return node.kwargs.get(name, node.args[position] if len(node.args) > position else default)
