"""What each ONNX operator is to the tile: a layer, free, or a change of shape. Whatever stands nowhere is refused."""

from __future__ import annotations

CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Convolutions, and the place of the weight among their inputs."""

PRODUCTS = {"Gemm": 1, "MatMul": 1, "MatMulInteger": 1, "QGemm": 3, "QLinearMatMul": 3}
"""Matrix products, and the place of the weight among their inputs."""

WINDOW_POOLS = frozenset({"AveragePool", "LpPool", "MaxPool", "QLinearAveragePool"})
GLOBAL_POOLS = frozenset({"GlobalAveragePool", "GlobalMaxPool", "QLinearGlobalAveragePool"})
REDUCTIONS = frozenset({"ReduceMax", "ReduceMean", "ReduceSum"})
POOLS = WINDOW_POOLS | GLOBAL_POOLS | REDUCTIONS

ELEMENTWISE = frozenset({"Add", "Div", "Max", "Mean", "Min", "Mul", "QLinearAdd", "QLinearMul", "Sub", "Sum"})
"""Layers where they join feature maps; folded where all but one operand is stored."""

_ACTIVATIONS = {
    *("Celu", "Clip", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "HardTanh", "LeakyRelu", "LogSoftmax"),
    *("Mish", "Neg", "PRelu", "Pow", "QLinearLeakyRelu", "QLinearSigmoid", "Relu", "Selu", "Sigmoid", "Softmax"),
    *("Softplus", "Sqrt", "Tanh", "ThresholdedRelu"),
}
_NORMALISATIONS = {"BatchNormalization", "InstanceNormalization", "LRN", "LayerNormalization"}
_FORMATS = {"Cast", "DequantizeLinear", "Dropout", "DynamicQuantizeLinear", "Identity", "QuantizeLinear"}
_RESHAPES = {
    *("Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Pad", "QLinearConcat", "Reshape", "Slice"),
    *("SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
}
FREE = frozenset(_ACTIVATIONS | _NORMALISATIONS | _FORMATS | _RESHAPES)
"""Folded into the layer before, or done while reading: they cost the tile nothing."""

FORMAT_OF_A_CONSTANT = frozenset(_FORMATS)
"""Keep a stored weight what it is, but for its number format."""
