"""The ONNX form of normalisations that are not folded into a layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, fx, nn

from compress.deployment.onnx.graph import OnnxGraph, unwritable
from compress.network.calls import attribute_at


def write_normalization(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a normalisation; raises InputError for one whose statistics ONNX cannot hold."""
    if node.op != "call_module":
        return _functional_group_norm(graph, node)
    module = graph.module(node)
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return _batch_norm(graph, node, module)
    if isinstance(module, nn.GroupNorm):
        given = [None if value is None else value.detach() for value in (module.weight, module.bias)]
        return _group_norm(graph, node, module.num_groups, given, module.eps)
    assert isinstance(module, nn.InstanceNorm2d)
    if module.track_running_stats:
        raise unwritable(node, "InstanceNorm2d with statistics")
    return _instance_norm(graph, node, module)


def _functional_group_norm(graph: OnnxGraph, node: fx.Node) -> str:
    """Write a call of group_norm whose weight and bias are parameters, or absent."""
    told = graph.settings(node)
    given: list[Tensor | None] = []
    for name in ("weight", "bias"):
        source = told.get(name)
        if source is None:
            given.append(None)
        elif isinstance(source, fx.Node) and source.op == "get_attr":
            given.append(attribute_tensor(graph, source))
        else:
            raise unwritable(node, graph.title(node))
    return _group_norm(graph, node, int(told.get("num_groups", 1)), given, float(told.get("eps", 1e-5)))


def attribute_tensor(graph: OnnxGraph, node: fx.Node) -> Tensor:
    """Return the tensor that a node reads from the network."""
    found = attribute_at(graph.network.module, str(node.target))
    if not isinstance(found, Tensor):
        raise unwritable(node, f"'{node.target}', which is no tensor,")
    return found.detach()


def _group_norm(graph: OnnxGraph, node: fx.Node, groups: int, given: Sequence[Tensor | None], eps: float) -> str:
    """Write groups as the channels of an instance normalisation: ONNX's own has one weight a group before opset 21."""
    shape = graph.shape(node)
    ones, zeros = (
        graph.constant(f"{node.name}/{name}", np.full(groups, value, dtype=np.float32))
        for name, value in (("ones", 1.0), ("zeros", 0.0))
    )
    grouped = graph.constant(f"{node.name}/groups", np.array([0, groups, -1], dtype=np.int64))
    back = graph.constant(f"{node.name}/shape", np.array([-1, *shape[1:]], dtype=np.int64))
    flat = graph.emit("Reshape", [graph.source(node), grouped], f"{node.name}/grouped")
    normal = graph.emit("InstanceNormalization", [flat, ones, zeros], f"{node.name}/normal", epsilon=eps)
    steps = [("Mul", given[0], "weight"), ("Add", given[1], "bias")]
    written = [step for step in steps if step[1] is not None]
    result = graph.emit("Reshape", [normal, back], f"{node.name}/back" if written else node.name)
    for index, (kind, value, name) in enumerate(written):
        assert value is not None
        constant = graph.constant(f"{node.name}/{name}", value.numpy().reshape((-1,) + (1,) * (len(shape) - 2)))
        last = index == len(written) - 1
        result = graph.emit(kind, [result, constant], node.name if last else f"{node.name}/{kind.lower()}")
    return result


def _instance_norm(graph: OnnxGraph, node: fx.Node, module: nn.InstanceNorm2d) -> str:
    count = graph.shape(node)[1]
    names = []
    for name, value, default in (("weight", module.weight, torch.ones), ("bias", module.bias, torch.zeros)):
        tensor = default(count) if value is None else value.detach()
        names.append(graph.constant(f"{node.target}.{name}", tensor.numpy()))
    return graph.emit("InstanceNormalization", [graph.source(node), *names], node.name, epsilon=module.eps)


def _batch_norm(graph: OnnxGraph, node: fx.Node, module: nn.BatchNorm1d | nn.BatchNorm2d) -> str:
    if module.running_mean is None or module.running_var is None:
        raise unwritable(node, "BatchNorm without statistics")
    count = module.num_features
    values = (
        module.weight if module.weight is not None else torch.ones(count),
        module.bias if module.bias is not None else torch.zeros(count),
        module.running_mean,
        module.running_var,
    )
    names = [
        graph.constant(f"{node.target}.{name}", value.detach().numpy())
        for name, value in zip(("weight", "bias", "mean", "variance"), values, strict=True)
    ]
    return graph.emit("BatchNormalization", [graph.source(node), *names], node.name, epsilon=module.eps)
