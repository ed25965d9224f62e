"""8-bit accuracy of the provided CIFAR-10 networks on the whole test set."""

from __future__ import annotations

import pytest

from compress.data import load_data
from compress.evaluation import Evaluator
from compress.graph import trace
from compress.models import load_model, normalization_of
from compress.savings import float_accuracy_pct


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
    as_given_pct = float_accuracy_pct(model, images, labels)
    assert as_given_pct == pytest.approx(published_pct, abs=0.1)
    evaluator = Evaluator(graph, model, images[:1], labels[:1], data.calibration)
    eight_bit_pct = evaluator.accuracy_on(images, labels)
    print(f"\n{network}: float {as_given_pct:.2f} %, 8 bit {eight_bit_pct:.2f} %")
    assert abs(eight_bit_pct - as_given_pct) <= 0.3
