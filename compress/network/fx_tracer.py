"""A module's forward pass as an fx graph with the shape of every value, whatever the module's author wrote.

Shapes come from running the example while tracing, so that control flow on shapes is followed as it runs. Control flow
on data cannot be followed: the innermost module that has it stays whole, as one node, and is named.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.fx.proxy import Attribute, TraceError

from compress.network.calls import attribute_at, operation_of_attribute, operation_of_method
from compress.network.operation import Kind
from hwsim.errors import InputError


@dataclass
class InnerLayer:
    """A weighted layer that ran inside the opaque module `within`: its module and the shapes of one call."""

    within: str
    path: str
    module: nn.Module
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]


@dataclass
class TracedModule:
    """The graph, the modules that stayed whole with the reason, and the layers that ran inside those."""

    module: fx.GraphModule
    opaque: dict[str, str] = field(default_factory=dict)
    inner: list[InnerLayer] = field(default_factory=list)


class _Untraceable(Exception):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path, self.reason = path, reason


class _ValueProxy(fx.Proxy):
    """A proxy that knows the value it had in the example's run."""

    value: Any = None
    from_data: bool = False

    def __getattr__(self, name: str) -> Any:
        return _ValueAttribute(self, name)

    def __len__(self) -> int:
        return len(_plain(self))

    def __index__(self) -> int:
        return int(_plain(self).__index__())

    def __int__(self) -> int:
        return int(_plain(self))

    def __float__(self) -> float:
        return float(_plain(self))


class _ValueAttribute(Attribute):
    """`x.shape` and its like; a method until it is not called."""

    @property
    def value(self) -> Any:
        return getattr(self.root.value, self.attr)

    @property
    def from_data(self) -> bool:
        return bool(self.root.from_data) or operation_of_attribute(self.attr) is None

    def __getattr__(self, name: str) -> Any:
        return _ValueAttribute(self, name)

    def __len__(self) -> int:
        return len(_plain(self))


def _plain(proxy: Any) -> Any:
    """Return a shape-like value; TraceError for one that depends on data."""
    if isinstance(proxy.value, torch.Tensor) or proxy.from_data:
        raise TraceError("control flow depends on data")
    return proxy.value


class _ValueTracer(fx.Tracer):
    """Traces while it runs the example."""

    def __init__(self, example: torch.Tensor, opaque: set[str]) -> None:
        super().__init__()
        self.example, self.opaque = example, opaque
        self.executing: str | None = None
        self.inner: list[InnerLayer] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name in self.opaque or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _ValueProxy(node, self)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if self.executing is not None:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def to_bool(self, obj: Any) -> bool:
        return bool(_plain(obj))

    def iter(self, obj: Any) -> Iterator[Any]:
        return iter([obj[index] for index in range(len(_plain(obj)))])

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self.executing is not None:
            out = forward(*args, **kwargs)
            weighted = any(p.ndim > 1 for p in m.parameters(recurse=False))
            tensors = bool(args) and isinstance(args[0], torch.Tensor) and isinstance(out, torch.Tensor)
            if weighted and tensors and self.path_of_module(m) != self.executing:
                shapes = tuple(args[0].shape), tuple(out.shape)
                self.inner.append(InnerLayer(self.executing, self.path_of_module(m), m, *shapes))
            return out
        self._forward = forward
        try:
            return super().call_module(m, forward, args, kwargs)
        except _Untraceable:
            raise
        except Exception as error:
            raise _Untraceable(self.path_of_module(m), f"{type(error).__name__}: {error}") from error

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **named: Any) -> Any:
        proxy: Any = super().create_proxy(kind, target, args, kwargs, *rest, **named)
        if not isinstance(proxy, _ValueProxy):
            return proxy
        seen: list[Any] = []

        def value_of(argument: Any) -> Any:
            if not isinstance(argument, fx.Proxy):
                return argument
            seen.append(argument)
            return argument.value

        values = fx.node.map_aggregate(tuple(args), value_of)
        named_values = fx.node.map_aggregate(dict(kwargs), value_of)
        proxy.value = self._run(kind, target, values, named_values)
        proxy.node.meta["value"] = _describe(proxy.value)
        if not isinstance(proxy.value, torch.Tensor):
            tensors = any(isinstance(argument.value, torch.Tensor) for argument in seen)
            reads = tensors and not _reads_no_data(kind, target, values)
            proxy.from_data = reads or any(argument.from_data for argument in seen)
        return proxy

    def _attribute(self, target: str) -> Any:
        self.executing = target  # or the lookup itself would be traced
        try:
            return attribute_at(self.root, target)
        finally:
            self.executing = None

    def _run(self, kind: str, target: Any, args: Any, kwargs: Any) -> Any:
        if kind == "placeholder":
            first = not any(node.op == "placeholder" for node in list(self.graph.nodes)[:-1])
            return self.example if first else (args[0] if args else None)
        if kind == "get_attr":
            return self._attribute(target)
        if kind == "call_function":
            return target(*args, **kwargs)
        if kind == "call_method":
            return getattr(args[0], target)(*args[1:], **kwargs)
        if kind == "call_module":
            self.executing = target
            try:
                return self._forward(*args, **kwargs)
            finally:
                self.executing = None
        return None


