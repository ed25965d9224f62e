"""The table of operations: one entry a name, the same answers however a program spells an operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compress.deployment.files import deploy_policy
from compress.deployment.onnx.model import onnx_model
from compress.deployment.onnx.operations import WRITERS
from compress.evaluation.calibration import Calibration
from compress.network.calls import FUNCTIONS, METHODS, arguments
from compress.network.graph import NetworkGraph
from compress.network.operation import Cost, Kind, Operation
from compress.network.operations import OPERATIONS
from compress.network.trace import trace
from compress.policy import Policy
from hwsim.errors import InputError

IMAGE = (3, 8, 8)


class Between(nn.Module):
    """A convolution, what a test puts between, and another convolution with a head."""

    def __init__(self, between: Callable[[Tensor], Tensor], out_channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(out_channels, 4, 1)
        self.head = nn.Linear(4, 5)
        if isinstance(between, nn.Module):
            self.between = between
        else:
            object.__setattr__(self, "between", between)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.between(self.one(x))).mean((2, 3)))


def traced(between: Callable[[Tensor], Tensor], out_channels: int = 6) -> NetworkGraph:
    return trace(Between(between, out_channels), torch.randn(1, *IMAGE))


def test_no_name_is_in_two_entries() -> None:
    for names in ("modules", "functions", "methods", "attributes"):
        counted = Counter(name for operation in OPERATIONS for name in getattr(operation, names))
        assert counted
        assert max(counted.values()) == 1, (names, counted.most_common(1))


def test_each_operation_with_an_onnx_form_has_a_writer() -> None:
    written = {operation.kind for operation in OPERATIONS if operation.onnx}
    assert written == {*WRITERS, Kind.SPLIT}  # a split's results are several: it has a writer of its own


def test_a_recipe_names_functions_as_earlier_recipes_did() -> None:
    earlier = {
        *("operator.add", "operator.iadd", "operator.sub", "operator.mul", "operator.itruediv", "operator.floordiv"),
        *("operator.neg", "operator.getitem", "torch.add", "torch.cat", "torch.concat", "torch.flatten"),
        *("torch.reshape", "torch.unsqueeze", "torch.mean", "torch.relu", "torch.tanh", "torch.sigmoid", "torch.exp"),
        *("torch.clone", "torch.matmul", "torch.transpose", "torch.permute", "torch.softmax", "torch.chunk"),
        *("torch.split", "torch.stack", "torch.amax", "torch.max_pool2d", "functional.relu", "functional.relu6"),
        *("functional.leaky_relu", "functional.hardswish", "functional.gelu", "functional.softplus"),
        *("functional.sigmoid", "functional.pad", "functional.max_pool2d", "functional.avg_pool2d"),
        *("functional.adaptive_avg_pool2d", "functional.interpolate", "functional.softmax", "functional.log_softmax"),
        *("functional.conv2d", "functional.linear", "functional.group_norm"),
    }
    assert earlier <= set(FUNCTIONS)
    assert {"add_", "view", "size", "relu_", "expand", "chunk", "softmax"} <= METHODS
    assert FUNCTIONS["functional.conv2d"] is F.conv2d
    assert len(set(FUNCTIONS.values())) == len(FUNCTIONS)


SPELLINGS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "relu": (nn.ReLU(), nn.ReLU(inplace=True), F.relu, torch.relu, lambda x: x.relu(), lambda x: x.relu_()),
    "sigmoid": (nn.Sigmoid(), torch.sigmoid, lambda x: x.sigmoid()),
    "max pooling": (
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        lambda x: F.max_pool2d(x, 3, 2, 1, 1, True),
        lambda x: F.max_pool2d(x, kernel_size=3, stride=2, padding=1, ceil_mode=True),
        lambda x: torch.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    ),
    "average pooling": (nn.AvgPool2d(2), lambda x: F.avg_pool2d(x, 2), lambda x: F.avg_pool2d(x, (2, 2), padding=0)),
    "addition": (lambda x: x + x, lambda x: torch.add(x, x), lambda x: torch.add(x, other=x), lambda x: x.add(x)),
    "pad": (
        nn.ZeroPad2d(1),
        lambda x: F.pad(x, (1, 1, 1, 1)),
        lambda x: F.pad(x, pad=(1, 1, 1, 1), mode="constant", value=0.0),
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_operation_is_the_same_however_it_is_spelled(name: str) -> None:
    def known(graph: NetworkGraph) -> tuple[object, ...]:
        two = graph.layer("two")
        prices = [(layer.in_shape, layer.out_shape, layer.window, layer.kind) for layer in graph.fixed]
        return two.in_units.tolist(), two.nonnegative_input, graph.frozen.tolist(), prices, graph.unsupported

    first, *others = (known(traced(between)) for between in SPELLINGS[name])
    assert all(other == first for other in others)
    assert not first[-1]


def test_arguments_have_names_where_torch_knows_none() -> None:
    graph = traced(lambda x: torch.cat([x.mean((2, 3), keepdim=True), x.mean(dim=(2, 3), keepdim=True)], dim=1), 12)
    given = [arguments(node, graph.module) for node in graph.module.graph.nodes if node.target == "mean"]
    assert [one["dim"] for one in given[:2]] == [(2, 3), (2, 3)]
    (joined,) = (arguments(node, graph.module) for node in graph.module.graph.nodes if node.target is torch.cat)
    assert joined["dim"] == 1


def test_a_mean_over_everything_mixes_channels() -> None:
    graph = traced(lambda x: x * torch.amax(x).reshape(1, 1, 1, 1))
    assert graph.layer("one").group is None


@pytest.mark.parametrize("between", [lambda x: torch.cumsum(x, 1), lambda x: x.roll(1, 1), nn.ChannelShuffle(2)])
def test_what_no_entry_has_stays_dense_and_no_export_writes_it(between: Callable[[Tensor], Tensor]) -> None:
    model, images = Between(between).eval(), torch.randn(4, *IMAGE)
    graph = trace(model, images[:1])
    assert len(graph.unsupported) == 1
    assert graph.layer("one").group is None
    network = deploy_policy(graph, model, Calibration(graph, model, images), Policy({}))
    with pytest.raises(InputError, match="has no ONNX form here"):
        onnx_model(network)


class OwnForward(nn.Conv2d):
    """A convolution by inheritance only."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if float(x.sum()) > 0 else x


