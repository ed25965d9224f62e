"""The ONNX form of each kind of operation that a traced network may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from compress.deployment.onnx.activations import write_activation, write_prelu
from compress.deployment.onnx.graph import OnnxGraph, unwritable
from compress.deployment.onnx.normalization import write_normalization
from compress.network.operation import ARITHMETIC, Kind
from compress.network.window import pair, same_padding
from hwsim.errors import InputError


def write_call(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a module, function or method and return its output's name; InputError names what has no ONNX form."""
    operation = graph.operation(node)
    if operation is None or not operation.onnx or operation.kind not in WRITERS:
        raise unwritable(node, graph.title(node))
    return WRITERS[operation.kind](graph, node)


def write_weighted(graph: OnnxGraph, node: fx.Node, weight: str) -> str:
    """Write a convolution or a linear layer with the weight of that name."""
    module, source = graph.module(node), graph.source(node)
    assert isinstance(module, (nn.Conv2d, nn.Linear))
    sums = node.name if module.bias is None else f"{node.name}/sums"
    if isinstance(module, nn.Linear):
        if len(graph.shape(node)) != 2:
            raise InputError(f"export: the linear layer '{node.target}' over more than vectors has no ONNX form here")
        graph.emit("Gemm", [source, weight], sums, transB=1)
        return _add_bias(graph, node, module.bias, (-1,))
    if module.padding_mode != "zeros":
        raise InputError(f"export: '{node.target}' pads with mode '{module.padding_mode}', which has no ONNX form here")
    graph.emit(
        "Conv",
        [source, weight],
        sums,
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        pads=_pads(module),
        dilations=list(module.dilation),
        group=module.groups,
    )
    return _add_bias(graph, node, module.bias, (-1, 1, 1))


def _add_bias(graph: OnnxGraph, node: fx.Node, bias: torch.Tensor | None, shape: tuple[int, ...]) -> str:
    """Add a bias in a node of its own.

    As an input of Conv or Gemm between DequantizeLinear nodes, onnxruntime rounds it to multiples of both scales'
    product, which at 2 bits is coarse enough to change predictions.
    """
    if bias is None:
        return node.name
    constant = graph.constant(f"{node.target}.bias", bias.detach().numpy().reshape(shape))
    return graph.emit("Add", [f"{node.name}/sums", constant], node.name)


