"""The smaller network as an ONNX file: quantized layers between QuantizeLinear and DequantizeLinear nodes.

Weights are unsigned 8-bit codes with a scale and a zero point per output channel; codes of fewer bits use the lower end
of the range, and a Clip before QuantizeLinear keeps activations there. Opset 18; the batch is free.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp

from compress.deployment.deployment import DeployedNetwork, FakeQuantize
from compress.deployment.onnx.graph import OnnxGraph
from compress.deployment.onnx.normalization import attribute_tensor
from compress.deployment.onnx.operations import write_call, write_weighted
from compress.deployment.onnx.split import is_part, is_split, take_part, write_split

OPSET = 18


def onnx_model(network: DeployedNetwork, name: str = "tilejoule") -> onnx.ModelProto:
    """Return the checked ONNX model. Raises InputError naming the first operation that has no ONNX form here."""
    ShapeProp(network.module).propagate(torch.zeros(2, *network.input_shape))
    graph = OnnxGraph(network)
    result = ""
    for node in network.module.graph.nodes:
        if node.op == "placeholder":
            graph.names[node] = "input"
        elif node.op == "get_attr":
            graph.names[node] = graph.constant(node.name, attribute_tensor(graph, node).numpy())
        elif node.op == "output":
            result = graph.names[node.args[0]]
        elif is_split(graph, node):
            graph.parts[node] = write_split(graph, node)
        elif is_part(graph, node):
            take_part(graph, node)
        elif "tensor_meta" in node.meta and hasattr(node.meta["tensor_meta"], "shape"):
            graph.names[node] = _write_quantized(graph, node) if _is_quantized(graph, node) else write_call(graph, node)
    graph.emit("Identity", [result], "logits")
    classes = graph.shape(next(node for node in graph.names if graph.names[node] == result))[1:]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *network.input_shape])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", *classes])],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="tilejoule",
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _is_quantized(graph: OnnxGraph, node: fx.Node) -> bool:
    return node.op == "call_module" and (
        str(node.target) in graph.network.codes or isinstance(graph.module(node), FakeQuantize)
    )


def _write_quantized(graph: OnnxGraph, node: fx.Node) -> str:
    module = graph.module(node)
    if isinstance(module, FakeQuantize):
        return _write_rounding(graph, node, module)
    codes = graph.network.codes[str(node.target)]
    prefix = str(node.target)
    inputs = [
        graph.constant(f"{prefix}.weight_codes", codes.codes.numpy()),
        graph.constant(f"{prefix}.weight_scale", codes.scale.numpy()),
        graph.constant(f"{prefix}.weight_zero_point", codes.zero_point.numpy()),
    ]
    weight = graph.emit("DequantizeLinear", inputs, f"{prefix}.weight", axis=0)
    return write_weighted(graph, node, weight)


def _write_rounding(graph: OnnxGraph, node: fx.Node, module: FakeQuantize) -> str:
    """Write Clip (for fewer than 8 bits), QuantizeLinear, DequantizeLinear."""
    source = graph.names[node.args[0]]  # type: ignore[index]
    scale = np.float32(float(module.scale))
    zero_point = int(module.zero_point)
    if module.bits < 8:
        ends = [(0 - zero_point) * scale, (2**module.bits - 1 - zero_point) * scale]
        bounds = [
            graph.constant(f"{node.name}/{end}", np.array(value, dtype=np.float32))
            for end, value in zip(("low", "high"), ends, strict=True)
        ]
        source = graph.emit("Clip", [source, *bounds], f"{node.name}/clipped")
    parameters = [
        graph.constant(f"{node.name}/scale", np.array(scale, dtype=np.float32)),
        graph.constant(f"{node.name}/zero_point", np.array(zero_point, dtype=np.uint8)),
    ]
    quantized = graph.emit("QuantizeLinear", [source, *parameters], f"{node.name}/codes")
    return graph.emit("DequantizeLinear", [quantized, *parameters], node.name)
