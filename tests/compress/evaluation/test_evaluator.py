"""The fast evaluator against the plain one: the same accuracy, whatever is kept, folded or counted in integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from compress.deployment.channel_removal import remove_channels
from compress.evaluation.answers import Screen, compared
from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator, EvaluatorSpec
from compress.evaluation.masks import Compressor
from compress.evaluation.sites import Site
from compress.images.dataset import load_data
from compress.models.load import load_model
from compress.network.graph import NetworkGraph
from compress.network.trace import trace
from compress.policy import DENSE_8BIT, LayerPolicy
from compress.pruning import SEARCH_PRUNERS
from compress.quantization.integer_layer import int8_is_exact
from compress.vocabulary import Arithmetic
from hwsim.errors import InputError, RunError
from tests.reference.plain_evaluation import accuracy_pct, compressed_model, logits
from tests.reference.unusual_networks import build

ARITHMETIC = [Arithmetic.FLOAT32, pytest.param(Arithmetic.INT8, marks=pytest.mark.skipif(
    not int8_is_exact(), reason="this CPU or PyTorch has no exact int8 convolution (needs VNNI)"))]  # fmt: skip


class Awkward(nn.Module):
    """What graphs may hold: in-place steps, a view, a concatenation, a lone batch normalisation, two readers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.left = nn.Conv2d(8, 6, 1)
        self.right = nn.Conv2d(8, 10, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.act = nn.ReLU6(inplace=True)
        self.deep = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.last = nn.Linear(16 * 9, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        y = x.relu_()
        z = torch.cat([self.left(y), self.right(y)], 1)
        z = self.act(self.norm(z))
        z += self.deep(z)
        z = nn.functional.max_pool2d(nn.functional.relu(z, inplace=True), 2)
        return self.last(z.view(z.size(0), -1))


def awkward() -> tuple[NetworkGraph, nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    model = Awkward().eval()
    with torch.no_grad():
        nn.init.uniform_(model.norm.weight, 0.5, 1.5)
        model.norm.bias.normal_()
        model.norm.running_var.uniform_(0.3, 3)  # type: ignore[union-attr]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    images = torch.randn(60, 3, 6, 6)
    graph = trace(model, images[:1])
    labels = logits(model, images).argmax(dim=1)
    return graph, model, images, labels


def random_policies(count: int, seed: int) -> list[LayerPolicy]:
    rng = np.random.default_rng(seed)
    return [
        LayerPolicy(str(rng.choice(SEARCH_PRUNERS)), float(rng.uniform(0, 0.6)), int(rng.integers(3, 9)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("arithmetic", ARITHMETIC)
@pytest.mark.parametrize("seed", range(4))
def test_logits_equal_the_plain_evaluator(arithmetic: Arithmetic, seed: int) -> None:
    graph, model, images, labels = awkward()
    evaluator = Evaluator(
        graph, model, images, labels, images[:20], spec=EvaluatorSpec(arithmetic=arithmetic, batch=16)
    )
    evaluator.set_policies(random_policies(len(graph.layers), seed))
    plain = compressed_model(graph, model, evaluator.compression, evaluator.calibration)
    expected = logits(plain, images)
    # the lone batch normalisation rounds differently, and a number half-way between two codes may then go either way
    close = (evaluator.logits() - expected).abs().amax(dim=1) < 1e-3 * expected.abs().max()
    assert float(close.float().mean()) > 0.9
    share = float((expected.argmax(dim=1) == labels).float().mean())
    assert evaluator.accuracy_pct() == pytest.approx(100 * share, abs=100 / len(labels) + 1e-9)


@pytest.mark.parametrize("arithmetic", ARITHMETIC)
def test_every_step_of_an_episode_equals_the_plain_evaluator(arithmetic: Arithmetic) -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    images, labels = data.validation
    evaluator = Evaluator(
        graph, model, images, labels, data.calibration, spec=EvaluatorSpec(arithmetic=arithmetic, batch=100)
    )
    for episode in range(2):
        evaluator.reset()
        for index, policy in enumerate(random_policies(len(graph.layers), 10 + episode)):
            evaluator.apply(index, policy)
            plain = compressed_model(graph, model, evaluator.compression, evaluator.calibration)
            # all sums and scales are the same bits; the mean over the last plane is added up in another order, and a
            # mean half-way between two codes may then go either way
            same = (evaluator.logits() == logits(plain, images, 100, torch.channels_last)).all(dim=1)
            assert float(same.float().mean()) > 0.9
            assert evaluator.accuracy_pct() == pytest.approx(accuracy_pct(plain, images, labels), abs=1e-9)


@pytest.mark.parametrize("kept_bytes", [0, 200_000, 2**30])
def test_any_order_of_changes_gives_what_a_fresh_evaluator_gives(kept_bytes: int) -> None:
    graph, model, images, labels = awkward()
    calibration = Calibration(graph, model, images[:20])
    evaluator = Evaluator(graph, model, images, labels, calibration, spec=EvaluatorSpec(batch=7, kept_bytes=kept_bytes))
    rng = np.random.default_rng(0)
    for turn in range(25):
        index = int(rng.integers(len(graph.layers)))
        evaluator.apply(index, random_policies(1, turn)[0] if rng.random() < 0.8 else DENSE_8BIT)
        fresh = Evaluator(graph, model, images, labels, calibration, spec=EvaluatorSpec(batch=60))
        fresh.set_policies(evaluator.compression.policies)
        assert evaluator.accuracy_pct() == fresh.accuracy_pct()
        assert evaluator.kept_bytes() <= kept_bytes


def test_nothing_before_the_changed_layer_is_computed() -> None:
    graph, model, images, labels = awkward()
    evaluator = Evaluator(graph, model, images, labels, images[:20], spec=EvaluatorSpec(batch=16))
    evaluator.accuracy_pct()
    ran: list[str] = []

    def noting(path: str, site: Site) -> Site:
        def run(value: torch.Tensor) -> torch.Tensor:
            ran.append(path)
            return site(value)

        return run

    for path, site in list(evaluator.program.sites.items()):
        evaluator.program.sites[path] = noting(path, site)
    names = [layer.name for layer in graph.layers]
    for index in range(len(names)):
        ran.clear()
        evaluator.apply(index, LayerPolicy("level", 0.3, 6))
        evaluator.accuracy_pct()
        # a changed layer has a new site, which is not watched; all others are
        assert not set(ran) & set(names[:index])


def test_a_policy_seen_before_is_not_computed_again() -> None:
    graph, model, images, labels = awkward()
    evaluator = Evaluator(graph, model, images, labels, images[:20])
    first = evaluator.accuracy_pct()
    evaluator.program.sites.clear()  # any run would fail
    assert evaluator.accuracy_pct() == first


def test_the_model_and_the_images_are_left_as_they_are() -> None:
    graph, model, images, labels = awkward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    before = images.clone()
    evaluator = Evaluator(graph, model, images, labels, images[:20])
    for index, policy in enumerate(random_policies(len(graph.layers), 5)):
        evaluator.apply(index, policy)
        evaluator.accuracy_pct()
    assert torch.equal(images, before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_masked_and_physically_smaller_networks_agree() -> None:
    graph, model, images, _ = awkward()
    compressor = Compressor(graph, Calibration(graph, model, images[:20]))
    for seed in range(6):
        compression = compressor.derive(random_policies(len(graph.layers), seed))
        masked = compressed_model(graph, model, compression, None)
        smaller = remove_channels(graph, masked)
        torch.testing.assert_close(logits(smaller, images), logits(masked, images), rtol=1e-4, atol=1e-4)


def test_bfloat16_says_how_far_off_it_is() -> None:
    graph, model, images, labels = awkward()
    evaluator = Evaluator(graph, model, images, labels, images[:20], spec=EvaluatorSpec(arithmetic=Arithmetic.BFLOAT16))
    proof = evaluator.prove()
    assert proof.images == len(images)
    assert 0 < proof.largest_logit_error < 0.5


def test_wrong_inputs_are_said() -> None:
    graph, model, images, labels = awkward()
    with pytest.raises(InputError, match="as many of both"):
        Evaluator(graph, model, images, labels[:3], images[:20])
    with pytest.raises(InputError, match="calibration images"):
        Evaluator(graph, model, images, labels, images[:0])
    evaluator = Evaluator(graph, model, images, labels, images[:20])
    with pytest.raises(InputError, match="5 layers"):
        evaluator.set_policies([DENSE_8BIT])


def test_two_cores_give_what_one_gives() -> None:
    graph, model, images, labels = awkward()
    threads = torch.get_num_threads()
    figures = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            evaluator = Evaluator(graph, model, images, labels, images[:20], spec=EvaluatorSpec(batch=7))
            evaluator.set_policies(random_policies(len(graph.layers), 5))
            figures.append((evaluator.accuracy_pct(), evaluator.logits(), torch.get_num_threads()))
    finally:
        torch.set_num_threads(threads)
    assert [figure[0] for figure in figures] == [figures[0][0]] * 3
    assert all(torch.equal(figure[1], figures[0][1]) for figure in figures)
    assert [figure[2] for figure in figures] == [1, 2, 3]  # the caller's own threads are left as they were


def trained(screen: Screen | None, batch: int = 24) -> Evaluator:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    images, labels = data.validation
    graph = trace(model, data.example)
    return Evaluator(
        graph, model, images[:120], labels[:120], data.calibration, spec=EvaluatorSpec(batch=batch, screen=screen)
    )


def test_a_screening_measures_the_hopeless_on_the_first_images_and_the_others_on_all() -> None:
    whole, quick = trained(None), trained(Screen(loss_pct=20.0, images=40))  # two batches of 24
    dense = whole.logits().argmax(dim=1) == whole.labels
    hopeless = []
    for sparsity, bits in ((0.0, 7), (0.2, 6), (0.3, 5), (0.9, 2), (0.95, 3)):
        for evaluator in (whole, quick):
            evaluator.set_policies([LayerPolicy("level", sparsity, bits)] * len(whole.graph.layers))
        right = whole.logits().argmax(dim=1) == whole.labels
        lost_there = 100.0 * float(dense[:48].double().mean() - right[:48].double().mean())
        hopeless.append(lost_there > 20.0)
        estimate = max(100.0 * float(dense.double().mean()) - lost_there, 0.0)
        expected = estimate if hopeless[-1] else whole.accuracy_pct()
        assert quick.accuracy_pct() == pytest.approx(expected, abs=1e-9)
    assert any(hopeless) and not all(hopeless)


def test_a_screened_figure_does_not_depend_on_what_was_measured_before() -> None:
    screen = Screen(20.0, 30)
    evaluator = trained(screen)
    rng = np.random.default_rng(1)
    screened_ones = 0
    for turn in range(12):
        index = int(rng.integers(len(evaluator.graph.layers)))
        evaluator.apply(index, LayerPolicy("level", 0.97, 2) if turn % 3 == 0 else DENSE_8BIT)
        fresh = trained(screen)
        fresh.set_policies(evaluator.compression.policies)
        assert evaluator.accuracy_pct() == fresh.accuracy_pct(), turn
        screened_ones += evaluator.accuracy_pct() < 75.0
    assert 0 < screened_ones < 12


@pytest.mark.parametrize("name", ["OtherNorms", "FunctionalConv", "SharedConv", "SpatialAttention", "SplitGroups"])
def test_other_weights_are_measured_whole_not_only_those_of_the_layers(name: str) -> None:
    """A graph serves each model with its parameter names: also what stays dense has that model's weights."""
    traced, other = build(name), build(name)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1 + 0.5 * torch.rand(parameter.shape, generator=torch.Generator().manual_seed(1)))
    images, labels = torch.randn(12, 3, 8, 8), torch.zeros(12, dtype=torch.int64)
    graph, own = trace(traced, images[:1]), trace(other, images[:1])
    found = Evaluator(graph, other, images, labels, images[:8]).logits()
    assert torch.equal(found, Evaluator(own, other, images, labels, images[:8]).logits())
    assert not torch.equal(found, Evaluator(graph, traced, images, labels, images[:8]).logits())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_answers_that_are_no_numbers_are_not_measured(value: float) -> None:
    logits = torch.tensor([[1.0, value], [0.0, 1.0]])
    with pytest.raises(RunError, match="the network answers with NaN or infinity"):
        compared(logits, torch.tensor([0, 1]), torch.eye(2))
