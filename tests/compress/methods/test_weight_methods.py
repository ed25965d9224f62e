"""ASQJ's projections against brute force, and the methods that train end to end."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from compress.cli import main
from compress.methods.baselines.asqj import _layer_policy
from compress.methods.baselines.asqj_projection import choose_bits, keep_masks, project, quantized
from compress.methods.baselines.weight_training import KeptWeights, straight_through
from compress.pruning import PruningContext, pruner
from compress.searching.archive import Archive
from compress.searching.problem import AccuracyBudget
from compress.searching.selection import select
from hwsim.errors import RunError
from tests.reference.finished_search import candidate as made_up


def _weights() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(4, 6, generator=generator) * scale for scale in (1.0, 0.3, 0.1)]


def test_the_sparse_projection_is_the_knapsack_of_equal_costs() -> None:
    """With one width everywhere the knapsack's optimum is the largest weights of all layers."""
    weights = _weights()
    masks = keep_masks(weights, [4, 4, 4], 4 * 20 + 3)
    assert sum(int(mask.sum()) for mask in masks) == 20
    values = torch.cat([weight.abs().flatten() for weight in weights])
    kept = torch.cat([mask.flatten() for mask in masks])
    assert values[kept].min() > values[~kept].max()


def test_a_wider_layer_must_earn_its_bits() -> None:
    weights = [torch.full((10,), 1.0), torch.full((10,), 0.8)]
    masks = keep_masks(weights, [8, 4], 40.0)  # 1 / 8 a bit against 0.64 / 4
    assert [int(mask.sum()) for mask in masks] == [0, 10]


def test_the_bits_meet_the_budget_near_the_best_choice() -> None:
    weights, choices = _weights(), [2, 4, 8]
    kept = [weight.numel() for weight in weights]

    def error(bits: Sequence[int]) -> float:
        return sum(float((w - quantized(w, b)).square().sum()) for w, b in zip(weights, bits, strict=True))

    for budget in (24 * 8 * 3, 24 * 14, 24 * 10, 24 * 6):
        chosen = choose_bits(weights, kept, budget, choices)
        assert sum(n * b for n, b in zip(kept, chosen, strict=True)) <= budget
        allowed = [b for b in itertools.product(choices, repeat=3) if sum(b) * 24 <= budget]
        assert error(chosen) <= 1.5 * min(error(bits) for bits in allowed) + 1e-9
    assert choose_bits(weights, kept, 0.0, choices) == [2, 2, 2]  # an impossible budget ends at the narrowest


def test_a_tight_budget_is_shared_between_sparsity_and_bits() -> None:
    weights, choices = _weights(), [2, 3, 4, 5, 6, 7, 8]
    count = sum(weight.numel() for weight in weights)
    loose = project(weights, 8.0 * count, choices)
    assert loose.bits == [8, 8, 8] and all(bool(mask.all()) for mask in loose.masks)
    for mean in (5.0, 3.0, 1.5):
        found = project(weights, mean * count, choices)
        stored = sum(int(mask.sum()) * bits for mask, bits in zip(found.masks, found.bits, strict=True))
        assert stored <= mean * count
        assert max(found.bits) < 8
        error = _error(weights, found.masks, found.bits)
        assert error <= _error(weights, keep_masks(weights, [8, 8, 8], mean * count), [8, 8, 8])


def _error(weights: list[torch.Tensor], masks: list[torch.Tensor], bits: list[int]) -> float:
    parts = zip(weights, masks, bits, strict=True)
    return sum(float((w - quantized(w * mask, width)).square().sum()) for w, mask, width in parts)


@pytest.mark.parametrize("zeros", [0, 1, 7, 23, 24])
def test_the_policy_finds_exactly_the_zeros_that_training_left(zeros: int) -> None:
    weight = _weights()[0].clone()
    weight.view(-1)[:zeros] = 0.0
    policy = _layer_policy(weight, 4)
    assert policy.input_bits == 8
    if zeros == 0:
        assert not policy.prunes
        return
    result = pruner(policy.pruner).prune(PruningContext(weight=weight, sparsity=policy.sparsity))
    assert torch.equal(result.weight, weight)
    assert result.realised_sparsity == pytest.approx(zeros / 24)


def test_rounding_lets_the_gradient_pass() -> None:
    value = torch.tensor([0.3, 1.7], requires_grad=True)
    rounded = straight_through(value, value.detach().round())
    assert rounded.tolist() == [0.0, 2.0]
    (rounded * torch.tensor([2.0, 3.0])).sum().backward()
    assert value.grad is not None and value.grad.tolist() == [2.0, 3.0]


def test_the_kept_weights_are_those_that_a_selection_can_ask_for() -> None:
    budget = AccuracyBudget(2.0, 400)
    archive, kept = Archive(), KeptWeights(budget)
    points = [(5.0, 0.2, 0.9), (1.9, 0.5, 0.3), (1.0, 0.6, 0.2), (1.0, 0.55, 0.25), (8.0, 0.1, 0.1)]
    for episode, (loss, cost, reward) in enumerate(points):
        candidate = made_up(loss, cost, reward=reward, episode=episode)
        archive.add(candidate)
        kept.offer(candidate, {"w": torch.tensor(float(episode))})
        restored = KeptWeights(budget)
        restored.load(kept.state())
        assert float(restored.find(select(archive, budget).candidate)["w"]) == select(archive, budget).candidate.episode
    with pytest.raises(RunError):
        kept.find(made_up(8.0, 0.1, reward=0.1, episode=4))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["asqj", "joint"])
def test_a_training_method_leaves_its_weights_and_resumes_identically(tmp_path: Path, method: str) -> None:
    base = ["search", "--model", "digits-cnn", "--data", "digits", "--method", method, "--episodes", "5", "--quiet"]
    first = CliRunner().invoke(main, [*base, "--out", str(tmp_path / "a")])
    assert first.exit_code == 0, first.output
    second = CliRunner().invoke(main, [*base, "--out", str(tmp_path / "b")])
    assert second.exit_code == 0, second.output
    for name in ("policy.json", "weights.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    best = json.loads((tmp_path / "a" / "result.json").read_text())["best"]
    assert best["energy_reduction_pct"] > 0.0