def _reads_no_data(kind: str, target: Any, args: Any) -> bool:
    """Return whether a call learns of a tensor without reading its values."""
    if kind == "call_method":
        operation = operation_of_method(str(target))
    else:
        operation = operation_of_attribute(str(args[1])) if target is getattr else None
    return operation is not None and operation.kind in (Kind.SHAPE, Kind.LAYOUT)


def _describe(value: Any) -> Any:
    """Return a tensor's shape as a torch.Size, other values as they are (only shapes outlive the trace)."""
    if isinstance(value, torch.Tensor):
        return value.shape
    if isinstance(value, (tuple, list)):
        return [_describe(part) for part in value]
    return value if isinstance(value, (int, float, bool, str)) else None


def trace_module(model: nn.Module, example: torch.Tensor) -> TracedModule:
    """Trace a module in eval mode. Raises InputError where its own forward has control flow on data.

    `example` is float[N, ...]; the trace runs with two copies of its first image and is checked with one.
    """
    if not _takes_one_input(model):
        raise InputError(
            f"{type(model).__name__}.forward must need one tensor only; wrap it in a module that gives the rest"
        )
    model.eval()
    opaque: dict[str, str] = {}
    pair = example[:1].repeat(2, *[1] * (example.ndim - 1))
    while True:
        tracer = _ValueTracer(pair.clone(), set(opaque))
        try:
            with torch.no_grad():
                graph = tracer.trace(model)
            break
        except _Untraceable as error:
            if error.path in opaque:
                raise InputError(f"the model fails in '{error.path}': {_first_line(error.reason)}") from None
            opaque[error.path] = _first_line(error.reason)
        except (InputError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise InputError(
                f"the model's own forward cannot be traced ({type(error).__name__}: {_first_line(str(error))});"
                " move control flow on data into a sub-module, which is then kept as it is"
            ) from None
    for node in [node for node in graph.nodes if node.op == "placeholder"][1:]:
        if not node.users:
            graph.erase_node(node)
    for node in graph.nodes:
        node.type = None  # an annotation that is kept as text would keep the module from being saved
    graph._tracer_cls = None  # a saved module is traced anew when it is loaded, by torch's own tracer
    module = fx.GraphModule(tracer.root, graph)
    module.eval()
    _check(model, module, example[:1])
    return TracedModule(module, opaque, tracer.inner)


def _check(model: nn.Module, module: fx.GraphModule, example: torch.Tensor) -> None:
    """Refuse a trace that does not compute what the model computes for one image instead of two."""
    with torch.no_grad():
        expected, found = model(example.clone()), module(example.clone())
    same = isinstance(expected, torch.Tensor) and isinstance(found, torch.Tensor) and expected.shape == found.shape
    if not isinstance(expected, torch.Tensor):
        raise InputError(f"the model must return one tensor, not {type(expected).__name__}; wrap it in a module")
    if not same or not torch.allclose(expected, found, rtol=1e-4, atol=1e-5, equal_nan=True):
        raise InputError("the traced model differs from the model itself: its forward depends on the batch or on state")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def _takes_one_input(model: nn.Module) -> bool:
    """Return whether forward needs one argument only."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return len(needed) == 1
