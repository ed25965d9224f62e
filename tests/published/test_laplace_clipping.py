"""Where to clip a Laplace-distributed tensor: Banner et al., NeurIPS 2019, section 3 (table of optimal alpha / b)."""

from __future__ import annotations

import math

import pytest

from compress.quantization.affine import laplace_clip

TWO_SIDED = {2: 2.831, 3: 3.897, 4: 5.029, 5: 6.205, 6: 7.413, 7: 8.646, 8: 9.897}
ONE_SIDED = {2: 3.897, 3: 5.029, 4: 6.205, 5: 7.413, 6: 8.646, 7: 9.897, 8: 11.163}


@pytest.mark.parametrize("bits", range(2, 9))
def test_clipping_points_are_the_published_ones(bits: int) -> None:
    assert laplace_clip(bits) == pytest.approx(TWO_SIDED[bits], abs=6e-4)
    assert laplace_clip(bits, one_sided=True) == pytest.approx(ONE_SIDED[bits], abs=6e-4)


@pytest.mark.parametrize("bits", range(2, 9))
def test_clipping_point_minimises_the_published_error(bits: int) -> None:
    def error(alpha: float) -> float:
        return 2 * math.exp(-alpha) + alpha**2 / (3 * 4**bits)

    best = laplace_clip(bits)
    assert error(best) < error(best * 0.999)
    assert error(best) < error(best * 1.001)
