"""What is to be known of an operation of a traced network: the words of the table in `operations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from torch import nn


class Cost(Enum):
    """How the tile is charged for an operation."""

    NOTHING = auto()  # done on the way: no feature map moves for it
    LAYER = auto()  # a convolution or a fully connected layer
    ELEMENTWISE = auto()  # two feature maps in, one out; with a number instead of the second, nothing
    POOLING = auto()  # a window slides over a feature map
    WHOLE_PLANE = auto()  # one window as large as the feature map
    REFUSED = auto()  # a product of tensors that hwsim has no layer for


class Kind(Enum):
    """What an operation does to channels: one rule of propagation, one cost and one ONNX writer a kind."""

    CONVOLUTION = auto()
    ROW_CONVOLUTION = auto()  # over one row; priced, never compressed
    LINEAR = auto()
    BATCH_NORM = auto()
    NORMALIZATION = auto()  # with statistics of the image itself
    RECTIFIER = auto()  # an activation behind which ranges are one-sided
    ACTIVATION = auto()
    CLAMP = auto()
    PRELU = auto()
    IDENTITY = auto()  # in evaluation mode
    CAST = auto()
    POOL = auto()
    ADAPTIVE_POOL = auto()
    RESIZE = auto()
    ADDITION = auto()
    SUBTRACTION = auto()
    PRODUCT = auto()
    QUOTIENT = auto()
    REDUCTION = auto()
    RESHAPE = auto()  # to sizes that the call gives
    FLATTEN = auto()  # along dimensions that the call gives
    CONCATENATION = auto()
    PAD = auto()
    INDEX = auto()
    SPLIT = auto()
    TRANSPOSITION = auto()
    MATRIX_PRODUCT = auto()
    OTHER = auto()  # channels that enter it stay as they are
    SHAPE = auto()  # asks a tensor for its shape or type; no tensor comes of it
    LAYOUT = auto()  # asks how a tensor lies in memory, which removing channels may change

    @property
    def cost(self) -> Cost:
        """How the tile is charged."""
        return _COSTS.get(self, Cost.NOTHING)


_COSTS = {
    **dict.fromkeys((Kind.CONVOLUTION, Kind.ROW_CONVOLUTION, Kind.LINEAR), Cost.LAYER),
    **dict.fromkeys((Kind.ADDITION, Kind.SUBTRACTION, Kind.PRODUCT, Kind.QUOTIENT), Cost.ELEMENTWISE),
    **dict.fromkeys((Kind.POOL, Kind.ADAPTIVE_POOL), Cost.POOLING),
    Kind.REDUCTION: Cost.WHOLE_PLANE,
    Kind.MATRIX_PRODUCT: Cost.REFUSED,
}

ARITHMETIC = (Kind.ADDITION, Kind.SUBTRACTION, Kind.PRODUCT, Kind.QUOTIENT)


class Sign(Enum):
    """What is known of the sign of a result."""

    UNKNOWN = auto()
    KEPT = auto()  # nothing below zero where nothing was
    NONNEGATIVE = auto()


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation under all the names that a program may call it by.

    `modules`: the types, each with the settings that build it anew; `functions`, `methods` (of a tensor) and
    `attributes`: the calls and look-ups. `arguments` are the names of a call's arguments in order, for calls that
    torch.fx cannot name. `zero_stays`: whether 0 becomes 0. `onnx`: the ONNX operators that it is written with, in
    order; none where it has no ONNX form here.
    """

    name: str
    kind: Kind
    modules: Mapping[type[nn.Module], tuple[str, ...]] = field(default_factory=dict)
    functions: tuple[Callable[..., Any], ...] = ()
    methods: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ("input",)
    zero_stays: bool = True
    sign: Sign = Sign.UNKNOWN
    onnx: tuple[str, ...] = ()