def _plain_weighted(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a convolution or linear layer that is not quantized."""
    if node.op != "call_module":
        return _functional_convolution(graph, node)
    module = graph.module(node)
    assert isinstance(module, (nn.Conv2d, nn.Linear))
    return write_weighted(graph, node, graph.constant(f"{node.target}.weight", module.weight.detach().numpy()))


def _functional_convolution(graph: OnnxGraph, node: fx.Node) -> str:
    given = graph.settings(node)
    operands = [given.get(name) for name in ("input", "weight", "bias")]
    inputs = [graph.names[part] for part in operands if isinstance(part, fx.Node)]
    padding = given.get("padding", 0)
    if isinstance(padding, str) or len(inputs) != len([part for part in operands if part is not None]):
        raise unwritable(node, graph.title(node))
    return graph.emit(
        "Conv",
        inputs,
        node.name,
        strides=pair(given.get("stride", 1)),
        pads=pair(padding) * 2,
        dilations=pair(given.get("dilation", 1)),
        group=int(given.get("groups", 1)),
    )


def _pads(module: nn.Conv2d) -> list[int]:
    if module.padding == "valid":
        return [0, 0, 0, 0]
    if isinstance(module.padding, str):
        totals = same_padding(pair(module.kernel_size), pair(module.dilation))
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]
    return [*module.padding, *module.padding]


def _arithmetic(graph: OnnxGraph, node: fx.Node) -> str:
    operation, given = graph.operation(node), graph.settings(node)
    assert operation is not None
    more = [value for name, value in given.items() if name not in operation.arguments]
    if any(value not in (1, None) for value in more):  # a factor other than 1, a rounding mode
        raise unwritable(node, graph.title(node))
    operands = [_operand(graph, node, at, given[name]) for at, name in enumerate(operation.arguments)]
    return graph.emit(operation.onnx[0], operands, node.name)


def _operand(graph: OnnxGraph, node: fx.Node, at: int, operand: Any) -> str:
    if isinstance(operand, fx.Node):
        if operand not in graph.names:
            raise unwritable(node, "arithmetic with a shape")
        return graph.names[operand]
    return graph.constant(f"{node.name}/{at}", np.array(operand, dtype=np.float32))


def _concatenate(graph: OnnxGraph, node: fx.Node) -> str:
    given = graph.settings(node)
    return graph.emit("Concat", graph.listed(given["tensors"]), node.name, axis=int(given.get("dim", 0)))


def _transpose(graph: OnnxGraph, node: fx.Node) -> str:
    rank = len(graph.shape(node))
    given = graph.settings(node)
    if "dim0" in given:
        order = list(range(rank))
        first, second = (int(given[name]) % rank for name in ("dim0", "dim1"))
        order[first], order[second] = second, first
    else:
        # a method takes dimensions one by one too, which no name can be given to
        dims: Any = given["dims"] if isinstance(given.get("dims"), (tuple, list)) else node.args[1:]
        order = [int(dim) % rank for dim in dims]
    return graph.emit("Transpose", [graph.source(node)], node.name, perm=order)


def _pool(graph: OnnxGraph, node: fx.Node) -> str:
    operation, given = graph.operation(node), graph.settings(node)
    assert operation is not None
    if given.get("divisor_override") is not None or given.get("return_indices"):
        raise unwritable(node, "pooling with a divisor of its own or indices")
    (kind,) = operation.onnx
    kernel = pair(given["kernel_size"])
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": pair(given.get("stride") or kernel),
        "pads": pair(given.get("padding", 0)) * 2,
        "ceil_mode": int(bool(given.get("ceil_mode", False))),
    }
    if kind == "MaxPool":
        attributes["dilations"] = pair(given.get("dilation", 1))
    else:
        attributes["count_include_pad"] = int(bool(given.get("count_include_pad", True)))
    return graph.emit(kind, [graph.source(node)], node.name, **attributes)


def _adaptive_pool(graph: OnnxGraph, node: fx.Node) -> str:
    operation = graph.operation(node)
    assert operation is not None
    assert isinstance(node.args[0], fx.Node)
    before, after = graph.shape(node.args[0])[2:], graph.shape(node)[2:]
    (kind,) = operation.onnx
    if after == (1, 1):
        return graph.emit(f"Global{kind}", [graph.source(node)], node.name)
    if any(size % steps for size, steps in zip(before, after, strict=True)):
        raise unwritable(node, f"adaptive pooling from {before} to {after}")
    window = [size // steps for size, steps in zip(before, after, strict=True)]
    return graph.emit(kind, [graph.source(node)], node.name, kernel_shape=window, strides=window)


def _pad(graph: OnnxGraph, node: fx.Node) -> str:
    given = graph.settings(node)
    if given.get("mode", "constant") != "constant":
        raise unwritable(node, graph.title(node))
    pads = list(given["padding" if node.op == "call_module" else "pad"])
    rank = len(graph.shape(node))
    begin, end = [0] * rank, [0] * rank
    for axis in range(len(pads) // 2):
        begin[rank - 1 - axis], end[rank - 1 - axis] = pads[2 * axis], pads[2 * axis + 1]
    inputs = [
        graph.source(node),
        graph.constant(f"{node.name}/pads", np.array([*begin, *end], dtype=np.int64)),
        graph.constant(f"{node.name}/value", np.array(float(given.get("value") or 0.0), dtype=np.float32)),
    ]
    return graph.emit("Pad", inputs, node.name)


def _reshape(graph: OnnxGraph, node: fx.Node) -> str:
    after = graph.shape(node)
    if after[0] != 2:  # shapes were propagated with two images
        raise unwritable(node, "a reshape of the batch")
    shape = graph.constant(f"{node.name}/shape", np.array([-1, *after[1:]], dtype=np.int64))
    return graph.emit("Reshape", [graph.source(node), shape], node.name)


def _reduce(graph: OnnxGraph, node: fx.Node) -> str:
    operation, given = graph.operation(node), graph.settings(node)
    assert operation is not None
    dims = given.get("dim")
    if dims in (None, (), []):
        raise unwritable(node, "a mean over everything")
    axes = np.array([dims] if isinstance(dims, int) else list(dims), dtype=np.int64)
    inputs = [graph.source(node), graph.constant(f"{node.name}/axes", axes)]
    return graph.emit(operation.onnx[0], inputs, node.name, keepdims=int(bool(given.get("keepdim", False))))


def _slice(graph: OnnxGraph, node: fx.Node) -> str:
    given = graph.settings(node)["index"]
    index = given if isinstance(given, tuple) else (given,)
    axes, parts = [], []
    for axis, part in enumerate(index):
        if not isinstance(part, slice) or not all(
            p is None or isinstance(p, int) for p in (part.start, part.stop, part.step)
        ):
            raise unwritable(node, "an index that is no plain slice")
        if part != slice(None):
            axes.append(axis)
            parts.append((part.start or 0, np.iinfo(np.int64).max if part.stop is None else part.stop, part.step or 1))
    if not axes:
        return graph.emit("Identity", [graph.source(node)], node.name)
    columns = [np.array(column, dtype=np.int64) for column in zip(*parts, strict=True)]
    columns.insert(2, np.array(axes, dtype=np.int64))
    inputs = [graph.constant(f"{node.name}/{k}", column) for k, column in enumerate(columns)]
    return graph.emit("Slice", [graph.source(node), *inputs], node.name)


WRITERS: dict[Kind, Callable[[OnnxGraph, fx.Node], str]] = {
    **dict.fromkeys((Kind.RECTIFIER, Kind.ACTIVATION, Kind.CLAMP, Kind.IDENTITY), write_activation),
    **dict.fromkeys((Kind.CONVOLUTION, Kind.LINEAR), _plain_weighted),
    **dict.fromkeys((Kind.BATCH_NORM, Kind.NORMALIZATION), write_normalization),
    **dict.fromkeys((Kind.RESHAPE, Kind.FLATTEN), _reshape),
    **dict.fromkeys(ARITHMETIC, _arithmetic),
    Kind.PRELU: write_prelu,
    Kind.POOL: _pool,
    Kind.ADAPTIVE_POOL: _adaptive_pool,
    Kind.PAD: _pad,
    Kind.REDUCTION: _reduce,
    Kind.CONCATENATION: _concatenate,
    Kind.INDEX: _slice,
    Kind.TRANSPOSITION: _transpose,
}
"""A writer a kind; splits, whose results are several, have theirs in `split`."""
