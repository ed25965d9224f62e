"""From any module to layers, shapes and channel-dependency groups, derived from the traced graph alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from compress.network.calls import attribute_at, operation_of
from compress.network.channel_units import Units
from compress.network.fixed_layers import fixed_layer, has_no_price, inner_layer
from compress.network.fx_tracer import trace_module
from compress.network.graph import ChannelGroup, CompressibleLayer, FixedLayer, LayerKind, NetworkGraph, image_shape
from compress.network.operation import Kind
from compress.network.propagation import LayerUnits, Propagation, clamps_to_nonnegative
from compress.network.shape_queries import is_shape_query
from compress.network.window import Window, pair, same_padding
from hwsim.errors import InputError


def trace(model: nn.Module, example: torch.Tensor) -> NetworkGraph:
    """Trace a network in eval mode; `example` is one input, float[1, C, H, W].

    What cannot be compressed exactly (control flow on data, shared layers, layers of other kinds) is kept dense and
    named in `unsupported`. Raises InputError where nothing is left to compress, or the trace is not the model.
    """
    traced = trace_module(model, example)
    shared = _shared_modules(traced.module)
    walk = Propagation(traced.module, shared)
    walk.run()
    merged, frozen = walk.space.resolve()
    node_units = {node.name: merged[flow.units] for node, flow in walk.flows.items()}
    per_channel = {path: merged[units] for path, units in walk.per_channel.items()}
    spans = {path: LayerUnits(merged[span.in_units], merged[span.out_units]) for path, span in walk.layers.items()}
    groups, group_of = _groups(spans, per_channel, frozen)
    layers: list[CompressibleLayer] = []
    fixed: list[FixedLayer] = []
    order: list[str] = []
    unpriced: list[str] = []
    for node in traced.module.graph.nodes:
        found: CompressibleLayer | FixedLayer | None
        if node.op == "call_module" and str(node.target) in spans:
            found = _compressible(traced.module, node, spans[str(node.target)], walk, group_of)
            layers.append(found)
        else:
            found = fixed_layer(traced.module, node, node_units)
            if found is not None:
                fixed.append(found)
        if found is not None:
            order.append(found.name)
        elif has_no_price(traced.module, node):
            unpriced.append(str(node.target) if node.op == "call_module" else node.name)
        for path, inner in traced.inner:
            if node.op == "call_module" and path == node.target:
                kept = inner_layer(inner, node.name)
                if kept is None:
                    unpriced.append(inner.path)
                else:
                    fixed.append(kept)
                    order.append(kept.name)
    if not layers:
        reasons = "; ".join(f"{name}: {why}" for name, why in (traced.opaque | walk.kept).items())
        raise InputError(f"the model has no convolution or linear layer that can be compressed ({reasons or 'none'})")
    unsupported = {**{path: f"kept whole: {why}" for path, why in traced.opaque.items()}, **walk.kept}
    return NetworkGraph(
        traced.module,
        tuple(layers),
        tuple(fixed),
        groups,
        tuple(unsupported.items()),
        frozen,
        per_channel,
        node_units,
        tuple(order),
        tuple(unpriced),
    )


def _shared_modules(module: fx.GraphModule) -> set[str]:
    """Return paths of modules called more than once, or that hold a parameter another module holds too."""
    calls = Counter(str(node.target) for node in module.graph.nodes if node.op == "call_module")
    owners: dict[int, list[str]] = {}
    for path in calls:
        for parameter in module.get_submodule(path).parameters(recurse=True):
            owners.setdefault(id(parameter), []).append(path)
    for node in module.graph.nodes:
        if node.op == "get_attr":  # a functional call with the parameter of a module
            value = attribute_at(module, str(node.target))
            if id(value) in owners:
                owners[id(value)].append(str(node.target))
    tied = {path for paths in owners.values() if len(paths) > 1 for path in paths}
    return tied | {path for path, count in calls.items() if count > 1}


def _groups(
    spans: dict[str, LayerUnits], per_channel: dict[str, Units], frozen: np.ndarray[Any, np.dtype[np.bool_]]
) -> tuple[tuple[ChannelGroup, ...], dict[str, int]]:
    """Join layers that make a common removable unit; return the groups and each layer's group index."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    maker: dict[int, str] = {}
    for path, span in spans.items():
        free = np.unique(span.out_units[~frozen[span.out_units]])
        if not len(free):
            continue
        leader[path] = path
        for unit in free.tolist():
            first = maker.setdefault(unit, path)
            if first != path and find(first) != find(path):
                leader[find(path)] = find(first)
    members: dict[str, list[str]] = {}
    for path in leader:
        members.setdefault(find(path), []).append(path)
    groups = []
    for index, producers in enumerate(members.values()):
        units = np.unique(np.concatenate([spans[path].out_units for path in producers]))
        units = units[~frozen[units]]
        inside = np.zeros(len(frozen), dtype=bool)
        inside[units] = True
        consumers = tuple(path for path, span in spans.items() if inside[span.in_units].any())
        between = tuple(path for path, own in per_channel.items() if inside[own].any())
        groups.append(ChannelGroup(index, units, tuple(producers), consumers, between))
    return tuple(groups), {path: group.index for group in groups for path in group.producers}


