"""The ONNX graph while it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import fx, nn

from compress.deployment import DeployedNetwork


class OnnxGraph:
    """The ONNX graph while it grows: nodes, constants, and the name of each fx node's result."""

    def __init__(self, network: DeployedNetwork) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.names: dict[fx.Node, str] = {}

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """Add a constant once and return its name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def emit(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Return the shape of a node's tensor for a batch of two."""
        return tuple(node.meta["tensor_meta"].shape)

    def module(self, node: fx.Node) -> nn.Module:
        """Return the module that a node calls."""
        return self.network.module.get_submodule(str(node.target))
