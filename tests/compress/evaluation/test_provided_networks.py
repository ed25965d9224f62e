"""The provided CIFAR-10 networks: 8-bit accuracy on the whole test set, and what 500 images tell of a small edit."""

from __future__ import annotations

import numpy as np
import pytest

from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator
from compress.images.accuracy import accuracy_pct
from compress.images.dataset import load_data
from compress.methods.laplace_allocation import Allocation
from compress.methods.refinement.moves import Edit, edited
from compress.models.accuracy import network_accuracy_pct
from compress.models.load import load_model
from compress.models.registry import normalization_of
from compress.network.trace import trace
from compress.policy import LayerPolicy
from compress.searching.actions import ActionSpec
from compress.vocabulary import Clipping


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name,published_pct", [("resnet20", 91.73), ("resnet56", 93.39)])
def test_eight_bits_stay_within_three_tenths_of_a_point(
    cifar10: str, shared_weights: dict[str, str], name: str, published_pct: float
) -> None:
    network = f"{name}-cifar"
    data = load_data(cifar10, normalization=normalization_of(network))
    model = load_model(network, shared_weights[name], data)
    graph = trace(model, data.example)
    images, labels = data.test
    as_given_pct = network_accuracy_pct(model, data.test)
    assert as_given_pct == pytest.approx(published_pct, abs=0.1)
    evaluator = Evaluator(graph, model, images[:1], labels[:1], data.calibration)
    eight_bit_pct = accuracy_pct(evaluator.logits(images), labels)
    print(f"\n{network}: float {as_given_pct:.2f} %, 8 bit {eight_bit_pct:.2f} %")
    assert abs(eight_bit_pct - as_given_pct) <= 0.3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_distortion_tells_of_a_small_edit_what_accuracy_on_500_images_cannot(
    cifar10: str, shared_weights: dict[str, str]
) -> None:
    """ResNet20 at about 5 bits and 20 % zeros, one layer edited: what 500 images say of the loss on 3500 others."""
    data = load_data(cifar10, normalization=normalization_of("resnet20-cifar"))
    model = load_model("resnet20-cifar", shared_weights["resnet20"], data)
    graph, actions = trace(model, data.example), ActionSpec()
    calibration = Calibration(graph, model, data.calibration, clipping=Clipping.MSE)
    order = np.random.default_rng([0, 0xA1]).permutation(len(data.validation))
    parts = [data.validation.take(order[:500]), data.validation.take(order[500:4000])]
    few, many = (Evaluator(graph, model, part.images, part.labels, calibration) for part in parts)
    start = Allocation([graph.weight(layer.name).detach().numpy() for layer in graph.layers], actions).choices(0.2, 5.0)

    def measured(choices: tuple[LayerPolicy, ...]) -> tuple[float, float, float]:
        few.set_policies(choices)
        many.set_policies(choices)
        return few.answers().distortion, -few.accuracy_pct(), -many.accuracy_pct()

    edits = (Edit(bits=-2), Edit(bits=-1), Edit(sparsity=0.1), Edit(pruner="l1_ranked", sparsity=0.1))
    rows = [
        measured(choices)
        for layer in range(0, len(graph.layers), 2)
        for edit in edits
        if (choices := edited(start, layer, edit, len(graph.layers), actions)) is not None
    ]
    change = np.array(rows) - np.array(measured(start))
    small = change[change[:, 2] < 1.5]
    by_distortion, by_accuracy = (np.corrcoef(small[:, column], small[:, 2])[0, 1] for column in (0, 1))
    print(f"\n{len(small)} edits: r = {by_distortion:.2f} by distortion, {by_accuracy:.2f} by accuracy")
    assert by_distortion > 0.8 > by_accuracy
