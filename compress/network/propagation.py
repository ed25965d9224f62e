"""The walk over a traced graph that gives each tensor its channel units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import fx, nn

from compress.network.calls import arguments, operation_of
from compress.network.channel_units import Flow, Units, UnitSpace
from compress.network.operation import ARITHMETIC, Kind, Operation, Sign
from compress.network.shape_queries import asks_channel_count, is_shape_query, is_tensor, queried_tensor


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
            elif is_tensor(node):
                flow = self._flow(node)
                if flow is not None:
                    self.flows[node] = flow
            elif not is_shape_query(node):
                # several results, or numbers read from data
                if any(source in self.flows for source in node.all_input_nodes) and node.op != "placeholder":
                    self._name_kept(node, f"channels through {_title(node)} stay as they are")
                self._freeze(node.all_input_nodes)
            elif asks_channel_count(node) and not all(self._reshapes(user) for user in node.users):
                self._freeze(queried_tensor(node))  # arithmetic on a channel count would change with it

    def _reshapes(self, node: fx.Node) -> bool:
        operation = operation_of(node, self.module)
        return operation is not None and operation.kind in (Kind.RESHAPE, Kind.FLATTEN)

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
        operation, first = operation_of(node, self.module), self._first(node)
        if operation is not None and operation.kind in _SEVERAL_INPUTS:
            return _SEVERAL_INPUTS[operation.kind](self, node, operation)
        if first is None:
            return self._keep(node)
        rule = Propagation._stays if operation is None else _RULES.get(operation.kind, Propagation._stays)
        return rule(self, node, first)

    def _stays(self, node: fx.Node, first: Flow) -> Flow | None:
        """Keep the channels of an operation that mixes them, or that the table does not have."""
        del first
        if node.op == "call_module":
            module = self.module.get_submodule(str(node.target))
            if any(True for _ in module.parameters()):
                return self._keep(node, f"{type(module).__name__} is kept dense")
        return self._keep(node, f"channels through {_title(node)} stay as they are")

    def _pointwise(self, node: fx.Node, first: Flow) -> Flow | None:
        """Let channels through, each value or plane by itself."""
        operation = operation_of(node, self.module)
        assert operation is not None
        nonnegative = operation.sign is Sign.NONNEGATIVE or (operation.sign is Sign.KEPT and first.nonnegative)
        return Flow(first.units, first.clean and operation.zero_stays, nonnegative)

    # -- modules -----------------------------------------------------------------------------------------------

    def _clamp(self, node: fx.Node, first: Flow) -> Flow | None:
        module = self.module.get_submodule(str(node.target))
        assert isinstance(module, nn.Hardtanh)
        if not module.min_val <= 0 <= module.max_val:
            return self._stays(node, first)
        return Flow(first.units, first.clean, clamps_to_nonnegative(module))

    def _prelu(self, node: fx.Node, first: Flow) -> Flow | None:
        module = self.module.get_submodule(str(node.target))
        assert isinstance(module, nn.PReLU)
        if module.num_parameters > 1:
            self._tie_per_channel(str(node.target), first.units)
        return Flow(first.units, first.clean)

    def _tie_per_channel(self, path: str, units: Units) -> None:
        if path in self.per_channel:
            self.space.tie(self.per_channel[path], units)
        else:
            self.per_channel[path] = units

    def _batch_norm(self, node: fx.Node, first: Flow) -> Flow | None:
        path = str(node.target)
        module = self.module.get_submodule(path)
        self._tie_per_channel(path, first.units)
        # a removed unit's affine is zeroed with its filter, which makes even a shifted zero clean again
        clean = bool(getattr(module, "affine", False)) and module.running_mean is not None
        if module.running_mean is None:
            self.space.freeze(first.units)
        return Flow(first.units, clean)

    def _weighted(self, node: fx.Node, first: Flow) -> Flow | None:
        if node.op != "call_module":  # its weight is an argument
            return self._stays(node, first)
        path = str(node.target)
        module = self.module.get_submodule(path)
        assert isinstance(module, (nn.Conv2d, nn.Linear))
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

    def _arithmetic(self, node: fx.Node, operation: Operation) -> Flow | None:
        given = arguments(node, self.module)
        operands = [given[name] for name in operation.arguments if name in given]
        tensors = [operand for operand in operands if isinstance(operand, fx.Node) and is_tensor(operand)]
        if len(tensors) < 2:
            scalar = next((operand for operand in operands if operand not in tensors), None)
            return self._with_number(node, operation, tensors, scalar)
        if operation.kind is Kind.QUOTIENT:
            return self._keep(node)
        full, narrow = self._full_and_narrow(node, tensors)
        # an operand without channels of its own must be one value for all of them
        if not full or any(_channels(operand, len(node.meta["value"])) != 1 for operand in narrow):
            return self._keep(node)
        self._freeze(narrow)
        flows = [self.flows[operand] for operand in full]
        for other in flows[1:]:
            self.space.tie(flows[0].units, other.units)
        clean = [flow.clean for flow in flows]
        sums = operation.kind in (Kind.ADDITION, Kind.SUBTRACTION)
        positive = operation.kind is not Kind.SUBTRACTION and not narrow and not node.kwargs
        nonnegative = positive and all(flow.nonnegative for flow in flows)
        return Flow(flows[0].units, (all(clean) and not narrow) if sums else any(clean), nonnegative)

    def _with_number(self, node: fx.Node, operation: Operation, tensors: list[fx.Node], scalar: Any) -> Flow | None:
        """Return the flow of one tensor and a number."""
        flow = self.flows.get(tensors[0]) if tensors else None
        if flow is None or (operation.kind is Kind.QUOTIENT and self._first(node) is not flow):
            return self._keep(node)
        positive = isinstance(scalar, (int, float)) and scalar >= 0 and operation.kind is not Kind.SUBTRACTION
        sums = operation.kind in (Kind.ADDITION, Kind.SUBTRACTION)
        return Flow(flow.units, flow.clean and not sums, flow.nonnegative and positive)

    def _full_and_narrow(self, node: fx.Node, operands: list[fx.Node]) -> tuple[list[fx.Node], list[fx.Node]]:
        """Part operands with all of the result's channels from those that are spread over them."""
        shape = node.meta["value"]
        full: list[fx.Node] = []
        narrow: list[fx.Node] = []
        for operand in operands:
            own = operand.meta["value"]
            whole = operand in self.flows and len(own) == len(shape) and own[1] == shape[1]
            (full if whole else narrow).append(operand)
        return full, narrow

    def _concatenate(self, node: fx.Node, operation: Operation) -> Flow | None:
        del operation
        given, shape = arguments(node, self.module), node.meta["value"]
        parts, dim = given.get("tensors"), given.get("dim", 0)
        if not isinstance(parts, (list, tuple)) or any(part not in self.flows for part in parts) or len(shape) < 2:
            return self._keep(node)
        flows = [self.flows[part] for part in parts]
        clean, nonnegative = all(flow.clean for flow in flows), all(flow.nonnegative for flow in flows)
        if dim % len(shape) == 1:
            return Flow(np.concatenate([flow.units for flow in flows]), clean, nonnegative)
        if dim % len(shape) == 0:
            return self._keep(node, "a concatenation along the batch")
        for other in flows[1:]:
            self.space.tie(flows[0].units, other.units)
        return Flow(flows[0].units, clean, nonnegative)

    def _pad(self, node: fx.Node, first: Flow) -> Flow | None:
        if node.op == "call_module":  # a module of the table pads planes only
            return self._pointwise(node, first)
        given = arguments(node, self.module)
        pads, mode = given.get("pad"), given.get("mode", "constant")
        if not isinstance(pads, (list, tuple)) or not all(isinstance(pad, int) for pad in pads):
            return self._keep(node)
        depth = len(node.meta["value"]) - 2  # dimensions behind the channels
        channel = tuple(pads[2 * depth : 2 * depth + 2]) or (0, 0)
        if len(pads) > 2 * depth + 2 or min(channel) < 0 or (any(channel) and mode != "constant"):
            return self._keep(node)
        zero = mode != "constant" or not given.get("value")
        units = np.concatenate([self.space.fresh(channel[0]), first.units, self.space.fresh(channel[1])])
        return Flow(units, first.clean and zero, first.nonnegative and zero)

    def _index(self, node: fx.Node, first: Flow) -> Flow | None:
        index = arguments(node, self.module)["index"]
        whole = slice(None, None, None)
        leading = list(index[:2]) if isinstance(index, tuple) else [index]
        spatial = index[2:] if isinstance(index, tuple) else ()
        if any(part != whole for part in leading) or not all(isinstance(part, (slice, int)) for part in spatial):
            return self._keep(node, "channels that are sliced stay as they are")
        return first

    def _reduce(self, node: fx.Node, first: Flow) -> Flow | None:
        dims = arguments(node, self.module).get("dim")
        rank = len(node.args[0].meta["value"])  # type: ignore[union-attr]
        listed = [dims] if isinstance(dims, int) else list(dims) if isinstance(dims, (list, tuple)) else []
        if not listed or any(not isinstance(dim, int) or dim % rank < 2 for dim in listed):
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


