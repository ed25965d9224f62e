"""A global sparsity and precision shared out over layers: the Laplace model against direct computation."""

import numpy as np
import pytest

from compress.methods.laplace_allocation import PRUNER, Allocation, laplace_layers
from compress.searching.actions import ActionSpec


def _weights() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.laplace(scale=0.02 * (i + 1), size=(8, 8, 3, 3)).astype(np.float32) for i in range(4)]


def test_the_laplace_model_predicts_what_pruning_really_does() -> None:
    """Hu et al.: the share below a threshold, on a large Laplace sample."""
    rng = np.random.default_rng(0)
    weights = [rng.laplace(scale=tau, size=400_000).astype(np.float32) for tau in (0.01, 0.05)]
    layers = laplace_layers(weights)
    beta = 0.02
    below = [np.abs(weight) < beta for weight in weights]
    np.testing.assert_allclose(layers.sparsity(beta), [mask.mean() for mask in below], atol=0.003)


def test_global_budgets_are_met() -> None:
    layers = laplace_layers(_weights())
    for sparsity in (0.1, 0.5, 0.9):
        realised = layers.count @ layers.sparsity(layers.threshold(sparsity)) / layers.count.sum()
        assert realised == pytest.approx(sparsity, abs=1e-6)
    for bits in (3.0, 5.5, 8.0):
        assert layers.count @ layers.bits(layers.step(bits)) / layers.count.sum() == pytest.approx(bits, abs=1e-6)
    assert layers.threshold(0.0) == pytest.approx(0.0, abs=1e-9)


def test_wider_layers_get_more_bits_and_less_sparsity() -> None:
    choices = Allocation(_weights(), ActionSpec()).choices(0.5, 5.0)
    assert [choice.bits for choice in choices] == sorted(choice.bits for choice in choices)
    sparsities = [choice.sparsity for choice in choices]
    assert sparsities == sorted(sparsities, reverse=True)


def test_starts_go_from_mild_to_hard_within_the_bounds_of_the_actions() -> None:
    starts = Allocation(_weights(), ActionSpec(max_sparsity=0.35, min_bits=5)).starts()
    assert len(starts) == len(set(starts)) > 10
    assert all(5 <= layer.bits <= 8 and layer.sparsity <= 0.35 for start in starts for layer in start)
    assert sum(layer.sparsity for layer in starts[0]) < sum(layer.sparsity for layer in starts[-1])
    assert {layer.pruner for start in starts for layer in start if layer.prunes} == {PRUNER}


def test_starts_keep_to_the_pruners_to_choose_from() -> None:
    starts = Allocation(_weights(), ActionSpec(pruners=("l1_ranked",))).starts()
    assert starts
    assert not any(layer.prunes for start in starts for layer in start)
