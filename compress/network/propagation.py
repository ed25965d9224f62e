"""The walk over a traced graph that gives each tensor its channel units."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from compress.network import operation_kinds as ops
from compress.network.channel_units import Flow, Units, UnitSpace


@dataclass
class LayerUnits:
    """The units of a weighted module's input and output channels; depthwise and BatchNorm have the same twice."""

    in_units: Units
    out_units: Units


@dataclass
class Propagation:
    """Flows of all tensors, the units of the modules that removal slices, and what stays with the reason."""

    module: fx.GraphModule
    shared: set[str]  # modules that run more than once or share a parameter: kept dense
    space: UnitSpace = field(default_factory=UnitSpace)
    flows: dict[fx.Node, Flow] = field(default_factory=dict)
    layers: dict[str, LayerUnits] = field(default_factory=dict)
    per_channel: dict[str, Units] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Walk the graph once, in execution order."""
        for node in self.module.graph.nodes:
            if node.op == "output":
                self._freeze(node.all_input_nodes)
            elif _is_tensor(node):
                flow = self._flow(node)
                if flow is not None:
                    self.flows[node] = flow
            elif not ops.is_shape_query(node):
                # several results, or numbers read from data
                if any(source in self.flows for source in node.all_input_nodes) and node.op != "placeholder":
                    self._name_kept(node, f"channels through {_title(node)} stay as they are")
                self._freeze(node.all_input_nodes)
            elif ops.asks_channel_count(node) and not all(user.target in ops.RESHAPES for user in node.users):
                self._freeze(ops.queried_tensor(node))  # arithmetic on a channel count would change with it

    # -- pieces ------------------------------------------------------------------------------------------------

    def _freeze(self, nodes: Iterable[fx.Node]) -> None:
        for node in nodes:
            if node in self.flows:
                self.space.freeze(self.flows[node].units)

    def _keep(self, node: fx.Node, reason: str = "") -> Flow | None:
        """Keep all channels that enter this node, and those that leave it."""
        self._freeze(node.all_input_nodes)
        if reason:
            self._name_kept(node, reason)
        shape = node.meta["value"]
        return Flow(self.space.frozen_fresh(shape[1]), clean=False) if len(shape) > 1 else None

    def _name_kept(self, node: fx.Node, reason: str) -> None:
        self.kept[str(node.target) if node.op == "call_module" else node.name] = reason

    def _first(self, node: fx.Node) -> Flow | None:
        return self.flows.get(node.args[0]) if node.args and isinstance(node.args[0], fx.Node) else None

    def _flow(self, node: fx.Node) -> Flow | None:
        if node.op == "placeholder":
            return self._keep(node)
        if node.op == "get_attr":
            return None
        first = self._first(node)
        if node.op == "call_module":
            return self._module(node, self.module.get_submodule(str(node.target)), first)
        target = node.target
        if target in ops.CONCATENATIONS:
            return self._concatenate(node)
        if first is None and target not in ops.BINARY:
            return self._keep(node)
        if target in ops.BINARY:
            return self._binary(node)
        assert first is not None
        if target is F.pad:
            return self._pad(node, first)
        if target is operator.getitem:
            return self._index(node, first)
        if target in ops.MEANS:
            return self._mean(node, first)
        if target in ops.RESHAPES:
            return self._reshape(node, first)
        return self._elementwise(node, target, first)

    def _elementwise(self, node: fx.Node, kind: Any, first: Flow) -> Flow | None:
        nonnegative = kind in ops.NONNEGATIVE or (kind in ops.SIGN_KEEPING and first.nonnegative)
        if kind in ops.ZERO_KEEPING or kind in ops.SPATIAL:
            return Flow(first.units, first.clean, nonnegative)
        if kind in ops.ZERO_CHANGING:
            return Flow(first.units, False, nonnegative)
        return self._keep(node, f"channels through {_title(node)} stay as they are")

    # -- modules -----------------------------------------------------------------------------------------------

    def _module(self, node: fx.Node, module: nn.Module, first: Flow | None) -> Flow | None:
        path = str(node.target)
        if first is None:
            return self._keep(node)
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            return self._weighted(node, path, module, first)
        if isinstance(module, ops.BATCH_NORMS):
            return self._batch_norm(path, module, first)
        if isinstance(module, nn.PReLU):
            if module.num_parameters > 1:
                self._tie_per_channel(path, first.units)
            return Flow(first.units, first.clean)
        if isinstance(module, nn.Hardtanh) and module.min_val <= 0 <= module.max_val:
            return Flow(first.units, first.clean, ops.clamps_to_nonnegative(module))
        if isinstance(module, nn.ZeroPad2d):
            return Flow(first.units, first.clean, first.nonnegative)
        if isinstance(module, nn.Flatten):
            return self._reshape(node, first)
        if any(True for _ in module.parameters()):
            return self._keep(node, f"{type(module).__name__} is kept dense")
        return self._elementwise(node, type(module), first)

    def _tie_per_channel(self, path: str, units: Units) -> None:
        if path in self.per_channel:
            self.space.tie(self.per_channel[path], units)
        else:
            self.per_channel[path] = units

    def _batch_norm(self, path: str, module: nn.Module, first: Flow) -> Flow:
        self._tie_per_channel(path, first.units)
        # a removed unit's affine is zeroed with its filter, which makes even a shifted zero clean again
        clean = bool(getattr(module, "affine", False)) and module.running_mean is not None
        if module.running_mean is None:
            self.space.freeze(first.units)
        return Flow(first.units, clean)

    def _weighted(self, node: fx.Node, path: str, module: nn.Conv2d | nn.Linear, first: Flow) -> Flow | None:
        if path in self.shared:
            return self._keep(node, "shared between calls or modules: kept dense")
        if hasattr(module, "parametrizations") or "weight" not in module._parameters:
            return self._keep(node, "its weight is computed from other parameters: kept dense")
        if len(node.meta["value"]) != (4 if isinstance(module, nn.Conv2d) else 2):
            return self._keep(node, f"{type(module).__name__} over {len(node.meta['value'])}-D values is kept dense")
        if not first.clean:
            self.space.freeze(first.units)
        out = self._convolution_units(module, first.units)
        self.layers[path] = LayerUnits(first.units, out)
        return Flow(out)

    def _convolution_units(self, module: nn.Conv2d | nn.Linear, units: Units) -> Units:
        groups = getattr(module, "groups", 1)
        if isinstance(module, nn.Linear) or groups == 1:
            return self.space.fresh(len(module.weight))
        if groups == module.in_channels:  # depthwise: an output channel leaves with the input channel it is made of
            return units.repeat(module.out_channels // groups)
        # grouped: the same position leaves every group, so that groups stay equal
        out = self.space.fresh(module.out_channels)
        for array in (units.reshape(groups, -1), out.reshape(groups, -1)):
            for other in array[1:]:
                self.space.tie(array[0], other)
        return out

    # -- functions ---------------------------------------------------------------------------------------------

    def _binary(self, node: fx.Node) -> Flow | None:
        tensors = [arg for arg in node.args[:2] if isinstance(arg, fx.Node) and _is_tensor(arg)]
        scalars = [arg for arg in node.args[:2] if arg not in tensors]
        flows = [self.flows.get(arg) for arg in tensors]
        shape = node.meta["value"]
        additive = node.target in ops.ADDITIONS or node.target in ops.SUBTRACTIONS
        if len(tensors) == 1:
            flow = flows[0]
            if flow is None or (node.target in ops.QUOTIENTS and node.args[0] is not tensors[0]):
                return self._keep(node)
            positive = isinstance(scalars[0], (int, float)) and scalars[0] >= 0
            minus = node.target in ops.SUBTRACTIONS
            return Flow(flow.units, flow.clean and not additive, flow.nonnegative and positive and not minus)
        full = [
            flow
            for arg, flow in zip(tensors, flows, strict=True)
            if flow is not None and len(arg.meta["value"]) == len(shape) and arg.meta["value"][1] == shape[1]
        ]
        narrow = [arg for arg, flow in zip(tensors, flows, strict=True) if not any(flow is one for one in full)]
        # an operand without channels of its own must be one value for all of them
        if not full or any(_channels(arg, len(shape)) != 1 for arg in narrow) or node.target in ops.QUOTIENTS:
            return self._keep(node)
        self._freeze(narrow)
        for other in full[1:]:
            self.space.tie(full[0].units, other.units)
        clean = [flow.clean for flow in full]
        nonnegative = (
            node.target not in ops.SUBTRACTIONS
            and not narrow
            and not node.kwargs
            and all(flow.nonnegative for flow in full)
        )
        return Flow(full[0].units, (all(clean) and not narrow) if additive else any(clean), nonnegative)

    def _concatenate(self, node: fx.Node) -> Flow | None:
        parts = node.args[0]
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        shape = node.meta["value"]
        if not isinstance(parts, (list, tuple)) or any(part not in self.flows for part in parts) or len(shape) < 2:
            return self._keep(node)
        flows = [self.flows[part] for part in parts]  # type: ignore[index]
        clean, nonnegative = all(flow.clean for flow in flows), all(flow.nonnegative for flow in flows)
        if dim % len(shape) == 1:  # type: ignore[operator]
            return Flow(np.concatenate([flow.units for flow in flows]), clean, nonnegative)
        if dim % len(shape) == 0:  # type: ignore[operator]
            return self._keep(node, "a concatenation along the batch")
        for other in flows[1:]:
            self.space.tie(flows[0].units, other.units)
        return Flow(flows[0].units, clean, nonnegative)

    def _pad(self, node: fx.Node, first: Flow) -> Flow | None:
        pads = node.args[1] if len(node.args) > 1 else node.kwargs.get("pad")
        mode = node.kwargs.get("mode", node.args[2] if len(node.args) > 2 else "constant")
        value = node.kwargs.get("value", node.args[3] if len(node.args) > 3 else None)
        if not isinstance(pads, (list, tuple)) or not all(isinstance(pad, int) for pad in pads):
            return self._keep(node)
        depth = len(node.meta["value"]) - 2  # dimensions behind the channels
        channel = tuple(pads[2 * depth : 2 * depth + 2]) or (0, 0)
        if len(pads) > 2 * depth + 2 or min(channel) < 0 or (any(channel) and mode != "constant"):
            return self._keep(node)
        zero = mode != "constant" or not value
        units = np.concatenate([self.space.fresh(channel[0]), first.units, self.space.fresh(channel[1])])
        return Flow(units, first.clean and zero, first.nonnegative and zero)

    def _index(self, node: fx.Node, first: Flow) -> Flow | None:
        index = node.args[1]
        whole = slice(None, None, None)
        leading = list(index[:2]) if isinstance(index, tuple) else [index]
        spatial = index[2:] if isinstance(index, tuple) else ()
        if any(part != whole for part in leading) or not all(isinstance(part, (slice, int)) for part in spatial):
            return self._keep(node, "channels that are sliced stay as they are")
        return first

    def _mean(self, node: fx.Node, first: Flow) -> Flow | None:
        dims = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
        rank = len(node.args[0].meta["value"])  # type: ignore[union-attr]
        listed = [dims] if isinstance(dims, int) else list(dims) if isinstance(dims, (list, tuple)) else [1]
        if any(not isinstance(dim, int) or dim % rank < 2 for dim in listed):
            return self._keep(node, "a mean over channels")
        return first

    def _reshape(self, node: fx.Node, first: Flow) -> Flow | None:
        before = node.args[0].meta["value"]  # type: ignore[union-attr]
        after = node.meta["value"]
        if len(after) >= 2 and len(before) >= 2 and before[0] == after[0]:
            pixels = int(np.prod(before[2:], dtype=np.int64))
            if after[1] == before[1]:
                return first
            if after[1] == before[1] * pixels:
                return Flow(first.units.repeat(pixels), first.clean, first.nonnegative)
        return self._keep(node, "channels that are reshaped stay as they are")


def _title(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("value"), torch.Size)


def _channels(node: fx.Node, rank: int) -> int:
    """Return an operand's extent along the channels of a result with `rank` dimensions."""
    shape = node.meta["value"]
    return int(shape[1 - rank + len(shape)]) if len(shape) - rank + 1 >= 0 else 1
