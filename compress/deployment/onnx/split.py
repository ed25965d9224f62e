"""The ONNX form of a tensor that is split: one node with several results."""

from __future__ import annotations

import operator

import numpy as np
from torch import fx

from compress.deployment.onnx.graph import OnnxGraph, unwritable
from compress.network.operation import Kind


def is_split(graph: OnnxGraph, node: fx.Node) -> bool:
    """Return whether a node parts a tensor."""
    operation = graph.operation(node)
    return operation is not None and operation.kind is Kind.SPLIT


def write_split(graph: OnnxGraph, node: fx.Node) -> list[str]:
    """Write a chunk or a split and return the names of its parts; raises InputError along the batch."""
    parts = node.meta["tensor_meta"]
    axis = int(graph.settings(node).get("dim", 0)) % len(parts[0].shape)
    if axis == 0:
        raise unwritable(node, "a split of the batch")
    sizes = np.array([part.shape[axis] for part in parts], dtype=np.int64)
    inputs = [graph.source(node), graph.constant(f"{node.name}/sizes", sizes)]
    return graph.emit_parts("Split", inputs, [f"{node.name}/{index}" for index in range(len(parts))], axis=axis)


def is_part(graph: OnnxGraph, node: fx.Node) -> bool:
    """Return whether a node picks from the parts of a split."""
    return node.target is operator.getitem and node.args[0] in graph.parts


def take_part(graph: OnnxGraph, node: fx.Node) -> None:
    """Give a node the name of the part it picks, or the names where it picks several."""
    parts, index = graph.parts[node.args[0]], node.args[1]  # type: ignore[index]
    if isinstance(index, slice):
        graph.parts[node] = parts[index]
    else:
        graph.names[node] = parts[index]  # type: ignore[index]
