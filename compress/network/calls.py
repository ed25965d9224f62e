"""The operation that a node of a traced network calls, and the arguments and settings of the call."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from compress.network.operation import Operation
from compress.network.operations import OPERATIONS

_OF_MODULE = {kind: operation for operation in OPERATIONS for kind in operation.modules}
_OF_FUNCTION = {function: operation for operation in OPERATIONS for function in operation.functions}
_OF_METHOD = {name: operation for operation in OPERATIONS for name in operation.methods}
_OF_ATTRIBUTE = {name: operation for operation in OPERATIONS for name in operation.attributes}


def attribute_at(module: nn.Module, target: str) -> Any:
    """Return what lies at a dotted path of a module: a parameter, a buffer, a sub-module."""
    found: Any = module
    for part in target.split("."):
        found = getattr(found, part)
    return found


def operation_of(node: fx.Node, root: nn.Module) -> Operation | None:
    """Return the operation of a node; None where the table has none, and for what is no call."""
    if node.op == "call_module":
        return operation_of_module(root.get_submodule(str(node.target)))
    if node.op == "call_method":
        return _OF_METHOD.get(str(node.target))
    if node.op != "call_function":
        return None
    return operation_of_attribute(str(node.args[1])) if node.target is getattr else operation_of_function(node.target)


def operation_of_module(module: nn.Module) -> Operation | None:
    """Return a module's operation: its type's, or the one of a base whose forward it runs unchanged."""
    for base in type(module).__mro__:
        if base in _OF_MODULE:
            return _OF_MODULE[base] if type(module).forward is base.forward else None
    return None


def operation_of_function(function: Any) -> Operation | None:
    """Return a function's operation."""
    return _OF_FUNCTION.get(function)


def operation_of_attribute(name: str) -> Operation | None:
    """Return the operation of looking up an attribute of a tensor."""
    return _OF_ATTRIBUTE.get(name)


def operation_of_method(name: str) -> Operation | None:
    """Return the operation of a tensor's method."""
    return _OF_METHOD.get(name)


def arguments(node: fx.Node, root: nn.Module) -> Mapping[str, Any]:
    """Return the arguments of a call by name, those with a default included where torch.fx knows it."""
    try:
        normalized = node.normalized_arguments(root, normalize_to_only_use_kwargs=True)
    except RuntimeError:  # several overloads fit
        normalized = None
    if normalized is not None:
        return dict(normalized.kwargs)
    # torch.fx names no arguments of methods, of the operators of Python, nor where overloads differ in types only
    operation = operation_of(node, root)
    names = () if operation is None else operation.arguments
    return {**dict(zip(names, node.args, strict=False)), **node.kwargs}


def settings(node: fx.Node, root: nn.Module) -> Mapping[str, Any]:
    """Return what a call is set to: the public attributes of a module, or the arguments of a function or method."""
    if node.op != "call_module":
        return arguments(node, root)
    module = root.get_submodule(str(node.target))
    return {name: value for name, value in module.__dict__.items() if not name.startswith("_")}


def _named() -> dict[str, Any]:
    """Return the table's functions by the names that their libraries give them; the first where several do."""
    found: dict[Any, str] = {}
    for title, library in (("operator", operator), ("functional", F), ("torch", torch)):
        for name, value in sorted(vars(library).items()):
            if not name.startswith("_") and callable(value) and value in _OF_FUNCTION:
                found.setdefault(value, f"{title}.{name}")
    return {name: function for function, name in found.items()}


FUNCTIONS: Mapping[str, Any] = _named()
"""The table's functions by a name that a file may hold, such as `torch.relu` or `functional.conv2d`."""

METHODS: frozenset[str] = frozenset(_OF_METHOD)
ATTRIBUTES: frozenset[str] = frozenset(_OF_ATTRIBUTE)
MODULES: Mapping[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    kind.__name__: (kind, operation.modules[kind]) for kind, operation in _OF_MODULE.items()
}
"""The table's module types by name, each with the settings that build it anew."""
