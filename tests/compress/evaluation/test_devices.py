"""Sums from products of matrices, as a GPU computes them: the same bits as the CPU's convolutions.

Without a GPU the same code runs on the CPU, and tensors without
numbers check that nothing of a run lies on two devices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import compress.quantization.arithmetic as arithmetic_module
from compress.cli import main
from compress.evaluation.evaluator import Evaluator, EvaluatorSpec
from compress.evaluation.program import Program
from compress.evaluation.sites import Sites
from compress.images.accuracy import accuracy_pct
from compress.images.dataset import load_data
from compress.models.load import build_model, load_model
from compress.network.trace import trace
from compress.network.window import Window
from compress.policy import LayerPolicy
from compress.quantization.affine import Affine
from compress.quantization.arithmetic import computing_device, resolved_arithmetic
from compress.quantization.integer_layer import IntegerLayer, reference_accumulators
from compress.vocabulary import Arithmetic
from hwsim.errors import InputError
from tests.reference.unusual_networks import build

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]
CUDA = torch.device("cuda")


class OneDevice(TorchDispatchMode):
    """Refuses each operation whose tensors lie on several devices; a number alone may come from the CPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        assert len({tensor.device for tensor in tensors if tensor.dim()}) <= 1, func
        return func(*args, **(kwargs or {}))