def _compressible(
    module: fx.GraphModule, node: fx.Node, span: LayerUnits, walk: Propagation, group_of: dict[str, int]
) -> CompressibleLayer:
    path = str(node.target)
    layer = module.get_submodule(path)
    assert isinstance(layer, (nn.Conv2d, nn.Linear))
    source = node.args[0]
    assert isinstance(source, fx.Node)
    in_shape, out_shape = image_shape(source.meta["value"]), image_shape(node.meta["value"])
    bn, relu = _followers(module, node, walk.shared)
    window = Window()
    if isinstance(layer, nn.Conv2d):
        padding, in_shape = _padding(layer, in_shape)
        window = Window(pair(layer.kernel_size), pair(layer.stride), padding, pair(layer.dilation))
    return CompressibleLayer(
        name=path,
        kind=LayerKind.CONV if isinstance(layer, nn.Conv2d) else LayerKind.FC,
        node=node.name,
        weight_shape=tuple(layer.weight.shape),
        groups=getattr(layer, "groups", 1),
        has_bias=layer.bias is not None,
        window=window,
        in_shape=in_shape,
        out_shape=out_shape,
        bn=bn,
        relu=relu,
        nonnegative_input=walk.flows[source].nonnegative,
        in_units=span.in_units,
        out_units=span.out_units,
        group=group_of.get(path),
    )


def _padding(layer: nn.Conv2d, in_shape: tuple[int, int, int]) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """Return symmetric padding; an odd total ("same" with an even kernel) counts one row or column as ifmap."""
    if not isinstance(layer.padding, str):
        return pair(layer.padding), in_shape
    if layer.padding == "valid":
        return (0, 0), in_shape
    down, across = same_padding(pair(layer.kernel_size), pair(layer.dilation))
    channels, height, width = in_shape
    return (down // 2, across // 2), (channels, height + down % 2, width + across % 2)


def _followers(module: fx.GraphModule, node: fx.Node, shared: set[str]) -> tuple[str | None, bool]:
    """Return the BatchNorm that alone reads a layer's output, and whether a ReLU alone comes after."""
    bn = None
    following = _only_user(node)
    if following is not None and _kind(following, module) is Kind.BATCH_NORM and following.target not in shared:
        bn = str(following.target)
        following = _only_user(following)
    if following is None:
        return bn, False
    clamps = following.op == "call_module" and clamps_to_nonnegative(module.get_submodule(str(following.target)))
    return bn, clamps or _kind(following, module) is Kind.RECTIFIER


def _kind(node: fx.Node, module: nn.Module) -> Kind | None:
    operation = operation_of(node, module)
    return None if operation is None else operation.kind


def _only_user(node: fx.Node) -> fx.Node | None:
    users = [user for user in node.users if not is_shape_query(user)]
    return users[0] if len(users) == 1 else None
