"""Laws: where PyTorch has the same rounding or the same pruning criterion, ours gives the same bits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune

from compress.pruning import PRUNERS, PruningContext
from compress.quantization.affine import affine, weight_affine

SEEDS = st.integers(0, 2**16)
BITS = st.integers(2, 8)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, bits=BITS, shift=st.floats(-3, 3))
def test_numbers_of_a_tensor_are_those_of_torch(seed: int, bits: int, shift: float) -> None:
    values = torch.randn(2000, generator=torch.Generator().manual_seed(seed)) + shift
    mapping = affine(0.8 * values.min(), 0.8 * values.max(), bits)  # a fifth narrower, so that some are clipped
    expected = torch.fake_quantize_per_tensor_affine(
        values, float(mapping.scale), int(mapping.zero_point), 0, mapping.largest_code
    )
    assert torch.equal(mapping.fake_quantize(values), expected)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, bits=BITS)
def test_numbers_of_a_weight_are_those_of_torch(seed: int, bits: int) -> None:
    weight = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(seed))
    mapping = weight_affine(weight, bits)
    expected = torch.fake_quantize_per_channel_affine(
        weight, mapping.scale, mapping.zero_point, 0, 0, mapping.largest_code
    )
    assert torch.equal(mapping.fake_quantize(weight), expected)


@pytest.mark.parametrize(("name", "order"), [("level", None), ("l1_ranked", 1), ("l2_ranked", 2)])
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, eighths=st.integers(0, 7))
def test_masks_are_those_of_torch(name: str, order: int | None, seed: int, eighths: int) -> None:
    layer = torch.nn.Conv2d(3, 16, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(seed)))
    weight, sparsity = layer.weight.detach().clone(), eighths / 8
    # numbers, not shares: PyTorch rounds a share to the nearest, ours never removes more than it
    if order is None:
        prune.l1_unstructured(layer, "weight", amount=int(sparsity * weight.numel()))
    else:
        prune.ln_structured(layer, "weight", amount=int(sparsity * 16), n=order, dim=0)
    ours = PRUNERS[name].prune(PruningContext(weight, sparsity))
    assert torch.equal(ours.weight_mask, layer.get_buffer("weight_mask").bool())
