"""Nodes whose result is no tensor: they ask for shapes, or compute with them."""

from __future__ import annotations

import operator

import torch
from torch import fx

from compress.network.calls import operation_of_attribute, operation_of_method
from compress.network.operation import Kind, Operation


def asked(node: fx.Node) -> Operation | None:
    """Return the operation of a node that looks up an attribute or calls a method; None for other nodes."""
    if node.op == "call_function" and node.target is getattr:
        return operation_of_attribute(str(node.args[1]))
    return operation_of_method(str(node.target)) if node.op == "call_method" else None


def is_shape_query(node: fx.Node) -> bool:
    """Return whether a node without a tensor result asks for a shape, or computes with shapes only."""
    operation = asked(node)
    if operation is not None and operation.kind is Kind.SHAPE:
        return True
    if node.target is getattr:
        return False
    return not any(is_tensor(source) for source in node.all_input_nodes)


def asks_channel_count(node: fx.Node) -> bool:
    """Return whether a node is `x.size(1)` or `x.shape[1]`."""
    if node.op == "call_method" and node.target == "size":
        return len(node.args) > 1 and node.args[1] in (1,)
    return node.target is operator.getitem and node.args[1] in (1,) and bool(queried_tensor(node))


def queried_tensor(node: fx.Node) -> list[fx.Node]:
    """Return the tensor whose shape a query asks for, as a list of at most one node."""
    source = node.args[0]
    if isinstance(source, fx.Node) and not is_tensor(source):
        source = source.args[0] if source.args and is_shape_query(source) else None
    return [source] if isinstance(source, fx.Node) and is_tensor(source) else []


def is_tensor(node: fx.Node) -> bool:
    """Return whether a traced node's result is one tensor."""
    return isinstance(node.meta.get("value"), torch.Size)
