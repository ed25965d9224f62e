"""The ONNX form of activations: what is done to one value at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import fx, nn

from compress.deployment.onnx.graph import OnnxGraph, unwritable

_ATTRIBUTES: dict[str, Callable[[Mapping[str, Any]], dict[str, float]]] = {
    "HardSigmoid": lambda given: {"alpha": 1 / 6, "beta": 0.5},
    "LeakyRelu": lambda given: {"alpha": float(given.get("negative_slope", 0.01))},
    "Elu": lambda given: {"alpha": float(given.get("alpha", 1.0))},
}
_ONLY_WITH: dict[str, tuple[str, Any]] = {"gelu": ("approximate", "none"), "softplus": ("beta", 1)}
"""The one setting under which an operation has its ONNX form."""


def write_activation(graph: OnnxGraph, node: fx.Node) -> str:
    """Write an activation by the operators that the table of operations names."""
    operation, given = graph.operation(node), graph.settings(node)
    assert operation is not None
    if operation.name in _ONLY_WITH:
        setting, value = _ONLY_WITH[operation.name]
        if given.get(setting, value) != value:
            raise unwritable(node, graph.title(node))
    if operation.name in _COMPOSED:
        return _COMPOSED[operation.name](graph, node)
    (kind,) = operation.onnx
    attributes = _ATTRIBUTES[kind](given) if kind in _ATTRIBUTES else {}
    return graph.emit(kind, [graph.source(node)], node.name, **attributes)


def write_prelu(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a slope below zero for each channel, or for all of them."""
    module = graph.module(node)
    assert isinstance(module, nn.PReLU)
    slope = module.weight.detach().numpy().reshape((-1,) + (1,) * (len(graph.shape(node)) - 2))
    return graph.emit("PRelu", [graph.source(node), graph.constant(f"{node.target}.weight", slope)], node.name)


def _relu6(graph: OnnxGraph, node: fx.Node) -> str:
    return _clip(graph, node, 0.0, 6.0)


def _hardtanh(graph: OnnxGraph, node: fx.Node) -> str:
    module = graph.module(node)
    assert isinstance(module, nn.Hardtanh)
    return _clip(graph, node, module.min_val, module.max_val)


def _clip(graph: OnnxGraph, node: fx.Node, low: float, high: float) -> str:
    bounds = [graph.constant(f"clip_{value:g}", np.array(value, dtype=np.float32)) for value in (low, high)]
    return graph.emit("Clip", [graph.source(node), *bounds], node.name)


def _silu(graph: OnnxGraph, node: fx.Node) -> str:
    source = graph.source(node)
    gate = graph.emit("Sigmoid", [source], f"{node.name}/gate")
    return graph.emit("Mul", [source, gate], node.name)


def _gelu(graph: OnnxGraph, node: fx.Node) -> str:
    source = graph.source(node)
    half, root, one = (
        graph.constant(f"gelu_{name}", np.array(value, dtype=np.float32))
        for name, value in (("half", 0.5), ("root", 2**-0.5), ("one", 1.0))
    )
    scaled = graph.emit("Mul", [source, root], f"{node.name}/scaled")
    erf = graph.emit("Erf", [scaled], f"{node.name}/erf")
    shifted = graph.emit("Add", [erf, one], f"{node.name}/shifted")
    gated = graph.emit("Mul", [source, shifted], f"{node.name}/gated")
    return graph.emit("Mul", [gated, half], node.name)


_COMPOSED: dict[str, Callable[[OnnxGraph, fx.Node], str]] = {
    "relu6": _relu6,
    "hardtanh": _hardtanh,
    "silu": _silu,
    "gelu": _gelu,
}
"""Writers of operations that take constants or several nodes, by the operation's name."""
