"""Networks from ONNX files: convolutions, matrix products, poolings and elementwise layers; the rest passes through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hwsim.errors import InputError
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, FCLayer, Layer, PoolLayer
from hwsim.workload.network import NETWORK_INPUT, Network, Shape
from hwsim.workload.onnx_operators import (
    CONVOLUTIONS,
    ELEMENTWISE,
    FORMAT_OF_A_CONSTANT,
    FREE,
    POOLS,
    PRODUCTS,
    WINDOW_POOLS,
)
from hwsim.workload.window import PerAxis, Window

if TYPE_CHECKING:
    import onnx


def read_onnx(path: Path, batch: int = 1) -> Network:
    """Return the network of an ONNX model at a batch of our choice.

    Raises InputError for an unreadable file, weights that are not finite, a feature map of unknown size, or an operator
    that is neither a layer nor free, naming it and its node.
    """
    return _Importer(path, batch).run()


def read_onnx_weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the weights of the convolutions and matrix products by layer name, [M, C/groups, R, S]."""
    importer = _Importer(path, 1)
    importer.run()
    return importer.weights


class _Moves(NamedTuple):
    """How a kernel moves over a plane."""

    stride: PerAxis
    padding: PerAxis
    dilation: PerAxis


def _last_two(sizes: Sequence[int]) -> PerAxis:
    """Return the figures of both axes; a 1-D operator works on a plane of one row."""
    return PerAxis(*(1, *sizes)[-2:])


