"""The ONNX graph while it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import fx, nn

from compress.deployment.deployment import DeployedNetwork
from compress.network.calls import operation_of, settings
from compress.network.operation import Operation
from hwsim.errors import InputError


class OnnxGraph:
    """The ONNX graph while it grows: nodes, constants, the names of the fx nodes' results and of their parts."""

    def __init__(self, network: DeployedNetwork) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.names: dict[fx.Node, str] = {}
        self.parts: dict[fx.Node, list[str]] = {}

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """Add a constant once and return its name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def emit(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def emit_parts(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> list[str]:
        """Add a node with several outputs and return their names."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    def source(self, node: fx.Node) -> str:
        """Return the name of a node's first input."""
        return self.names[node.args[0]]  # type: ignore[index]

    def listed(self, parts: Any) -> list[str]:
        """Return the names of a list of nodes, or of all parts of a node that was split."""
        return self.parts[parts] if isinstance(parts, fx.Node) else [self.names[part] for part in parts]

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Return the shape of a node's tensor for a batch of two."""
        return tuple(node.meta["tensor_meta"].shape)

    def module(self, node: fx.Node) -> nn.Module:
        """Return the module that a node calls."""
        return self.network.module.get_submodule(str(node.target))

    def operation(self, node: fx.Node) -> Operation | None:
        """Return the operation that a node calls, None for one that the table does not have."""
        return operation_of(node, self.network.module)

    def settings(self, node: fx.Node) -> Mapping[str, Any]:
        """Return what a call is set to, from a module's attributes or a call's arguments, by name."""
        return settings(node, self.network.module)

    def title(self, node: fx.Node) -> str:
        """Return what a node calls, for errors."""
        if node.op == "call_module":
            return type(self.module(node)).__name__
        return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def unwritable(node: fx.Node, what: str) -> InputError:
    """Return the error of a node that has no ONNX form."""
    return InputError(f"export: {what} (at '{node.name}') has no ONNX form here; replace it by plain layers")
