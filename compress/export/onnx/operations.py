"""The ONNX form of each operation that a traced network may hold."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from compress.export.onnx.graph import OnnxGraph, argument, unwritable
from compress.export.onnx.normalization import NORMALIZATIONS, write_functional_group_norm, write_normalization
from compress.network import operation_kinds as ops
from compress.network.graph import pair
from hwsim.errors import InputError

_UNARY: dict[Any, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((nn.ReLU, F.relu, torch.relu, "relu", "relu_"), ("Relu", {})),
    **dict.fromkeys((nn.Sigmoid, F.sigmoid, torch.sigmoid, "sigmoid"), ("Sigmoid", {})),
    **dict.fromkeys((nn.Hardsigmoid, F.hardsigmoid), ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5})),
    **dict.fromkeys((nn.Hardswish, F.hardswish), ("HardSwish", {})),
    **dict.fromkeys((nn.Tanh, torch.tanh, "tanh"), ("Tanh", {})),
    **dict.fromkeys((nn.Softplus, F.softplus), ("Softplus", {})),
    **dict.fromkeys((nn.Mish, F.mish), ("Mish", {})),
    **dict.fromkeys((torch.abs, "abs"), ("Abs", {})),
    **dict.fromkeys((torch.neg, operator.neg, "neg"), ("Neg", {})),
    **dict.fromkeys((torch.exp, "exp"), ("Exp", {})),
}
_SAME = {
    *(nn.Dropout, nn.Dropout2d, nn.Identity, F.dropout, torch.clone),
    *("clone", "contiguous", "detach", "float"),
}
_BINARY = (
    (ops.ADDITIONS, "Add"), (ops.SUBTRACTIONS, "Sub"), (ops.PRODUCTS, "Mul"), (ops.QUOTIENTS, "Div"),
)  # fmt: skip


def write_module(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a module that is not quantized."""
    module, source = graph.module(node), graph.source(node)
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        weight = graph.constant(f"{node.target}.weight", module.weight.detach().numpy())
        return write_weighted(graph, node, weight)
    if isinstance(module, NORMALIZATIONS):
        return write_normalization(graph, node, module)
    if isinstance(module, nn.PReLU):
        slope = module.weight.detach().numpy()
        slope = slope.reshape((-1,) + (1,) * (len(graph.shape(node)) - 2))
        return graph.emit("PRelu", [source, graph.constant(f"{node.target}.weight", slope)], node.name)
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        return _pool(graph, node, isinstance(module, nn.MaxPool2d), module.__dict__)
    if isinstance(module, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)):
        return _adaptive_pool(graph, node, isinstance(module, nn.AdaptiveMaxPool2d))
    if isinstance(module, nn.ZeroPad2d):
        return _pad(graph, node, list(module.padding))
    if isinstance(module, nn.Flatten):
        return _reshape(graph, node)
    settings = {name: value for name, value in module.__dict__.items() if not name.startswith("_")}
    return _activation(graph, node, type(module), settings)


