"""A traced network as a list of steps over batches, with the places where a run can be cut and taken up again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from compress.evaluation.folding import is_foldable
from compress.network.calls import attribute_at, operation_of
from compress.network.graph import NetworkGraph
from compress.network.operation import Kind
from compress.network.operations import OUT_OF_PLACE, RELU

Values = dict[int, Any]
"""Step number to its value, of the values that are still to be read."""


@dataclass(frozen=True)
class Step:
    """One node: what it calls, on which arguments (nodes in them as step numbers wrapped in _Value)."""

    call: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    dies: tuple[int, ...]  # values that nobody reads after this step


@dataclass(frozen=True)
class _Value:
    step: int


class Program:
    """The network's steps; layers and batch normalisations run through `sites`, which the owner may exchange.

    `sites[path]` maps a step's input tensor to its output: for each compressible layer (a batch normalisation that it
    alone feeds is folded into it) and for each other batch normalisation. `cut_of[i]` is the step of layer i: a run can
    stop before it and be taken up there. No step changes a value that a cut may hold. Runs happen on `device`, the CPU
    by default; sites must give values there. What is no site has the weights of `model`, by default those traced.
    """

    def __init__(self, graph: NetworkGraph, model: nn.Module | None = None, device: torch.device | None = None) -> None:
        self.graph = graph
        self.model = graph.module if model is None else model
        self.device = torch.device("cpu") if device is None else device
        self.sites: dict[str, Callable[[Tensor], Tensor]] = {}
        self._folded = {layer.bn for layer in graph.layers if layer.bn is not None and is_foldable(graph, layer.bn)}
        self._layers = {layer.name for layer in graph.layers}
        nodes = list(graph.module.graph.nodes)
        self._number = {node: number for number, node in enumerate(nodes)}
        last = {number: number for number in range(len(nodes))}
        for node in nodes:
            for source in node.all_input_nodes:
                last[self._number[source]] = self._number[node]
        dies: dict[int, list[int]] = {}
        for number, end in last.items():
            dies.setdefault(end, []).append(number)
        self._last = last
        self.constants: Values = {}
        self.site_paths: list[str] = []
        self.steps = [self._step(node, tuple(dies.get(number, ()))) for number, node in enumerate(nodes)]
        self.cut_of = [self._number[self._node(layer.node)] for layer in graph.layers]
        self.step_of = {path: self._site_step(path) for path in self.site_paths}
        self.input_step = next(self._number[node] for node in nodes if node.op == "placeholder")
        self.output_step = len(nodes) - 1

    def run(self, values: Values, start: int, cuts: Sequence[int] = ()) -> tuple[Tensor, dict[int, Values]]:
        """Run from step `start` on values alive there; return the output and the values alive before each cut.

        The values that come in are kept as they are.
        """
        alive = {**self.constants, **values}
        kept: dict[int, Values] = {}
        for number in range(start, self.output_step):
            if number in cuts:
                kept[number] = {key: value for key, value in alive.items() if key not in self.constants}
            step = self.steps[number]
            if number not in alive:  # the input and the constants are there already
                alive[number] = step.call(*_filled(step.args, alive), **_filled(step.kwargs, alive))
            for dead in step.dies:
                if dead not in self.constants:
                    alive.pop(dead, None)
        output = _filled(self.steps[self.output_step].args, alive)[0]
        return output, kept

    def _node(self, name: str) -> fx.Node:
        found: fx.Node = next(node for node in self._number if node.name == name)
        return found

    def _site_step(self, path: str) -> int:
        return next(
            number for node, number in self._number.items() if node.op == "call_module" and str(node.target) == path
        )

    def _step(self, node: fx.Node, dies: tuple[int, ...]) -> Step:
        number = self._number[node]
        args: Any = fx.node.map_aggregate(node.args, self._argument)
        kwargs: Any = dict(fx.node.map_aggregate(node.kwargs, self._argument))
        if node.op == "get_attr":
            constant = self._owned(attribute_at, str(node.target))
            self.constants[number] = constant.to(self.device) if isinstance(constant, Tensor) else constant
        call = self._call(node)
        if "inplace" in kwargs:
            kwargs["inplace"] = False
        return Step(call, tuple(args), kwargs, dies)

    def _argument(self, part: Any) -> Any:
        return _Value(self._number[part]) if isinstance(part, fx.Node) else part

    def _call(self, node: fx.Node) -> Callable[..., Any]:
        if node.op in ("placeholder", "get_attr", "output"):
            return _identity
        if node.op == "call_module":
            return self._module_call(node)
        if operation_of(node, self.graph.module) is RELU:
            return self._rectifier(node)
        if node.op == "call_method":
            name = str(node.target)
            # channels-last planes have no contiguous view; a trailing underscore would change a value in place
            name = "reshape" if name == "view" else name.rstrip("_") if not name.startswith("_") else name
            return lambda value, *args, **kwargs: getattr(value, name)(*args, **kwargs)
        call: Callable[..., Any] = OUT_OF_PLACE.get(node.target, node.target)
        return call

    def _module_call(self, node: fx.Node) -> Callable[..., Any]:
        path = str(node.target)
        module, operation = self._owned(nn.Module.get_submodule, path), operation_of(node, self.graph.module)
        norm = operation is not None and operation.kind is Kind.BATCH_NORM
        if path in self._layers or (path in self.graph.per_channel and norm):
            if path in self._folded:
                return _identity
            self.site_paths.append(path)
            return lambda value: self.sites[path](value)  # noqa: PLW0108 - the site of the moment, not of now
        if operation is RELU:
            return self._rectifier(node)
        if any(getattr(part, "inplace", False) for part in module.modules()):
            module = copy.deepcopy(module)
            for part in module.modules():
                if getattr(part, "inplace", False):
                    setattr(part, "inplace", False)  # noqa: B010 - no such name on nn.Module itself
        return module_on(self.device, module)

    def _owned(self, look: Callable[[nn.Module, str], Any], path: str) -> Any:
        """Return what the model has at a path; the traced module holds what tracing itself put there."""
        try:
            return look(self.model, path)
        except AttributeError:
            return look(self.graph.module, path)

    def _rectifier(self, node: fx.Node) -> Callable[..., Tensor]:
        """Return ReLU, in place where the value was made just before and nobody else reads it."""
        source = node.args[0]
        assert isinstance(source, fx.Node)
        origin = source
        while origin.op == "call_module" and str(origin.target) in self._folded:  # passes its input on
            parent = origin.args[0]
            assert isinstance(parent, fx.Node)
            origin = parent
        first, here = self._number[origin], self._number[node]
        between = list(self._number)[first + 1 : here]
        own = all(len(part.users) == 1 for part in (origin, source))
        made_here = origin.op == "call_module" and str(origin.target) in self._layers
        operation = operation_of(origin, self.graph.module)
        made_here = made_here or (operation is not None and operation.kind is Kind.ADDITION)
        cut_between = any(part.op == "call_module" and str(part.target) in self._layers for part in between)
        if own and made_here and not cut_between:
            return lambda value, **_: value.relu_()
        return lambda value, **_: value.relu()


def module_on(device: torch.device, module: nn.Module) -> nn.Module:
    """Return a module on a device; a copy where that is not the CPU, on which all modules are."""
    return module if device.type == "cpu" else copy.deepcopy(module).to(device)


def _identity(value: Any = None, *_: Any) -> Any:
    return value


def _filled(argument: Any, values: Values) -> Any:
    """Replace step numbers by their values, in tuples, lists, dicts and slices too."""
    if isinstance(argument, _Value):
        return values[argument.step]
    if isinstance(argument, (tuple, list)):
        return type(argument)(_filled(part, values) for part in argument)
    if isinstance(argument, dict):
        return {key: _filled(part, values) for key, part in argument.items()}
    if isinstance(argument, slice):
        return slice(*(_filled(part, values) for part in (argument.start, argument.stop, argument.step)))
    return argument
