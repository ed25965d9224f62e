"""The seven pruners and their options on plain tensors: targets, degeneracy, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.pruning import PRUNERS, SEARCH_PRUNERS, FeatureMapSamples, Granularity, PruningContext, pruner
from compress.pruning.pruner import PruningResult, one_place
from compress.pruning.reconstruction import ReconstructionPruner
from hwsim.errors import InputError, RunError

FINE = ("level", "sensitivity", "splicing", "snip")
FILTERS = ("l1_ranked", "l2_ranked", "bernoulli")
CHANNELS = ("l1_ranked_channels", "l2_ranked_channels", "fm_reconstruction")


def context(
    sparsity: float, shape: tuple[int, ...] = (12, 8, 3, 3), groups: int = 1, seed: int = 0, **more: object
) -> PruningContext:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator)
    window = weight[0].numel()
    samples = FeatureMapSamples(
        torch.randn((40, groups, window), generator=generator), torch.randn((40, shape[0]), generator=generator)
    )
    given_more = {
        "generator": np.random.default_rng(seed),
        "gradient": torch.randn(shape, generator=generator),
        "samples": samples,
        **more,
    }
    return PruningContext(weight, sparsity, groups, **given_more)  # type: ignore[arg-type]


def prune(name: str, given_context: PruningContext) -> PruningResult:
    return pruner(name).prune(given_context)


def test_the_search_acts_with_the_seven_of_table_2_in_order() -> None:
    assert SEARCH_PRUNERS == (
        "level", "sensitivity", "splicing", "l1_ranked", "l2_ranked", "bernoulli", "fm_reconstruction",
    )  # fmt: skip


def test_an_unknown_pruner_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean l1_ranked"):
        pruner("l1_rankd")


@pytest.mark.parametrize("name", PRUNERS)
@pytest.mark.parametrize("shape,groups", [((12, 8, 3, 3), 1), ((12, 4, 3, 3), 2), ((10, 32), 1), ((1, 1, 1, 1), 1)])
def test_sparsity_0_is_a_no_op_and_1_removes_everything(name: str, shape: tuple[int, ...], groups: int) -> None:
    dense = context(0.0, shape, groups)
    kept = prune(name, dense)
    assert torch.equal(kept.weight, dense.weight)
    assert kept.realised_sparsity == 0.0
    gone = prune(name, context(1.0, shape, groups))
    assert torch.count_nonzero(gone.weight) == 0
    assert gone.realised_sparsity == 1.0


@pytest.mark.parametrize("name", PRUNERS)
@settings(max_examples=30, deadline=None)
@given(sparsity=st.floats(0, 1), seed=st.integers(0, 50))
def test_the_mask_is_what_is_zero_and_granularity_is_kept(name: str, sparsity: float, seed: int) -> None:
    given_context = context(sparsity, seed=seed)
    before = given_context.weight.clone()
    result = prune(name, given_context)
    assert torch.equal(given_context.weight, before), "the context was changed"
    assert torch.equal(result.weight != 0, result.weight_mask)
    kept = result.weight_mask.flatten(1)
    removes = pruner(name).removes
    assert (result.filter_mask is not None) == (removes is Granularity.FILTERS)
    assert (result.channel_mask is not None) == (removes is Granularity.CHANNELS)
    if result.filter_mask is not None:
        assert torch.equal(kept, result.filter_mask[:, None].expand_as(kept))
    if result.channel_mask is not None:
        assert torch.equal(kept, result.channel_mask.repeat_interleave(9)[None].expand_as(kept))
    if removes is not Granularity.WEIGHTS and sparsity < 1:
        assert bool(kept.any())


@pytest.mark.parametrize("sparsity", [0.29, 0.5, 0.58, 0.999])
def test_level_removes_exactly_its_share_even_among_ties(sparsity: float) -> None:
    weight = torch.ones(10, 10)
    result = prune("level", PruningContext(weight, sparsity))
    assert int((result.weight == 0).sum()) == round(sparsity * 100) - (1 if sparsity == 0.999 else 0)


def test_level_removes_the_smallest_magnitudes() -> None:
    given_context = context(0.4)
    result = prune("level", given_context)
    magnitude = given_context.weight.abs()
    assert magnitude[~result.weight_mask].max() <= magnitude[result.weight_mask].min()


def test_fine_grained_pruners_differ_at_the_same_target() -> None:
    masks = [prune(name, context(0.4)).weight_mask for name in FINE]
    for index, mask in enumerate(masks):
        assert all(not torch.equal(mask, other) for other in masks[index + 1 :])


def test_sensitivity_meets_its_target_on_gaussian_weights_only() -> None:
    gaussian = torch.randn(400_000, generator=torch.Generator().manual_seed(1)).reshape(400, 1000)
    heavy = gaussian**3
    for sparsity in (0.2, 0.5, 0.8):
        assert prune("sensitivity", PruningContext(gaussian, sparsity)).realised_sparsity == pytest.approx(
            sparsity, abs=0.005
        )
        assert abs(prune("sensitivity", PruningContext(heavy, sparsity)).realised_sparsity - sparsity) > 0.05


def test_splicing_cuts_below_a_and_spares_the_band_in_strong_filters() -> None:
    given_context = context(0.5, (20, 16, 3, 3))
    weight = given_context.weight
    result = prune("splicing", given_context)
    magnitude = weight.abs()
    lower = magnitude.flatten().sort().values[weight.numel() // 2 - 1]
    upper = lower * 1.1 / 0.9
    band = (magnitude > lower) & (magnitude <= upper)
    norms = weight.flatten(1).norm(dim=1)
    strong = (norms >= norms.sort().values[10])[:, None, None, None]
    expected = (magnitude > upper) | (band & strong)
    assert torch.equal(result.weight_mask, expected)
    assert 0.5 < result.realised_sparsity < 0.75


@pytest.mark.parametrize("name", ["l1_ranked", "l2_ranked", "l1_ranked_channels", "l2_ranked_channels"])
@pytest.mark.parametrize("sparsity,removed", [(0.1, 0), (0.25, 2), (0.5, 4), (0.99, 7), (1.0, 8)])
def test_ranked_pruners_floor_and_never_take_all(name: str, sparsity: float, removed: int) -> None:
    result = prune(name, context(sparsity, (8, 8, 3, 3)))
    mask = result.filter_mask if result.filter_mask is not None else result.channel_mask
    assert mask is not None
    assert int((~mask).sum()) == removed


def test_ranked_pruners_remove_the_least_norm() -> None:
    scale = torch.tensor([3.0, 1.0, 4.0, 2.0])
    flat = torch.full((4, 5, 1, 1), 1.0) * scale[:, None, None, None]
    assert prune("l1_ranked", PruningContext(flat, 0.5)).filter_mask.tolist() == [True, False, True, False]  # type: ignore[union-attr]
    turned = flat.transpose(0, 1).contiguous()
    result = prune("l2_ranked_channels", PruningContext(turned, 0.5))
    assert result.channel_mask.tolist() == [True, False, True, False]  # type: ignore[union-attr]


def test_l1_and_l2_rank_differently() -> None:
    spiky, even = torch.zeros(1, 9), torch.full((1, 9), 1.2)
    spiky[0, 0] = 9.0  # mean |w| 1.0, mean w^2 9.0; the even one 1.2 and 1.44
    weight = torch.cat([spiky, even])
    assert prune("l1_ranked", PruningContext(weight, 0.5)).filter_mask.tolist() == [False, True]  # type: ignore[union-attr]
    assert prune("l2_ranked", PruningContext(weight, 0.5)).filter_mask.tolist() == [True, False]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [*FILTERS, *CHANNELS])
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
def test_groups_lose_equally_many(name: str, sparsity: float) -> None:
    result = prune(name, context(sparsity, (12, 6, 3, 3), groups=3))
    mask = result.filter_mask if result.filter_mask is not None else result.channel_mask
    assert mask is not None
    counts = mask.reshape(3, -1).sum(dim=1)
    assert len(set(counts.tolist())) == 1
    assert counts[0] > 0


def test_tied_features_leave_together() -> None:
    ties = torch.arange(4).repeat_interleave(9)
    for name in CHANNELS:
        result = prune(name, context(0.5, (5, 36), channel_ties=ties))
        assert result.channel_mask is not None
        per_channel = result.channel_mask.reshape(4, 9)
        assert bool((per_channel.all(dim=1) | ~per_channel.any(dim=1)).all())
        assert int(per_channel.all(dim=1).sum()) == 2


def test_bernoulli_is_seeded_and_keeps_its_share_on_average() -> None:
    draws = [prune("bernoulli", context(0.3, (40, 2, 1, 1), seed=seed)).filter_mask for seed in range(100)]
    again = [prune("bernoulli", context(0.3, (40, 2, 1, 1), seed=seed)).filter_mask for seed in range(100)]
    assert all(torch.equal(a, b) for a, b in zip(draws, again, strict=True))  # type: ignore[arg-type]
    share = torch.stack(draws).float().mean()  # type: ignore[arg-type]
    # 4000 draws of probability 0.7: five standard deviations are 0.036
    assert share == pytest.approx(0.7, abs=0.036)


def test_bernoulli_keeps_at_least_one_filter() -> None:
    for seed in range(30):
        assert bool(prune("bernoulli", context(0.999, (4, 2, 1, 1), seed=seed)).filter_mask.any())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name,lacking", [("bernoulli", "generator"), ("snip", "gradient"), ("fm_reconstruction", "samples")]
)
def test_a_missing_input_is_said(name: str, lacking: str) -> None:
    without: dict[str, Any] = {lacking: None}
    with pytest.raises(RunError, match=f"'{name}' needs"):
        prune(name, context(0.5, **without))


def test_weights_with_nan_are_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        PruningContext(torch.tensor([[float("nan")]]), 0.5)


def test_finite_weights_whose_sum_is_not_are_taken() -> None:
    given_context = PruningContext(torch.full((4, 4), 3e38), 0.5)
    assert prune("level", given_context).realised_sparsity == 0.5
    with pytest.raises(InputError, match="NaN or infinity"):
        PruningContext(torch.tensor([[float("inf"), -float("inf")]]), 0.5)


@pytest.mark.parametrize("name", list(SEARCH_PRUNERS))
def test_one_place_stands_for_a_window_only_where_all_places_are_alike(name: str) -> None:
    result = prune(name, context(0.4, (6, 4, 3, 3)))
    short = one_place(result.weight_mask)
    assert (short.shape[2:] == (1, 1)) == (pruner(name).removes is not Granularity.WEIGHTS)
    assert torch.equal(short.expand_as(result.weight_mask), result.weight_mask)
    kept = int(torch.count_nonzero(result.weight_mask.contiguous()))
    assert result.realised_sparsity == 1.0 - kept / result.weight_mask.numel()


def _dense_samples(weight: torch.Tensor, points: int, mix: torch.Tensor) -> FeatureMapSamples:
    """Channels that are linear mixtures of a few: what one channel carried, others can replace."""
    sources = torch.randn((points, mix.shape[0]), generator=torch.Generator().manual_seed(5))
    patches = (sources @ mix)[:, None, :]
    return FeatureMapSamples(patches, patches[:, 0] @ weight.flatten(1).T)


@pytest.mark.parametrize("points", [400, 10])
def test_reconstruction_recovers_an_ofmap_that_the_kept_channels_can_make(points: int) -> None:
    """400 points: fewer unknowns than samples (primal system); 10 points: the other (dual) one."""
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn((6, 16), generator=generator)
    mix = torch.randn((4, 16), generator=generator)
    samples = _dense_samples(weight, points, mix)
    result = ReconstructionPruner(ridge=1e-8).prune(PruningContext(weight, 0.5, samples=samples))
    error = (samples.patches[:, 0] @ result.weight.T - samples.targets).norm() / samples.targets.norm()
    unfitted = (samples.patches[:, 0] @ (weight * result.weight_mask).T - samples.targets).norm()
    assert error < 1e-3
    assert unfitted / samples.targets.norm() > 0.1


def test_reconstruction_equals_the_textbook_solution() -> None:
    given_context = context(0.5, (6, 16))
    assert given_context.samples is not None
    result = ReconstructionPruner(ridge=0.1).prune(given_context)
    assert result.channel_mask is not None
    kept = result.channel_mask
    patches = given_context.samples.patches[:, 0][:, kept].double()
    start = given_context.weight[:, kept].double()
    residual = given_context.samples.targets.double() - patches @ start.T
    penalty = 0.1 * patches.pow(2).sum() / min(patches.shape)
    expected = start.T + torch.linalg.inv(patches.T @ patches + penalty * torch.eye(8)) @ patches.T @ residual
    torch.testing.assert_close(result.weight[:, kept].double(), expected.T, rtol=1e-4, atol=1e-5)


def test_reconstruction_from_all_zero_activations_keeps_the_weights() -> None:
    samples = FeatureMapSamples(torch.zeros(20, 1, 72), torch.zeros(20, 12))
    given_context = context(0.5, samples=samples)
    result = prune("fm_reconstruction", given_context)
    assert torch.equal(result.weight, given_context.weight * result.weight_mask)
