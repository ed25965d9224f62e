"""A pruner of one's own: registered by its class, then pruned, propagated, priced and exported like others."""

from __future__ import annotations

from collections.abc import Iterator
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
from compress.pruning import PRUNERS, Granularity, Pruner, PruningContext, PruningResult, pruner, register, registry
from compress.pruning.pruner import check_result
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
        (GeometricMedianPruner(), "registered by its class"),
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


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "returned NoneType, not a PruningResult"),
        (
            PruningResult(torch.zeros(4, 2), torch.zeros(4, 2)),
            "of .4, 2. as weight_mask, must be torch.bool",
        ),
        (PruningResult(torch.zeros(4, 2), torch.zeros(4, 2, dtype=torch.bool)), "returned None as filter_mask"),
        (PruningResult(torch.zeros(4, 3), torch.zeros(4, 2, dtype=torch.bool)), "of .4, 3. as weight, must be"),
    ],
)
def test_what_a_pruner_returns_is_checked_against_what_it_promised(result: object, message: str) -> None:
    given = PruningContext(torch.ones(4, 2), 0.5)
    with pytest.raises(RunError, match=f"the pruner 'geometric_median' .*{message}"):
        check_result(GeometricMedianPruner(), given, result)


def test_the_pruner_that_ran_is_known() -> None:
    data = load_data("digits")
    model = load_model("digits-cnn", None, data)
    graph = trace(model, data.example)
    # conv1 decides for the group that conv3 shares with it
    policy = Policy({name: LayerPolicy("l1_ranked", 0.5, 8) for name in ("conv1", "conv3")})
    compression = build_oracle(graph, model, data, MeasurementSpec()).compression(policy)
    assert [layer.pruner for layer in compression.layers[:3]] == ["l1_ranked", "none", "level"]