class _Importer:
    """One pass over the graph's nodes, which ONNX keeps in topological order."""

    def __init__(self, path: Path, batch: int) -> None:
        self.path = path
        self.batch = batch
        self.model = _load(path)
        self.graph = self.model.graph
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self.shapes = _shapes(path, self.model)
        self.producers: dict[str, tuple[int, ...]] = {
            value.name: (NETWORK_INPUT,) for value in self.graph.input if value.name not in self.constants
        }
        self.source_constant: dict[str, str] = {name: name for name in self.constants}
        self.layers: list[Layer] = []
        self.inputs: list[tuple[int, ...]] = []
        self.weights: dict[str, np.ndarray[Any, Any]] = {}

    def run(self) -> Network:
        for tensor in self.graph.initializer:
            _check_finite(self.path, tensor)
        for place, node in enumerate(self.graph.node):
            self._node(node, node.name or f"{node.op_type}_{place}")
        # exporters call every graph alike, so the file says more
        return Network(self.path.stem, tuple(self.layers), tuple(self.inputs))

    def _node(self, node: onnx.NodeProto, name: str) -> None:
        moving = [value for value in node.input if value in self.producers]
        producers = tuple(dict.fromkeys(index for value in moving for index in self.producers[value]))
        kind = node.op_type
        if kind == "Shape":
            return  # a shape is data of the host, not of the tile
        if not moving:
            self._constant(node)
        elif kind in CONVOLUTIONS:
            self._append(node, self._convolution(node, name), producers)
        elif kind in PRODUCTS:
            self._append(node, self._product(node, name), producers)
        elif kind in POOLS:
            self._append(node, self._pool(node, name), producers)
        # x * sigmoid(x) and the like are activation functions: one feature map, read once
        elif kind in ELEMENTWISE and len({self.producers[value] for value in moving}) > 1:
            ofmap = self._plane(node.output[0], name)
            self._append(node, ElementwiseLayer(name, *ofmap, len(moving), self.batch), producers)
        elif kind in FREE | ELEMENTWISE:
            for output in node.output:
                self.producers[output] = producers
        else:
            raise InputError(
                f"'{self.path}': node '{name}' is a {kind}, which the tile cannot run; supported are"
                f" {', '.join(sorted({*CONVOLUTIONS, *PRODUCTS, *POOLS, *ELEMENTWISE}))}"
            )

    def _constant(self, node: onnx.NodeProto) -> None:
        """Follow a weight through nodes that only change its format, so that its shape and values stay known."""
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            if value is not None:
                value.name = node.output[0]
                _check_finite(self.path, value)
                self.constants[value.name] = value
                self.source_constant[value.name] = value.name
        elif node.input and node.op_type in FORMAT_OF_A_CONSTANT:
            source = self.source_constant.get(node.input[0])
            if source:
                self.source_constant[node.output[0]] = source
        elif node.op_type == "Transpose" and node.input[0] in self.source_constant:
            self._transposed(node)

    def _transposed(self, node: onnx.NodeProto) -> None:
        from onnx import numpy_helper

        value = numpy_helper.to_array(self.constants[self.source_constant[node.input[0]]], str(self.path.parent))
        turned = np.ascontiguousarray(value.transpose(_attributes(node).get("perm")))
        self.constants[node.output[0]] = numpy_helper.from_array(turned, node.output[0])
        self.source_constant[node.output[0]] = node.output[0]

    def _append(self, node: onnx.NodeProto, layer: Layer, producers: tuple[int, ...]) -> None:
        self.layers.append(layer)
        self.inputs.append(producers)
        for output in node.output:
            self.producers[output] = (len(self.layers) - 1,)

    def _weight(self, node: onnx.NodeProto, place: int, name: str) -> np.ndarray[Any, Any]:
        from onnx import numpy_helper

        source = self.source_constant.get(node.input[place]) if len(node.input) > place else None
        if source is None:
            moving = len(node.input) > place and node.input[place] in self.producers
            why = "multiplies two feature maps" if moving else "has a weight that other nodes compute"
            raise InputError(
                f"'{self.path}': node '{name}' ({node.op_type}) {why}; only stored weights run on the tile"
            )
        return numpy_helper.to_array(self.constants[source], base_dir=str(self.path.parent))

    def _convolution(self, node: onnx.NodeProto, name: str) -> ConvLayer:
        weight = self._weight(node, CONVOLUTIONS[node.op_type], name)
        if weight.ndim not in {3, 4}:
            raise InputError(
                f"'{self.path}': node '{name}' is a {weight.ndim - 2}-D convolution; 1-D and 2-D are supported"
            )
        ifmap = self._plane(node.input[0], name)
        kernel = _last_two(weight.shape[2:])
        moves = self._moves(node, name, ifmap.plane, kernel)
        self.weights[name] = weight.reshape(*weight.shape[:2], *kernel)
        return ConvLayer(
            *(name, ifmap.channels, weight.shape[0], *ifmap.plane, *kernel),
            stride=moves.stride,
            padding=moves.padding,
            dilation=moves.dilation,
            groups=_attributes(node).get("group", 1),
            batch=self.batch,
        )

    def _product(self, node: onnx.NodeProto, name: str) -> FCLayer:
        weight = self._weight(node, PRODUCTS[node.op_type], name)
        if weight.ndim != 2:
            raise InputError(f"'{self.path}': node '{name}' multiplies by a {weight.ndim}-D weight; 2-D is supported")
        if not _attributes(node).get("transB", 0):
            weight = weight.T
        out_features, in_features = weight.shape
        # a product over a sequence runs once for each of its places
        rows = math.prod(self._shape(node.output[0], name)[1:-1])
        self.weights[name] = weight.reshape(out_features, in_features, 1, 1)
        return FCLayer(name, in_features, out_features, 1, 1, 1, 1, batch=self.batch * rows)

    def _pool(self, node: onnx.NodeProto, name: str) -> PoolLayer:
        ifmap = self._plane(node.input[0], name)
        if node.op_type not in WINDOW_POOLS:
            return PoolLayer(name, *ifmap, *ifmap.plane, stride=ifmap.plane, batch=self.batch)
        settings = _attributes(node)
        kernel = _last_two(settings["kernel_shape"])
        moves = self._moves(node, name, ifmap.plane, kernel)
        ceil_mode = bool(settings.get("ceil_mode", 0))
        return PoolLayer(name, *ifmap, *kernel, moves.stride, moves.padding, ceil_mode, self.batch)

    def _moves(self, node: onnx.NodeProto, name: str, plane: PerAxis, kernel: PerAxis) -> _Moves:
        """Return how a kernel moves; padding is made symmetric where the number of positions allows it."""
        settings = _attributes(node)
        stride, dilation = (_last_two(settings.get(field, (1, 1))) for field in ("strides", "dilations"))
        made = self._plane(node.output[0], name).plane
        pads = settings.get("pads", (0,) * 4)
        before, after = (pads[:2], pads[2:]) if len(pads) == 4 else ((0, pads[0]), (0, pads[1]))
        automatic = settings.get("auto_pad", b"NOTSET") not in {b"NOTSET", b"VALID"}
        padding = []
        for axis in (0, 1):
            window = Window(plane[axis], kernel[axis], stride[axis], 0, dilation[axis])
            total = before[axis] + after[axis]
            if automatic:
                total = max((made[axis] - 1) * window.stride + window.reach - window.size, 0)
            padding.append(self._symmetric(name, window, total, ceil=settings.get("ceil_mode")))
        return _Moves(stride, PerAxis(*padding), dilation)

    def _symmetric(self, name: str, window: Window, total: int, ceil: int | None) -> int:
        """Return the padding of each side: same ofmap, same multiplications, and no words are stored for padding."""
        if total % 2 == 0:
            return total // 2
        made = window._replace(size=window.size + total).positions
        for padding in ((total + 1) // 2, total // 2):
            if ceil is None and window._replace(padding=padding).positions == made:
                return padding
        raise InputError(
            f"'{self.path}': node '{name}' pads {total} pixels over an axis, more on one side, and no symmetric padding"
            " makes the same ofmap; pad evenly"
        )

    def _shape(self, value: str, name: str) -> tuple[int, ...]:
        shape = self.shapes.get(value)
        if shape is None or any(size is None or size < 1 for size in shape[1:]):
            raise InputError(
                f"'{self.path}': the size of '{value}' at node '{name}' is not known ({shape}); export the model with"
                " fixed channels, height and width (the batch may stay dynamic)"
            )
        return (shape[0] or 1, *(size or 0 for size in shape[1:]))

    def _plane(self, value: str, name: str) -> Shape:
        shape = self._shape(value, name)
        if len(shape) > 4:
            raise InputError(
                f"'{self.path}': node '{name}' works on a {len(shape)}-D feature map; up to 4-D is supported"
            )
        if len(shape) == 3:
            return Shape(shape[1], 1, shape[2])
        return Shape(*(*shape[1:], 1, 1, 1)[:3])


def _load(path: Path) -> onnx.ModelProto:
    import onnx

    try:
        return onnx.load(str(path))
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}; expected an ONNX model") from None
    except Exception as error:  # the protobuf runtime's own DecodeError differs by version
        raise InputError(f"'{path}' is not an ONNX model ({error}); export it again") from None


def _shapes(path: Path, model: onnx.ModelProto) -> dict[str, tuple[int | None, ...]]:
    """Infer the shape of every value with a batch of one; an unknown size is None."""
    import onnx

    initializers = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name not in initializers and dims:
            # fixed batches become 1 too, so that the batch is the caller's alone
            dims[0].dim_value = 1
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise InputError(f"'{path}': the shapes of the model contradict each other: {error}") from None
    shapes: dict[str, tuple[int | None, ...]] = {}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        tensor = value.type.tensor_type
        if tensor.HasField("shape"):
            shapes[value.name] = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    return shapes


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _check_finite(path: Path, tensor: onnx.TensorProto) -> None:
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor, base_dir=str(path.parent))
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        wrong = int(values.size - np.isfinite(values).sum())
        raise InputError(f"'{path}': weight '{tensor.name}' holds {wrong} NaN or infinite values; export it again")
