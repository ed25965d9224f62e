"""ONNX models: layers with their shapes and producers, everything else free or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwsim.errors import InputError
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, FCLayer, PoolLayer
from hwsim.workload.load import network
from hwsim.workload.onnx_file import read_onnx_weights


def _model(
    folder: Path,
    nodes: list[onnx.NodeProto],
    weights: dict[str, Any],
    shape: tuple[Any, ...] = ("N", 3, 16, 16),
    output: str = "y",
) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path


def _ones(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.float32)


def _residual(folder: Path, batch: Any = "N") -> Path:
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], "stem", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c1", "s", "s", "s", "s"], ["n1"], "bn"),
        node("Relu", ["n1"], ["r1"], "relu"),
        node("Conv", ["r1", "w2"], ["c2"], "depthwise", pads=[1, 1, 1, 1], group=8),
        node("Mul", ["c2", "scalar"], ["m"], "scale"),
        node("Add", ["m", "r1"], ["a"], "sum"),
        node("MaxPool", ["a"], ["p"], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Concat", ["p", "p"], ["cat"], "join", axis=1),
        node("GlobalAveragePool", ["cat"], ["g"], "gap"),
        node("Flatten", ["g"], ["f"], "flat"),
        node("Gemm", ["f", "w3", "b3"], ["y"], "fc", transB=1),
    ]
    weights = {
        "w1": _ones(8, 3, 3, 3),
        "b1": _ones(8),
        "s": _ones(8),
        "w2": _ones(8, 1, 3, 3),
        "scalar": _ones(),
        "w3": np.arange(160, dtype=np.float32).reshape(10, 16),
        "b3": _ones(10),
    }
    return _model(folder, nodes, weights, (batch, 3, 16, 16))


@pytest.mark.parametrize("fixed", ["N", 1, 7])
def test_a_residual_network(tmp_path: Path, fixed: Any) -> None:
    net = network(_residual(tmp_path, fixed), batch=2)
    assert net.name == "model"
    assert net.layers == (
        ConvLayer("stem", 3, 8, 16, 16, 3, 3, (1, 1), (1, 1), (1, 1), batch=2),
        ConvLayer("depthwise", 8, 8, 16, 16, 3, 3, (1, 1), (1, 1), (1, 1), groups=8, batch=2),
        ElementwiseLayer("sum", 8, 16, 16, batch=2),
        PoolLayer("pool", 8, 16, 16, 3, 3, (2, 2), (1, 1), batch=2),
        PoolLayer("gap", 16, 8, 8, 8, 8, (8, 8), batch=2),
        FCLayer("fc", 16, 10, 1, 1, 1, 1, batch=2),
    )
    assert net.inputs == ((-1,), (0,), (1, 0), (2,), (3,), (4,))


def test_activation_functions_of_one_feature_map_are_free(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv"),
        helper.make_node("Sigmoid", ["c"], ["s"]),
        helper.make_node("Mul", ["c", "s"], ["swish"], "swish"),
        helper.make_node("GlobalAveragePool", ["swish"], ["g"], "squeeze"),
        helper.make_node("Mul", ["swish", "g"], ["y"], "excite"),
    ]
    net = network(_model(tmp_path, nodes, {"w": _ones(4, 3, 1, 1)}))
    assert [layer.name for layer in net.layers] == ["conv", "squeeze", "excite"]
    assert net.inputs == ((-1,), (0,), (0, 1))


def test_stored_weights_may_be_transposed_but_not_computed(tmp_path: Path) -> None:
    weight = np.arange(48, dtype=np.float32).reshape(16, 3)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["f", "t"], ["y"], "project"),
    ]
    path = _model(tmp_path, nodes, {"w": weight})
    assert network(path).layers[-1] == FCLayer("project", 3, 16, 1, 1, 1, 1)
    assert read_onnx_weights(path)["project"][:, :, 0, 0].tolist() == weight.tolist()
    nodes[2] = helper.make_node("Mul", ["w", "w"], ["t"])
    with pytest.raises(InputError, match=r"node 'project' \(MatMul\) has a weight that other nodes compute"):
        network(_model(tmp_path, nodes, {"w": _ones(3, 16)}))


def test_weights_by_layer(tmp_path: Path) -> None:
    weights = read_onnx_weights(_residual(tmp_path))
    assert {name: weight.shape for name, weight in weights.items()} == {
        "stem": (8, 3, 3, 3),
        "depthwise": (8, 1, 3, 3),
        "fc": (10, 16, 1, 1),
    }
    assert weights["fc"][3, 5, 0, 0] == 3 * 16 + 5


def test_quantized_weights_are_followed_through_their_format(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["dw"]),
        helper.make_node("Conv", ["d", "dw"], ["y"], "conv"),
    ]
    weights = {"scale": _ones(), "zero": np.zeros((), np.int8), "w": np.full((4, 3, 1, 1), 5, np.int8)}
    path = _model(tmp_path, nodes, weights)
    assert network(path).layers == (ConvLayer("conv", 3, 4, 16, 16, 1, 1, (1, 1), (0, 0), (1, 1)),)
    assert read_onnx_weights(path)["conv"].dtype == np.int8


def test_one_dimension_and_sequences(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv1d", pads=[1, 1]),
        helper.make_node("Transpose", ["c"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "m"], ["y"], "project"),
    ]
    net = network(_model(tmp_path, nodes, {"w": _ones(6, 4, 3), "m": _ones(6, 5)}, ("N", 4, 20)), batch=3)
    assert net.layers == (
        ConvLayer("conv1d", 4, 6, 1, 20, 1, 3, (1, 1), (0, 1), (1, 1), batch=3),
        FCLayer("project", 6, 5, 1, 1, 1, 1, batch=3 * 20),
    )


@pytest.mark.parametrize(
    ("settings", "out_side"),
    [({"pads": [0, 0, 1, 1], "strides": [2, 2]}, 8), ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, 8)],
)
def test_uneven_padding_keeps_the_ofmap(tmp_path: Path, settings: dict[str, Any], out_side: int) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv", **settings)]
    (layer,) = network(_model(tmp_path, nodes, {"w": _ones(4, 3, 3, 3)})).layers
    assert isinstance(layer, ConvLayer)
    assert (layer.out_height, layer.out_width) == (out_side, out_side)
    assert layer.macs == 4 * 3 * 9 * out_side**2


def test_uneven_padding_without_an_equal_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv", pads=[0, 0, 1, 1])]
    with pytest.raises(InputError, match="node 'conv' pads 1 pixels"):
        network(_model(tmp_path, nodes, {"w": _ones(4, 3, 3, 3)}))


def test_unsupported_operator_is_named(tmp_path: Path) -> None:
    nodes = [helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up")]
    with pytest.raises(InputError, match="node 'up' is a ConvTranspose, which the tile cannot run; supported are"):
        network(_model(tmp_path, nodes, {"w": _ones(3, 4, 2, 2)}))


def test_products_of_two_feature_maps_are_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "x"], ["y"], "attention")]
    with pytest.raises(InputError, match=r"node 'attention'.* multiplies two feature maps"):
        network(_model(tmp_path, nodes, {}))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(tmp_path: Path, value: float) -> None:
    weight = _ones(4, 3, 1, 1)
    weight[2, 1] = value
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv")]
    with pytest.raises(InputError, match="weight 'w' holds 1 NaN or infinite values"):
        network(_model(tmp_path, nodes, {"w": weight}))


def test_dynamic_planes_are_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv")]
    with pytest.raises(InputError, match=r"the size of 'x' at node 'conv' is not known .* fixed channels, height"):
        network(_model(tmp_path, nodes, {"w": _ones(4, 3, 1, 1)}, ("N", 3, "H", "W")))


def test_models_without_a_layer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no layer that computes"):
        network(_model(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], {}))


def test_files_that_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"\x08\x07garbage")
    with pytest.raises(InputError, match="is not an ONNX model"):
        network(path)
    with pytest.raises(InputError, match="cannot read"):
        network(tmp_path / "none.onnx")