def write_function(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a function or method call."""
    target = node.target
    for members, kind in _BINARY:
        if target in members and not node.kwargs:
            return graph.emit(kind, [_operand(graph, node, at) for at in (0, 1)], node.name)
    if target in ops.CONCATENATIONS:
        return graph.emit("Concat", graph.listed(node.args[0]), node.name, axis=int(argument(node, 1, "dim", 0)))
    if target in ops.RESHAPES:
        return _reshape(graph, node)
    if target in (torch.mean, "mean", torch.sum, "sum", torch.amax, "amax"):
        return _reduce(graph, node)
    if target is F.pad:
        if argument(node, 2, "mode", "constant") != "constant":
            raise unwritable(node)
        return _pad(graph, node, list(argument(node, 1, "pad", ())), float(argument(node, 3, "value", 0.0) or 0.0))
    if target is F.group_norm:
        return write_functional_group_norm(graph, node)
    if target is operator.getitem:
        return _slice(graph, node)
    if target in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d):
        return _adaptive_pool(graph, node, target is F.adaptive_max_pool2d)
    if target in (F.max_pool2d, torch.max_pool2d, F.avg_pool2d):
        names = ["kernel_size", "stride", "padding"]
        names += ["ceil_mode", "count_include_pad"] if target is F.avg_pool2d else ["dilation", "ceil_mode"]
        given = {name: argument(node, at + 1, name, None) for at, name in enumerate(names)}
        return _pool(graph, node, target is not F.avg_pool2d, {k: v for k, v in given.items() if v is not None})
    if target is F.conv2d:
        return _functional_convolution(graph, node)
    if target in (torch.permute, "permute", torch.transpose, "transpose"):
        return _permute(graph, node)
    settings = {"negative_slope": argument(node, 1, "negative_slope", 0.01)} if target is F.leaky_relu else {}
    return _activation(graph, node, target, {**settings, **node.kwargs})


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


def _functional_convolution(graph: OnnxGraph, node: fx.Node) -> str:
    inputs = [graph.names[part] for part in node.args[:3] if isinstance(part, fx.Node)]
    padding = argument(node, 4, "padding", 0)
    if isinstance(padding, str) or len(inputs) != len([part for part in node.args[:3] if part is not None]):
        raise unwritable(node)
    return graph.emit(
        "Conv",
        inputs,
        node.name,
        strides=pair(argument(node, 3, "stride", 1)),
        pads=pair(padding) * 2,
        dilations=pair(argument(node, 5, "dilation", 1)),
        group=int(argument(node, 6, "groups", 1)),
    )


def _permute(graph: OnnxGraph, node: fx.Node) -> str:
    rank = len(graph.shape(node))
    if node.target in (torch.permute, "permute"):
        dims: Any = node.args[1] if isinstance(node.args[1], (tuple, list)) else node.args[1:]
        order = [int(dim) % rank for dim in dims]
    else:
        order = list(range(rank))
        dims = node.args[1:3]
        first, second = (int(dim) % rank for dim in dims)
        order[first], order[second] = second, first
    return graph.emit("Transpose", [graph.source(node)], node.name, perm=order)


def _pads(module: nn.Conv2d) -> list[int]:
    if module.padding == "valid":
        return [0, 0, 0, 0]
    if isinstance(module.padding, str):  # "same": an odd total puts the larger half behind
        totals = [module.dilation[axis] * (module.kernel_size[axis] - 1) for axis in (0, 1)]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]
    return [*module.padding, *module.padding]


def _activation(graph: OnnxGraph, node: fx.Node, kind: Any, settings: dict[str, Any]) -> str:
    source = graph.source(node)
    if kind in _SAME:
        return graph.emit("Identity", [source], node.name)
    if kind in _UNARY:
        operation, attributes = _UNARY[kind]
        return graph.emit(operation, [source], node.name, **attributes)
    if kind in (nn.SiLU, F.silu):
        gate = graph.emit("Sigmoid", [source], f"{node.name}/gate")
        return graph.emit("Mul", [source, gate], node.name)
    if kind in (nn.LeakyReLU, F.leaky_relu):
        return graph.emit("LeakyRelu", [source], node.name, alpha=float(settings.get("negative_slope", 0.01)))
    if kind in (nn.ELU, F.elu):
        return graph.emit("Elu", [source], node.name, alpha=float(settings.get("alpha", 1.0)))
    if kind in (nn.GELU, F.gelu) and settings.get("approximate", "none") == "none":
        return _gelu(graph, node, source)
    low, high = {nn.ReLU6: (0.0, 6.0), F.relu6: (0.0, 6.0)}.get(
        kind, (settings.get("min_val"), settings.get("max_val"))
    )
    if low is not None and high is not None and kind in (nn.ReLU6, F.relu6, nn.Hardtanh):
        bounds = [graph.constant(f"clip_{value:g}", np.array(value, dtype=np.float32)) for value in (low, high)]
        return graph.emit("Clip", [source, *bounds], node.name)
    raise unwritable(node, getattr(kind, "__name__", str(kind)))


def _gelu(graph: OnnxGraph, node: fx.Node, source: str) -> str:
    half, root, one = (
        graph.constant(f"gelu_{name}", np.array(value, dtype=np.float32))
        for name, value in (("half", 0.5), ("root", 2**-0.5), ("one", 1.0))
    )
    scaled = graph.emit("Mul", [source, root], f"{node.name}/scaled")
    erf = graph.emit("Erf", [scaled], f"{node.name}/erf")
    shifted = graph.emit("Add", [erf, one], f"{node.name}/shifted")
    gated = graph.emit("Mul", [source, shifted], f"{node.name}/gated")
    return graph.emit("Mul", [gated, half], node.name)


def _pool(graph: OnnxGraph, node: fx.Node, largest: bool, settings: dict[str, Any]) -> str:
    if settings.get("divisor_override") is not None or settings.get("return_indices"):
        raise unwritable(node, "pooling with a divisor of its own or indices")
    kernel = pair(settings["kernel_size"])
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": pair(settings.get("stride") or kernel),
        "pads": pair(settings.get("padding", 0)) * 2,
        "ceil_mode": int(bool(settings.get("ceil_mode", False))),
    }
    if largest:
        attributes["dilations"] = pair(settings.get("dilation", 1))
    else:
        attributes["count_include_pad"] = int(bool(settings.get("count_include_pad", True)))
    return graph.emit("MaxPool" if largest else "AveragePool", [graph.source(node)], node.name, **attributes)


def _adaptive_pool(graph: OnnxGraph, node: fx.Node, largest: bool) -> str:
    assert isinstance(node.args[0], fx.Node)
    before, after = graph.shape(node.args[0])[2:], graph.shape(node)[2:]
    kind = "Max" if largest else "Average"
    if after == (1, 1):
        return graph.emit(f"Global{kind}Pool", [graph.source(node)], node.name)
    if any(size % steps for size, steps in zip(before, after, strict=True)):
        raise unwritable(node, f"adaptive pooling from {before} to {after}")
    window = [size // steps for size, steps in zip(before, after, strict=True)]
    return graph.emit(f"{kind}Pool", [graph.source(node)], node.name, kernel_shape=window, strides=window)


def _pad(graph: OnnxGraph, node: fx.Node, pads: list[int], value: float = 0.0) -> str:
    rank = len(graph.shape(node))
    begin, end = [0] * rank, [0] * rank
    for axis in range(len(pads) // 2):
        begin[rank - 1 - axis], end[rank - 1 - axis] = pads[2 * axis], pads[2 * axis + 1]
    inputs = [
        graph.source(node),
        graph.constant(f"{node.name}/pads", np.array([*begin, *end], dtype=np.int64)),
        graph.constant(f"{node.name}/value", np.array(value, dtype=np.float32)),
    ]
    return graph.emit("Pad", inputs, node.name)


def _reshape(graph: OnnxGraph, node: fx.Node) -> str:
    after = graph.shape(node)
    if after[0] != 2:  # shapes were propagated with two images
        raise unwritable(node, "a reshape of the batch")
    shape = graph.constant(f"{node.name}/shape", np.array([-1, *after[1:]], dtype=np.int64))
    return graph.emit("Reshape", [graph.source(node), shape], node.name)


def _reduce(graph: OnnxGraph, node: fx.Node) -> str:
    kind = {"mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax"}[
        node.target if isinstance(node.target, str) else node.target.__name__
    ]
    dims = argument(node, 1, "dim", None)
    if dims is None:
        raise unwritable(node, "a mean over everything")
    axes = np.array([dims] if isinstance(dims, int) else list(dims), dtype=np.int64)
    keep = int(bool(argument(node, 2, "keepdim", False)))
    return graph.emit(kind, [graph.source(node), graph.constant(f"{node.name}/axes", axes)], node.name, keepdims=keep)


def _slice(graph: OnnxGraph, node: fx.Node) -> str:
    index = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
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


def _operand(graph: OnnxGraph, node: fx.Node, at: int) -> str:
    operand = node.args[at]
    if isinstance(operand, fx.Node):
        if operand not in graph.names:
            raise unwritable(node, "arithmetic with a shape")
        return graph.names[operand]
    return graph.constant(f"{node.name}/{at}", np.array(operand, dtype=np.float32))
