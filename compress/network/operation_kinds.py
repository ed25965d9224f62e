"""Which operations keep channels apart, and what they do to zeros: the vocabulary of channel propagation.

An operation that is in no set here keeps all channels it touches (nothing is removed there), which is always right.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

# f(0) = 0, one value at a time
ZERO_KEEPING: set[Any] = {
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardswish, nn.SiLU, nn.GELU, nn.ELU, nn.SELU, nn.CELU, nn.Tanh, nn.Mish),
    *(nn.Softsign, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.Identity, nn.Softshrink, nn.Hardshrink),
    *(torch.relu, torch.tanh, torch.neg, torch.abs, operator.neg, torch.clone, torch.relu_),
    *(F.relu, F.relu6, F.leaky_relu, F.hardswish, F.silu, F.gelu, F.elu, F.selu, F.mish, F.dropout, F.dropout2d),
    *("relu", "relu_", "tanh", "neg", "abs", "clone", "contiguous", "detach", "float", "to", "type"),
}
# one value at a time, but f(0) is not 0
ZERO_CHANGING: set[Any] = {
    *(nn.Sigmoid, nn.Hardsigmoid, nn.Softplus, nn.LogSigmoid),
    *(torch.sigmoid, F.sigmoid, F.hardsigmoid, F.softplus, F.logsigmoid, torch.exp, "sigmoid", "sigmoid_", "exp"),
}
# windows and resizing within each channel
SPATIAL: set[Any] = {
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample, nn.ZeroPad2d),
    *(F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.interpolate, torch.max_pool2d),
}
RECTIFIERS: set[Any] = {
    *(nn.ReLU, nn.ReLU6, F.relu, F.relu6, torch.relu, torch.relu_, "relu", "relu_"),
}
NONNEGATIVE: set[Any] = RECTIFIERS | {
    *(nn.Sigmoid, nn.Hardsigmoid, nn.Softplus, torch.sigmoid, F.sigmoid, F.hardsigmoid, "sigmoid", "sigmoid_"),
    *(torch.abs, "abs", torch.exp, "exp", F.softplus),
}
SIGN_KEEPING: set[Any] = SPATIAL | {
    *(nn.Dropout, nn.Dropout2d, nn.Identity, F.dropout, torch.clone, "clone", "contiguous", "detach", "float", "to"),
}
ADDITIONS: set[Any] = {operator.add, operator.iadd, torch.add, "add", "add_"}
SUBTRACTIONS: set[Any] = {operator.sub, operator.isub, torch.sub, "sub", "sub_"}
PRODUCTS: set[Any] = {operator.mul, operator.imul, torch.mul, "mul", "mul_"}
QUOTIENTS: set[Any] = {operator.truediv, operator.itruediv, torch.div, "div", "div_"}
BINARY: set[Any] = ADDITIONS | SUBTRACTIONS | PRODUCTS | QUOTIENTS
MEANS: set[Any] = {torch.mean, "mean", torch.sum, "sum", torch.amax, "amax"}
RESHAPES: set[Any] = {
    *(nn.Flatten, torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze),
    *("flatten", "view", "reshape", "squeeze", "unsqueeze"),
}
CONCATENATIONS: set[Any] = {torch.cat, torch.concat, torch.concatenate}
_QUERY_METHODS = {"size", "dim", "numel", "ndimension"}
_QUERY_ATTRIBUTES = {"shape", "ndim", "dtype", "device"}
# products of tensors that the tile simulator has no layer for
MATRIX_PRODUCTS: set[Any] = {
    *(torch.matmul, torch.bmm, torch.mm, torch.einsum, torch.addmm, operator.matmul, F.linear, F.bilinear),
    *(F.conv1d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
    *(F.scaled_dot_product_attention, "matmul", "bmm", "mm", "addmm"),
}
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def clamps_to_nonnegative(module: Any) -> bool:
    """Return whether a module is a hard tanh from zero up (an older ReLU6)."""
    return isinstance(module, nn.Hardtanh) and bool(module.min_val == 0)


def is_shape_query(node: fx.Node) -> bool:
    """Return whether a node without a tensor result asks for a shape, or computes with shapes only."""
    if node.op == "call_method" and node.target in _QUERY_METHODS:
        return True
    if node.op == "call_function" and node.target is getattr:
        return str(node.args[1]) in _QUERY_ATTRIBUTES
    return not any(isinstance(source.meta.get("value"), torch.Size) for source in node.all_input_nodes)


def asks_channel_count(node: fx.Node) -> bool:
    """Return whether a node is `x.size(1)` or `x.shape[1]`."""
    if node.op == "call_method" and node.target == "size":
        return len(node.args) > 1 and node.args[1] in (1,)
    return node.target is operator.getitem and node.args[1] in (1,) and bool(queried_tensor(node))


def queried_tensor(node: fx.Node) -> list[fx.Node]:
    """Return the tensor whose shape a query asks for, as a list of at most one node."""
    source = node.args[0]
    if isinstance(source, fx.Node) and not isinstance(source.meta.get("value"), torch.Size):
        source = source.args[0] if source.args and is_shape_query(source) else None
    return [source] if isinstance(source, fx.Node) and isinstance(source.meta.get("value"), torch.Size) else []
