"""A pruner of one's own: registered by its class, then pruned, propagated, priced and exported like others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from compress.deployment.files import deploy_policy
from compress.deployment.onnx.model import onnx_model
from compress.deployment.recipe import load, save
from compress.evaluation.calibration import Calibration
from compress.evaluation.masks import Compressor
from compress.images.dataset import load_data
from compress.models.load import load_model
from compress.network.trace import trace
from compress.oracle.oracle import build_oracle
from compress.oracle.spec import MeasurementSpec
from compress.policy import NO_PRUNER, LayerPolicy, Policy
from compress.pruning import (
    PRUNERS,
    FeatureMapSamples,
    Granularity,
    Pruner,
    PruningContext,
    PruningResult,
    from_weight_mask,
    pruner,
    register,
    registry,
)
from compress.pruning.foreign import ForeignPruner
from hwsim.errors import InputError, RunError
from tests.examples.example_pruner import GeometricMedianPruner


@pytest.fixture
def geometric_median() -> Iterator[str]:
    register(GeometricMedianPruner)
    yield "geometric_median"
    del PRUNERS["geometric_median"]


def test_the_example_keeps_the_filters_that_the_others_cannot_replace(geometric_median: str) -> None:
    # on a line at 0, 1, 2 and 10 the two in the middle are nearest to the others
    weight = torch.tensor([0.0, 1.0, 2.0, 10.0]).reshape(4, 1, 1, 1)
    result = pruner(geometric_median).prune(PruningContext(weight, 0.5))
    assert result.filter_mask is not None
    assert result.filter_mask.tolist() == [True, False, False, True]


def test_its_filters_really_go_and_it_is_priced_and_exported(geometric_median: str, tmp_path: Path) -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    policy = Policy({name: LayerPolicy(geometric_median, 0.5, 6) for name in ("conv2", "conv5")})
    oracle = build_oracle(graph, model, data, MeasurementSpec())
    cost, dense = oracle.price(policy), oracle.price(Policy({}))
    assert cost.macs < dense.macs
    assert cost.energy_pj < dense.energy_pj

    network = deploy_policy(graph, model, Calibration(graph, model, data.calibration, data.calibration_labels), policy)
    shapes = {
        name: network.module.get_parameter(f"{name}.weight").shape for name in ("conv2", "conv3", "conv5", "conv6")
    }
    assert [shapes[name][0] for name in ("conv2", "conv5")] == [8, 16]
    assert [shapes[name][1] for name in ("conv3", "conv6")] == [8, 16]
    assert onnx_model(network).graph.node
    save(network, tmp_path / "m.recipe.json", tmp_path / "m.safetensors")
    images = data.test.images[:8]
    assert torch.equal(load(tmp_path / "m.recipe.json")(images), network.module(images))


def test_a_class_may_be_registered_again_and_returns_itself(geometric_median: str) -> None:
    assert register(GeometricMedianPruner) is GeometricMedianPruner
    with pytest.raises(InputError, match="unknown pruner 'geometric_medan': did you mean geometric_median"):
        pruner("geometric_medan")


def written(**members: object) -> type:
    """Return a class with the members of a pruner, those given instead of the right ones; None leaves one out."""
    right = {
        "name": "own", "removes": Granularity.WEIGHTS, "needs_calibration": False, "needs_labels": False,
        "prune": lambda self, context: PruningResult(context.weight, context.weight != 0),
    }  # fmt: skip
    return type("Own", (), {key: value for key, value in {**right, **members}.items() if value is not None})


def fails(error: BaseException) -> Callable[..., PruningResult]:
    def code(*_: object) -> PruningResult:
        raise error

    return code


class Unfinished(Pruner):
    name = "unfinished"
    removes = Granularity.WEIGHTS


class NeedsArguments(GeometricMedianPruner):
    def __init__(self, strength: float) -> None:
        self.strength = strength


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (written(name=None), "lacks 'name', a string"),
        (written(removes=None), "lacks 'removes', a compress.pruning.Granularity"),
        (written(removes="filters"), "has removes 'filters', which must be a compress.pruning.Granularity"),
        (written(needs_labels=None), "lacks 'needs_labels', True or False"),
        (written(needs_calibration="yes"), "has needs_calibration 'yes', which must be True or False"),
        (written(prune=None), "lacks the method 'prune'"),
        (Unfinished, "lacks the method 'prune'"),
        (NeedsArguments, "cannot be made without arguments"),
        (written(name="l1_ranked"), "is named 'l1_ranked', which is taken"),
        (written(name="none"), "is named 'none', which is taken"),
        (written(name="own, too"), "use letters, digits and underscores"),
        (GeometricMedianPruner(), "registered by its class, not by an object of type GeometricMedianPruner;"),
        (register, "registered by its class, not by an object of type function;"),
        (written(__init__=fails(ValueError("two\nlines"))), r"cannot be made .ValueError: two lines."),
        (written(__init__=fails(SystemExit(0))), "cannot be made .SystemExit: 0."),
        (written(name=property(fails(RuntimeError("no name")))), "cannot be made .RuntimeError: no name."),
        (written(name=object()), "has name an object of type object, which must be a string"),
    ],
)
def test_what_is_no_pruner_is_refused_in_one_line(wrong: type, message: str) -> None:
    before = dict(PRUNERS)
    with pytest.raises(InputError, match=message) as caught:
        register(wrong)
    assert "\n" not in str(caught.value)
    assert before == PRUNERS


def test_a_class_that_only_looks_like_a_pruner_will_do() -> None:
    register(written())
    try:
        assert LayerPolicy("own", 0.5).prunes
    finally:
        del PRUNERS["own"]


def test_no_pruner_may_bear_the_name_of_none() -> None:
    assert registry.NO_PRUNER == NO_PRUNER


def test_a_pruner_that_needs_labels_gets_them_and_says_where_they_are_missing() -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    policy = Policy({"conv3": LayerPolicy("snip", 0.5, 8)})
    compression = build_oracle(graph, model, data, MeasurementSpec()).compression(policy)
    assert compression.layers[2].realised_sparsity == pytest.approx(0.5, abs=1e-3)
    assert deploy_policy(
        graph, model, Calibration(graph, model, data.calibration, data.calibration_labels), policy
    ).codes
    unlabelled = Compressor(graph, Calibration(graph, model, data.calibration))
    with pytest.raises(InputError, match="the pruner 'snip' needs labelled images"):
        unlabelled.derive([policy.layer(layer.name) for layer in graph.layers])


KEPT = torch.tensor([True, True, False, False])
HALF = KEPT[:, None].expand(4, 2)


@pytest.mark.parametrize(
    ("removes", "result", "message"),
    [
        ("filters", None, "returned NoneType, not a PruningResult"),
        ("filters", PruningResult(0 * HALF.float(), HALF.float()), "of .4, 2. as weight_mask, must be torch.bool"),
        ("filters", PruningResult(1 * HALF.float(), HALF), "returned None as filter_mask"),
        ("filters", PruningResult(torch.zeros(4, 3), HALF), "of .4, 3. as weight, must be"),
        ("weights", PruningResult(torch.zeros(4, 2, device="meta"), HALF), "on meta as weight, must be"),
        ("weights", PruningResult(1 * HALF.float(), HALF, KEPT), "returned a filter_mask, but it removes weights"),
        ("weights", PruningResult(HALF * float("nan"), HALF), "weights that hold NaN or infinity"),
        ("weights", PruningResult(torch.where(HALF, float("inf"), 0), HALF), "weights that hold NaN or infinity"),
        ("weights", PruningResult(HALF * 1e38, HALF), "weights up to 1e[+]38, must be at most 1e[+]06"),
        ("weights", PruningResult(torch.ones(4, 2), HALF), "other than zero where its weight_mask removes them"),
        ("weights", PruningResult(torch.zeros(4, 2), HALF & False), "removed every weight at sparsity 0.5"),
        ("weights", PruningResult(torch.zeros(4, 2), HALF), "removed every weight at sparsity 0.5"),
        ("filters", PruningResult(torch.ones(4, 2), HALF | True, KEPT), "filters that its filter_mask removes"),
        ("filters", PruningResult(1 * HALF.float(), HALF, ~KEPT), "filters that its filter_mask removes"),
        (
            "filters",
            PruningResult(1 * HALF.float(), HALF, KEPT),
            "others that they are tied to; decide by context.filter_units",
        ),
        (
            "channels",
            PruningResult(torch.ones(4, 2), HALF | True, channel_mask=KEPT[1:3]),
            "channels that its channel_mask removes",
        ),
    ],
)
def test_what_a_pruner_returns_is_checked_against_what_it_promised(
    removes: str, result: PruningResult, message: str
) -> None:
    own = ForeignPruner(written(removes=Granularity(removes), prune=lambda self, context: result)())
    given = PruningContext(torch.ones(4, 2), 0.5, filter_ties=torch.tensor([0, 1, 1, 2]))
    with pytest.raises(RunError, match=f"the pruner 'own' .*{message}") as caught:
        own.prune(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [ValueError("two\nlines"), IndexError(), SystemExit(0), InputError("no")])
def test_a_pruner_that_fails_is_named_in_one_line(error: BaseException) -> None:
    own = ForeignPruner(written(prune=fails(error))())
    with pytest.raises(RunError, match=f"the pruner 'own': prune failed with {type(error).__name__}") as caught:
        own.prune(PruningContext(torch.ones(4, 2), 0.5))
    assert "\n" not in str(caught.value)


def test_a_pruner_that_writes_into_what_it_is_given_harms_nobody() -> None:
    def vandal(self: object, context: PruningContext) -> PruningResult:
        assert context.gradient is not None and context.samples is not None
        for tensor in (context.weight, context.gradient, context.samples.patches, context.samples.targets):
            tensor.zero_()
        return from_weight_mask(PruningContext(torch.ones(4, 2), 0.5), HALF)

    ones = [torch.ones(4, 2) for _ in range(4)]
    samples = FeatureMapSamples(*ones[2:])
    result = ForeignPruner(written(prune=vandal)()).prune(
        PruningContext(ones[0], 0.5, gradient=ones[1], samples=samples)
    )
    assert torch.equal(result.weight, HALF.float())
    assert all(bool(tensor.all()) for tensor in ones)


def test_a_tensor_that_a_pruner_uses_again_does_not_change_earlier_results() -> None:
    workspace = torch.ones(4, 2).requires_grad_()
    own = ForeignPruner(written(prune=lambda self, context: PruningResult(workspace, HALF | True))())
    result = own.prune(PruningContext(torch.ones(4, 2), 0.5))
    with torch.no_grad():
        workspace.zero_()
    assert bool(result.weight.all())
    assert not result.weight.requires_grad


def test_the_pruner_that_ran_is_known() -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    # conv1 decides for the group that conv3 shares with it
    policy = Policy({name: LayerPolicy("l1_ranked", 0.5, 8) for name in ("conv1", "conv3")})
    compression = build_oracle(graph, model, data, MeasurementSpec()).compression(policy)
    assert [layer.pruner for layer in compression.layers[:3]] == ["l1_ranked", "none", "level"]
