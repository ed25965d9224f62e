"""What an operation is: the one table that tracing, propagation, pricing, evaluation and export ask.

An operation that is not here keeps all channels that it touches, and no export writes it: both name it. A new one is
one entry; where its kind is new too, a rule in `propagation` and a writer in `compress.deployment.onnx`.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from compress.network.operation import Kind, Operation, Sign

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
_CONVOLUTION_CALL = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_POOL = ("kernel_size", "stride", "padding")
_MAX_POOL = (*_POOL, "dilation", "ceil_mode")
_AVERAGE_POOL = (*_POOL, "ceil_mode", "count_include_pad", "divisor_override")
_OPERANDS = ("input", "other")
_OVER = ("input", "dim", "keepdim")


def _activation(
    name: str,
    modules: tuple[type[nn.Module], ...] | dict[type[nn.Module], tuple[str, ...]],
    functions: tuple[Any, ...] = (),
    methods: tuple[str, ...] = (),
    **more: Any,
) -> Operation:
    built = modules if isinstance(modules, dict) else dict.fromkeys(modules, ())
    return Operation(name, more.pop("kind", Kind.ACTIVATION), built, functions, methods, **more)


RELU = _activation(
    "relu", (nn.ReLU,), (F.relu, torch.relu, torch.relu_), ("relu", "relu_"),
    kind=Kind.RECTIFIER, sign=Sign.NONNEGATIVE, onnx=("Relu",),
)  # fmt: skip

_WEIGHTED = (
    Operation(
        "convolution", Kind.CONVOLUTION, {nn.Conv2d: _CONVOLUTION}, (F.conv2d,),
        arguments=_CONVOLUTION_CALL, onnx=("Conv",),
    ),
    Operation("row convolution", Kind.ROW_CONVOLUTION, {nn.Conv1d: _CONVOLUTION}),
    Operation("linear", Kind.LINEAR, {nn.Linear: ("in_features", "out_features")}, onnx=("Gemm",)),
    Operation(
        "matrix product",
        Kind.MATRIX_PRODUCT,
        functions=(
            *(torch.matmul, torch.bmm, torch.mm, torch.einsum, torch.addmm, operator.matmul, F.linear, F.bilinear),
            *(F.conv1d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
            F.scaled_dot_product_attention,
        ),
        methods=("matmul", "bmm", "mm", "addmm"),
    ),
)  # fmt: skip

_NORMALIZATIONS = (
    Operation(
        "batch norm",
        Kind.BATCH_NORM,
        dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), ("num_features", "eps", "affine")),
        onnx=("BatchNormalization",),
    ),
    Operation(
        "instance norm",
        Kind.NORMALIZATION,
        {nn.InstanceNorm2d: ("num_features", "eps", "affine")},
        onnx=("InstanceNormalization",),
    ),
    Operation(
        "group norm",
        Kind.NORMALIZATION,
        {nn.GroupNorm: ("num_groups", "num_channels", "eps", "affine")},
        (F.group_norm,),
        arguments=("input", "num_groups", "weight", "bias", "eps"),
        onnx=("Reshape", "InstanceNormalization", "Reshape", "Mul", "Add"),
    ),
)

_ACTIVATIONS = (
    RELU,
    _activation(
        "relu6", (nn.ReLU6,), (F.relu6,), kind=Kind.RECTIFIER, sign=Sign.NONNEGATIVE, onnx=("Clip",)
    ),
    Operation("hardtanh", Kind.CLAMP, {nn.Hardtanh: ("min_val", "max_val")}, onnx=("Clip",)),
    Operation("prelu", Kind.PRELU, {nn.PReLU: ("num_parameters",)}, onnx=("PRelu",)),
    _activation(
        "leaky relu", {nn.LeakyReLU: ("negative_slope",)}, (F.leaky_relu,),
        arguments=("input", "negative_slope"), onnx=("LeakyRelu",),
    ),
    _activation("hardswish", (nn.Hardswish,), (F.hardswish,), onnx=("HardSwish",)),
    _activation("silu", (nn.SiLU,), (F.silu,), onnx=("Sigmoid", "Mul")),
    _activation(
        "gelu", {nn.GELU: ("approximate",)}, (F.gelu,), onnx=("Mul", "Erf", "Add", "Mul", "Mul"),
    ),
    _activation("elu", {nn.ELU: ("alpha",)}, (F.elu,), arguments=("input", "alpha"), onnx=("Elu",)),
    _activation("selu", (nn.SELU,), (F.selu,)),
    _activation("celu", {nn.CELU: ("alpha",)}),
    _activation("tanh", (nn.Tanh,), (torch.tanh,), ("tanh",), onnx=("Tanh",)),
    _activation("mish", (nn.Mish,), (F.mish,), onnx=("Mish",)),
    _activation("softsign", (nn.Softsign,)),
    _activation("shrink", {nn.Softshrink: ("lambd",), nn.Hardshrink: ("lambd",)}),
    _activation("negative", (), (torch.neg, operator.neg), ("neg",), onnx=("Neg",)),
    _activation("magnitude", (), (torch.abs,), ("abs",), sign=Sign.NONNEGATIVE, onnx=("Abs",)),
    _activation(
        "sigmoid", (nn.Sigmoid,), (torch.sigmoid, F.sigmoid), ("sigmoid", "sigmoid_"),
        zero_stays=False, sign=Sign.NONNEGATIVE, onnx=("Sigmoid",),
    ),
    _activation(
        "hardsigmoid", (nn.Hardsigmoid,), (F.hardsigmoid,),
        zero_stays=False, sign=Sign.NONNEGATIVE, onnx=("HardSigmoid",),
    ),
    _activation(
        "softplus", {nn.Softplus: ("beta", "threshold")}, (F.softplus,),
        arguments=("input", "beta", "threshold"), zero_stays=False, sign=Sign.NONNEGATIVE, onnx=("Softplus",),
    ),
    _activation("log sigmoid", (nn.LogSigmoid,), (F.logsigmoid,), zero_stays=False),
    _activation(
        "exponential", (), (torch.exp,), ("exp",), zero_stays=False, sign=Sign.NONNEGATIVE, onnx=("Exp",)
    ),
    _activation(
        "identity", (nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.Identity), (F.dropout, F.dropout2d, torch.clone),
        ("clone", "contiguous", "detach", "float"), kind=Kind.IDENTITY, sign=Sign.KEPT, onnx=("Identity",),
    ),
    Operation("cast", Kind.CAST, methods=("to", "type"), sign=Sign.KEPT),
)  # fmt: skip

_PLANES = (
    Operation(
        "max pooling", Kind.POOL, {nn.MaxPool2d: (*_POOL, "dilation", "return_indices", "ceil_mode")},
        (F.max_pool2d, torch.max_pool2d), arguments=("input", *_MAX_POOL), sign=Sign.KEPT, onnx=("MaxPool",),
    ),
    Operation(
        "average pooling", Kind.POOL, {nn.AvgPool2d: _AVERAGE_POOL}, (F.avg_pool2d,),
        arguments=("input", *_AVERAGE_POOL), sign=Sign.KEPT, onnx=("AveragePool",),
    ),
    Operation(
        "adaptive max pooling", Kind.ADAPTIVE_POOL, {nn.AdaptiveMaxPool2d: ("output_size",)},
        (F.adaptive_max_pool2d,), sign=Sign.KEPT, onnx=("MaxPool",),
    ),
    Operation(
        "adaptive average pooling", Kind.ADAPTIVE_POOL, {nn.AdaptiveAvgPool2d: ("output_size",)},
        (F.adaptive_avg_pool2d,), sign=Sign.KEPT, onnx=("AveragePool",),
    ),
    Operation(
        "resize", Kind.RESIZE, {nn.Upsample: ("size", "scale_factor", "mode", "align_corners")}, (F.interpolate,),
        sign=Sign.KEPT,
    ),
    Operation(
        "pad", Kind.PAD, {nn.ZeroPad2d: ("padding",)}, (F.pad,),
        arguments=("input", "pad", "mode", "value"), sign=Sign.KEPT, onnx=("Pad",),
    ),
    Operation(
        "mean", Kind.REDUCTION, functions=(torch.mean,), methods=("mean",), arguments=_OVER, onnx=("ReduceMean",)
    ),
    Operation("sum", Kind.REDUCTION, functions=(torch.sum,), methods=("sum",), arguments=_OVER, onnx=("ReduceSum",)),
    Operation(
        "maximum", Kind.REDUCTION, functions=(torch.amax,), methods=("amax",), arguments=_OVER, onnx=("ReduceMax",)
    ),
)  # fmt: skip

_ARITHMETIC = (
    Operation(
        "addition", Kind.ADDITION, functions=(operator.add, operator.iadd, torch.add), methods=("add", "add_"),
        arguments=_OPERANDS, onnx=("Add",),
    ),
    Operation(
        "subtraction", Kind.SUBTRACTION, functions=(operator.sub, operator.isub, torch.sub), methods=("sub", "sub_"),
        arguments=_OPERANDS, onnx=("Sub",),
    ),
    Operation(
        "product", Kind.PRODUCT, functions=(operator.mul, operator.imul, torch.mul), methods=("mul", "mul_"),
        arguments=_OPERANDS, onnx=("Mul",),
    ),
    Operation(
        "quotient", Kind.QUOTIENT, functions=(operator.truediv, operator.itruediv, torch.div),
        methods=("div", "div_"), arguments=_OPERANDS, onnx=("Div",),
    ),
)  # fmt: skip

_ARRANGEMENTS = (
    Operation(
        "reshape", Kind.RESHAPE, functions=(torch.reshape,), methods=("view", "reshape"),
        arguments=("input", "shape"), onnx=("Reshape",),
    ),
    Operation(
        "flatten", Kind.FLATTEN, {nn.Flatten: ("start_dim", "end_dim")},
        (torch.flatten, torch.squeeze, torch.unsqueeze), ("flatten", "squeeze", "unsqueeze"), onnx=("Reshape",),
    ),
    Operation(
        "concatenation", Kind.CONCATENATION, functions=(torch.cat, torch.concat, torch.concatenate),
        arguments=("tensors", "dim"), onnx=("Concat",),
    ),
    Operation("index", Kind.INDEX, functions=(operator.getitem,), arguments=("input", "index"), onnx=("Slice",)),
    Operation(
        "chunk", Kind.SPLIT, functions=(torch.chunk,), methods=("chunk",),
        arguments=("input", "chunks", "dim"), onnx=("Split",),
    ),
    Operation(
        "split", Kind.SPLIT, functions=(torch.split,), methods=("split",),
        arguments=("tensor", "split_size_or_sections", "dim"), onnx=("Split",),
    ),
    Operation(
        "permutation", Kind.TRANSPOSITION, functions=(torch.permute,), methods=("permute",),
        arguments=("input", "dims"), onnx=("Transpose",),
    ),
    Operation(
        "transposition", Kind.TRANSPOSITION, functions=(torch.transpose,), methods=("transpose",),
        arguments=("input", "dim0", "dim1"), onnx=("Transpose",),
    ),
    Operation(
        "other", Kind.OTHER, {nn.Softmax: ("dim",)},
        (torch.softmax, F.softmax, F.log_softmax, torch.stack, operator.floordiv), ("softmax", "expand"),
    ),
    Operation(
        "shape", Kind.SHAPE, methods=("size", "dim", "numel", "ndimension"),
        attributes=("shape", "ndim", "dtype", "device"), arguments=("input", "dim"),
    ),
    Operation(
        "layout", Kind.LAYOUT, methods=("stride", "is_contiguous", "is_floating_point", "get_device"),
        attributes=("is_cuda", "requires_grad", "layout"),
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    *(*_WEIGHTED, *_NORMALIZATIONS, *_ACTIVATIONS, *_PLANES, *_ARITHMETIC, *_ARRANGEMENTS),
)
"""Every operation that is known here."""

OUT_OF_PLACE: dict[Any, Any] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
}
"""Functions that change their first argument, each with the one that leaves it alone; of methods a trailing
underscore says so."""
