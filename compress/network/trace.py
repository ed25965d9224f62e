"""From any module to layers, shapes and channel-dependency groups, derived from the traced graph alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from scipy.cluster.hierarchy import DisjointSet
from torch import fx, nn

from compress.network.calls import attribute_at, operation_of
from compress.network.channel_units import Units
from compress.network.fixed_layers import fixed_layer, has_no_price, inner_layer
from compress.network.fx_tracer import TracedModule, trace_module
from compress.network.graph import (
    ChannelGroup,
    CompressibleLayer,
    FixedLayer,
    KeptDense,
    LayerKind,
    Mask,
    NetworkGraph,
    Planes,
    image_shape,
)
from compress.network.operation import Kind
from compress.network.propagation import LayerUnits, Propagation, clamps_to_nonnegative
from compress.network.shape_queries import is_shape_query
from compress.network.window import Sides, Window, pair, same_padding
from hwsim.errors import InputError


def trace(model: nn.Module, example: torch.Tensor) -> NetworkGraph:
    """Trace a network in eval mode; `example` is one input, float[1, C, H, W].

    What cannot be compressed exactly (control flow on data, shared layers, layers of other kinds) is kept dense and
    named in `unsupported`. Raises InputError where nothing is left to compress, or the trace is not the model.
    """
    traced = trace_module(model, example)
    walk = Propagation(traced.module, _shared_modules(traced.module))
    walk.run()
    units, frozen = walk.space.resolve()
    node_units = {node.name: units[flow.units] for node, flow in walk.flows.items()}
    per_channel = {path: units[own] for path, own in walk.per_channel.items()}
    spans = {path: LayerUnits(units[span.in_units], units[span.out_units]) for path, span in walk.layers.items()}
    groups = _groups(spans, per_channel, frozen)
    found = _found(traced, walk, _Channels(spans, node_units, groups))
    if not found.layers:
        reasons = "; ".join(f"{name}: {why}" for name, why in (traced.opaque | walk.kept).items())
        raise InputError(f"the model has no convolution or linear layer that can be compressed ({reasons or 'none'})")
    unsupported = {**{path: f"kept whole: {why}" for path, why in traced.opaque.items()}, **walk.kept}
    return NetworkGraph(
        traced.module,
        tuple(found.layers),
        tuple(found.fixed),
        groups,
        tuple(KeptDense(name, reason) for name, reason in unsupported.items()),
        frozen,
        per_channel,
        node_units,
        tuple(found.order),
        tuple(found.unpriced),
    )


@dataclass
class _Channels:
    """The merged units of compressible modules and of nodes' tensors, and the groups that they make."""

    spans: dict[str, LayerUnits]
    nodes: dict[str, Units]
    groups: tuple[ChannelGroup, ...]


@dataclass
class _Found:
    """The layers of a network, the names of all in execution order, and what has no price."""

    layers: list[CompressibleLayer] = field(default_factory=list)
    fixed: list[FixedLayer] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)

    def add_fixed(self, layer: FixedLayer) -> None:
        self.fixed.append(layer)
        self.order.append(layer.name)


def _found(traced: TracedModule, walk: Propagation, channels: _Channels) -> _Found:
    found = _Found()
    group_of = {path: group.index for group in channels.groups for path in group.producers}
    for node in traced.module.graph.nodes:
        path = str(node.target)
        if node.op == "call_module" and path in channels.spans:
            layer = _compressible(traced.module, node, channels.spans[path], walk, group_of.get(path))
            found.layers.append(layer)
            found.order.append(layer.name)
        elif (fixed := fixed_layer(traced.module, node, channels.nodes)) is not None:
            found.add_fixed(fixed)
        elif has_no_price(traced.module, node):
            found.unpriced.append(path if node.op == "call_module" else node.name)
        for inner in traced.inner if node.op == "call_module" else ():
            if inner.within == path:
                kept = inner_layer(inner, node.name)
                if kept is None:
                    found.unpriced.append(inner.path)
                else:
                    found.add_fixed(kept)
    return found


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


def _groups(spans: dict[str, LayerUnits], per_channel: dict[str, Units], frozen: Mask) -> tuple[ChannelGroup, ...]:
    """Join layers that make a common removable unit."""
    joined = DisjointSet([path for path, span in spans.items() if not frozen[span.out_units].all()])
    maker: dict[int, str] = {}
    for path in joined:
        own = spans[path].out_units
        for unit in np.unique(own[~frozen[own]]).tolist():
            joined.merge(maker.setdefault(unit, path), path)
    members: dict[str, list[str]] = {}
    for path in joined:
        members.setdefault(joined[path], []).append(path)
    groups = []
    for index, producers in enumerate(members.values()):
        units = np.unique(np.concatenate([spans[path].out_units for path in producers]))
        units = units[~frozen[units]]
        inside = np.zeros(len(frozen), dtype=bool)
        inside[units] = True
        consumers = tuple(path for path, span in spans.items() if inside[span.in_units].any())
        between = tuple(path for path, own in per_channel.items() if inside[own].any())
        groups.append(ChannelGroup(index, units, tuple(producers), consumers, between))
    return tuple(groups)


def _compressible(
    module: fx.GraphModule, node: fx.Node, span: LayerUnits, walk: Propagation, group: int | None
) -> CompressibleLayer:
    path = str(node.target)
    layer = module.get_submodule(path)
    assert isinstance(layer, (nn.Conv2d, nn.Linear))
    source = node.args[0]
    assert isinstance(source, fx.Node)
    in_shape, out_shape = image_shape(source.meta["value"]), image_shape(node.meta["value"])
    following = _followers(module, node, walk.shared)
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
        bn=following.bn,
        relu=following.relu,
        nonnegative_input=walk.flows[source].nonnegative,
        in_units=span.in_units,
        out_units=span.out_units,
        group=group,
    )


def _padding(layer: nn.Conv2d, in_shape: Planes) -> tuple[Sides, Planes]:
    """Return symmetric padding; an odd total ("same" with an even kernel) counts one row or column as ifmap."""
    if not isinstance(layer.padding, str):
        return pair(layer.padding), in_shape
    if layer.padding == "valid":
        return (0, 0), in_shape
    down, across = same_padding(pair(layer.kernel_size), pair(layer.dilation))
    channels, height, width = in_shape
    return (down // 2, across // 2), Planes(channels, height + down % 2, width + across % 2)


class _Followers(NamedTuple):
    """The BatchNorm that alone reads a layer's output, and whether a ReLU alone comes after."""

    bn: str | None
    relu: bool


def _followers(module: fx.GraphModule, node: fx.Node, shared: set[str]) -> _Followers:
    bn = None
    following = _only_user(node)
    if following is not None and _kind(following, module) is Kind.BATCH_NORM and following.target not in shared:
        bn = str(following.target)
        following = _only_user(following)
    if following is None:
        return _Followers(bn, False)
    clamps = following.op == "call_module" and clamps_to_nonnegative(module.get_submodule(str(following.target)))
    return _Followers(bn, clamps or _kind(following, module) is Kind.RECTIFIER)


def _kind(node: fx.Node, module: nn.Module) -> Kind | None:
    operation = operation_of(node, module)
    return None if operation is None else operation.kind


def _only_user(node: fx.Node) -> fx.Node | None:
    users = [user for user in node.users if not is_shape_query(user)]
    return users[0] if len(users) == 1 else None