def drawn_layer(
    seed: int, window: Window, shape: tuple[int, ...], bits: int = 8, groups: int = 1
) -> tuple[IntegerLayer, torch.Tensor]:
    """Return a layer with weight levels over the whole range, and an ifmap."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(-(2**bits) + 1, 2**bits, shape, generator=generator).float()
    gain, bias = torch.rand(shape[0], generator=generator), torch.randn(shape[0], generator=generator)
    mapping = Affine(torch.tensor(0.01), torch.tensor(100 % 2**bits, dtype=torch.int32), bits)
    extent = (9, 8) if len(shape) == 4 else ()
    ifmap = torch.randn((2, shape[1] * groups, *extent), generator=generator)
    return IntegerLayer(levels, mapping, gain, bias, window, groups), ifmap


WINDOWS = st.builds(
    Window,
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 3)),
)


GROUPS = st.sampled_from([1, 2, 4])


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), window=WINDOWS, bits=st.integers(2, 8), groups=GROUPS)
def test_products_have_the_bits_of_a_convolution(
    device: str, seed: int, window: Window, bits: int, groups: int
) -> None:
    layer, ifmap = drawn_layer(seed, window, (4, 1 + seed % 5, 3, 2), bits, groups)
    placed, there = layer.to(torch.device(device)), ifmap.to(device)
    sums = placed.product_sums(placed.ifmap.levels(there)).cpu()
    assert torch.equal(sums, reference_accumulators(layer, ifmap).float())
    assert torch.equal(placed.forward_products(there).cpu(), layer.forward_float(ifmap))


@pytest.mark.parametrize("device", DEVICES)
def test_sums_beyond_float32_are_added_in_parts(device: str) -> None:
    for shape, window in (((3, 700, 3, 3), Window(padding=(1, 1))), ((3, 5000), Window())):
        layer, ifmap = drawn_layer(1, window, shape)
        layer.weight_levels[0] = 255.0  # all of one sign: sums far above 2^24
        ifmap = ifmap.abs() * 10
        assert not layer.exact_in_float32
        sums = layer.to(torch.device(device)).product_sums(layer.ifmap.levels(ifmap).to(device)).cpu()
        expected = reference_accumulators(layer, ifmap)
        assert int(expected.abs().max()) > 2**24
        assert torch.equal(sums, expected.float())  # rounded once, at the end


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(5, 7), (5, 3, 3, 2)])
def test_an_empty_batch_is_an_empty_result(device: str, shape: tuple[int, ...]) -> None:
    layer, ifmap = drawn_layer(0, Window(), shape)
    placed = layer.to(torch.device(device))
    assert placed.forward_products(ifmap[:0].to(device)).shape == layer.forward_float(ifmap)[:0].shape


@pytest.mark.parametrize("device", DEVICES)
def test_an_episode_has_the_accuracies_of_the_cpu(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    images, labels = data.validation
    plain, there = (EvaluatorSpec(arithmetic=Arithmetic.FLOAT32, device=name) for name in ("cpu", device))
    calm = Evaluator(graph, model, images, labels, data.calibration, spec=plain)
    monkeypatch.setattr(arithmetic_module, "has_exact_convolution", lambda _device: False)
    ours = Evaluator(graph, model, images, labels, data.calibration, spec=there)
    for index, layer in enumerate(graph.layers):
        policy = LayerPolicy("level" if index % 2 else "l1_ranked", 0.3, 8 - index % 5)
        ours.apply(index, policy)
        calm.apply(index, policy)
        assert ours.accuracy_pct() == calm.accuracy_pct(), layer.name
        test = data.test
        right = [accuracy_pct(one.logits(test.images), test.labels) for one in (ours, calm)]
        assert right[0] == right[1]
    if device == "cpu":
        assert torch.equal(ours.logits(), calm.logits())


@pytest.mark.parametrize("name", ["resnet20-cifar", "mobilenet_v2-cifar", "SqueezeExcite", "DenseBlock", "Grouped"])
def test_nothing_of_a_run_lies_on_two_devices(name: str) -> None:
    """Run on the device "meta", whose tensors hold no numbers: wherever it meets the CPU, a GPU would too."""
    torch.manual_seed(0)
    model = build_model(name).eval() if name.endswith("cifar") else build(name)
    images = torch.randn(2, 3, 32, 32) if name.endswith("cifar") else torch.randn(2, 3, 8, 8)
    graph = trace(model, images[:1])
    evaluator = Evaluator(graph, model, images, torch.zeros(2, dtype=torch.int64), images)
    ahead, evaluator.device = torch.empty(images.shape, device="meta"), torch.device("meta")
    step = evaluator.program.input_step
    with torch.no_grad(), OneDevice():
        evaluator.arithmetic, evaluator.program = Arithmetic.FLOAT32, Program(graph, model, evaluator.device)
        evaluator._signatures.clear()
        evaluator.sites = Sites(graph, model, evaluator.calibration, evaluator.device)
        evaluator._refresh()
        logits, _ = evaluator.program.run({step: ahead}, 0)
        evaluator.program.sites[graph.layers[0].name] = evaluator.integer_layer(0).forward_products  # left on the CPU
        with pytest.raises(AssertionError):
            evaluator.program.run({step: ahead}, 0)
    assert logits.device.type == "meta"
    assert logits.shape == evaluator.model(images).shape


def test_a_machine_without_a_gpu_says_so(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    message = "--device cuda: PyTorch finds no CUDA device here; use --device cpu"
    with pytest.raises(InputError, match=message):
        computing_device("cuda")
    (tmp_path / "policy.json").write_text('{"model": "digits-cnn", "data": "digits", "layers": {}}')
    search = ["search", "--model", "digits-cnn", "--data", "digits", "--out", str(tmp_path / "run")]
    for command in (search, ["evaluate", "--policy", str(tmp_path / "policy.json")]):
        result = CliRunner().invoke(main, [*command, "--device", "cuda"])
        assert result.exit_code == 2
        assert message in result.output
        assert "Traceback" not in result.output
    assert not (tmp_path / "run").exists()


def test_int8_is_the_cpus() -> None:
    with pytest.raises(InputError, match="with --device cuda use auto, fp32 or bf16"):
        resolved_arithmetic(Arithmetic.INT8, CUDA)
    assert resolved_arithmetic(Arithmetic.AUTO, CUDA) is Arithmetic.FLOAT32
    assert resolved_arithmetic(Arithmetic.BFLOAT16, CUDA) is Arithmetic.BFLOAT16