_SEVERAL_INPUTS: dict[Kind, Callable[[Propagation, fx.Node, Operation], Flow | None]] = {
    **dict.fromkeys(ARITHMETIC, Propagation._arithmetic),
    Kind.CONCATENATION: Propagation._concatenate,
}
"""Rules of kinds that join tensors."""

_RULES: dict[Kind, Callable[[Propagation, fx.Node, Flow], Flow | None]] = {
    **dict.fromkeys((Kind.CONVOLUTION, Kind.LINEAR), Propagation._weighted),
    **dict.fromkeys((Kind.RECTIFIER, Kind.ACTIVATION, Kind.IDENTITY, Kind.CAST), Propagation._pointwise),
    **dict.fromkeys((Kind.POOL, Kind.ADAPTIVE_POOL, Kind.RESIZE), Propagation._pointwise),
    **dict.fromkeys((Kind.RESHAPE, Kind.FLATTEN), Propagation._reshape),
    Kind.BATCH_NORM: Propagation._batch_norm,
    Kind.CLAMP: Propagation._clamp,
    Kind.PRELU: Propagation._prelu,
    Kind.PAD: Propagation._pad,
    Kind.INDEX: Propagation._index,
    Kind.REDUCTION: Propagation._reduce,
}
"""Rules of kinds that change one tensor; a kind that is in neither table keeps the channels that enter it."""


def clamps_to_nonnegative(module: nn.Module) -> bool:
    """Return whether a module is a hard tanh from zero up (an older ReLU6)."""
    return isinstance(module, nn.Hardtanh) and bool(module.min_val == 0)


def _title(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _channels(node: fx.Node, rank: int) -> int:
    """Return an operand's extent along the channels of a result with `rank` dimensions."""
    shape = node.meta["value"]
    return int(shape[1 - rank + len(shape)]) if len(shape) - rank + 1 >= 0 else 1