def test_a_module_that_overrides_forward_is_not_its_base() -> None:
    graph = traced(OwnForward(6, 6, 3, padding=1))
    assert "between" not in {layer.name for layer in graph.layers}
    assert "between" in dict(graph.unsupported)
    with pytest.raises(InputError, match="'between' in the model multiplies"):
        graph.hwsim_layers()


def modules_with_an_onnx_form() -> list[tuple[Operation, nn.Module]]:
    made = []
    for operation in OPERATIONS:
        for kind in operation.modules:
            settings = {"num_parameters": 6} if kind is nn.PReLU else {}
            if operation.kind.cost is Cost.NOTHING and operation.onnx and len(operation.modules[kind]) < 2:
                made += [(operation, kind(**settings))] if kind not in (nn.ZeroPad2d, nn.Flatten) else []
    return made


@pytest.mark.parametrize(
    ("operation", "module"),
    [pytest.param(*case, id=type(case[1]).__name__) for case in modules_with_an_onnx_form()],
)
def test_an_onnx_form_has_the_operators_of_the_table_and_computes_the_same(
    operation: Operation, module: nn.Module
) -> None:
    kinds, off = exported(module)
    start = kinds.index("Conv") + 2  # the convolution and its bias
    assert kinds[start : start + len(operation.onnx)] == list(operation.onnx)
    assert off < 1e-3


@pytest.mark.parametrize(
    "between",
    [
        lambda x: F.elu(x, 0.25),
        lambda x: F.leaky_relu(x, 0.3),
        lambda x: torch.permute(x, (0, 1, 3, 2)),
        lambda x: x.permute(0, 1, 3, 2),
        lambda x: x.transpose(2, 3),
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        lambda x: F.pad(x, (1, 0, 2, 0), value=0.5),
    ],
)
def test_settings_given_by_place_reach_the_onnx_file(between: Callable[[Tensor], Tensor]) -> None:
    assert exported(between)[1] < 1e-3


@pytest.mark.parametrize(
    "between", [nn.Softplus(beta=2), lambda x: F.softplus(x, 2.0), nn.GELU("tanh"), lambda x: torch.add(x, x, alpha=2)]
)
def test_settings_without_an_onnx_form_are_refused(between: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(InputError, match="has no ONNX form here"):
        exported(between)


def exported(between: Callable[[Tensor], Tensor]) -> tuple[list[str], float]:
    """Export a network dense at 8 bits; return its ONNX operators, and how far its logits are from the module's."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model, images = Between(between).eval(), torch.randn(4, *IMAGE, generator=torch.Generator().manual_seed(1))
    graph = trace(model, images[:1])
    network = deploy_policy(graph, model, Calibration(graph, model, images), Policy({}))
    onnx = onnx_model(network)
    session = onnxruntime.InferenceSession(onnx.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": images.numpy()})
    with torch.inference_mode():
        expected = network.module(images).numpy()
    kinds = [node.op_type for node in onnx.graph.node if "QuantizeLinear" not in node.op_type]
    kinds = [kind for kind in kinds if kind != "DequantizeLinear"]
    return kinds, float(np.abs(logits - expected).max())
