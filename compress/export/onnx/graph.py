"""The ONNX graph while it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import fx, nn

from compress.export.deployment import DeployedNetwork
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


def argument(node: fx.Node, at: int, name: str, default: Any) -> Any:
    """Return an argument of a call by its name or its place."""
    return node.kwargs.get(name, node.args[at] if len(node.args) > at else default)


def unwritable(node: fx.Node, what: str | None = None) -> InputError:
    """Return the error of a node that has no ONNX form."""
    named = what or (node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "a call"))
    return InputError(f"export: {named} (at '{node.name}') has no ONNX form here; replace it by plain layers")
