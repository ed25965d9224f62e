"""Post-training quantization: asymmetric, linear, weights per output channel, activations clipped for a Laplace law.

A number x becomes the code clamp(rint(x * (1/scale)) + zero_point, 0, 2^bits - 1) and stands for
(code - zero_point) * scale. Every range is widened to contain 0 and zero points are whole, so zero stays exactly zero.

Source: Banner et al., "Post training 4-bit quantization of convolutional networks for rapid-deployment", NeurIPS 2019
(ACIQ), sections 2-3; Balaskas et al., IEEE TETC, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import torch
from scipy.special import lambertw
from torch import Tensor

from compress.policy import check_bits
from compress.vocabulary import Clipping
from hwsim.errors import InputError

HISTOGRAM_BINS = 1024
"""Bins of what calibration saw: at least four to a code."""

CLIP_SHARES = 64
"""How many ends of a range least-error clipping tries, evenly down from what was seen."""


@lru_cache(maxsize=32)
def laplace_clip(bits: int, one_sided: bool = False) -> float:
    """Return alpha / b: where to clip a Laplace-distributed tensor of scale b for least squared error.

    Clipping and rounding cost 2 b^2 exp(-alpha/b) + alpha^2 / (3 4^M); the minimum is at alpha/b = W(3 4^M), W the
    Lambert W function. One-sided (behind a ReLU) the codes cover half the range: W(3 4^(M+1)).
    """
    check_bits(bits)
    return float(lambertw(3.0 * 4.0 ** (bits + 1 if one_sided else bits)).real)


@dataclass(frozen=True)
class ActivationStatistics:
    """What calibration saw of one activation: mean, b = mean |x - mean|, smallest and largest value.

    Floats for a tensor as a whole; `float32[C]` tensors where each channel has its own. `histogram`, float64
    [(C,) HISTOGRAM_BINS]: how many values fell into equal bins from the smallest to the largest; least-error clipping
    reads it. `clipping` is how a range is chosen where nothing else is asked for.
    """

    mean: Tensor
    deviation: Tensor
    minimum: Tensor
    maximum: Tensor
    histogram: Tensor | None = None
    clipping: Clipping | None = None
    _least_error: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def least_error_range(self, bits: int) -> tuple[Tensor, Tensor]:
        """Return the (low, high) of least squared error on the histogram; searched for once for each precision."""
        if bits not in self._least_error:
            self._least_error[bits] = _least_error_range(self, bits)
        return self._least_error[bits]

    @property
    def one_sided(self) -> bool:
        """Whether nothing was below zero, as behind a ReLU."""
        return bool((self.minimum >= 0).all())


@dataclass(frozen=True)
class Affine:
    """A mapping between numbers and codes: `scale` float32 and `zero_point` int32, scalars or one a channel."""

    scale: Tensor
    zero_point: Tensor
    bits: int

    @property
    def largest_code(self) -> int:
        """2^bits - 1."""
        return int(2**self.bits - 1)

    @property
    def inverse_scale(self) -> Tensor:
        """1 / scale in float32: what codes are computed with, everywhere."""
        return self.scale.reciprocal()

    def codes(self, values: Tensor, axis: int = 0) -> Tensor:
        """Return int32 codes; half-way cases round to even. A mapping per channel runs along `axis`."""
        scaled = torch.round(values * _along(self.inverse_scale, values, axis))
        return (scaled + _along(self.zero_point, values, axis)).clamp_(0, self.largest_code).to(torch.int32)

    def levels(self, values: Tensor, axis: int = 0) -> Tensor:
        """Return code - zero_point as float32: the whole numbers that enter a multiplier."""
        zero = _along(self.zero_point, values, axis).to(torch.float32)
        scaled = torch.round(values * _along(self.inverse_scale, values, axis))
        return torch.minimum(torch.maximum(scaled, -zero), self.largest_code - zero)

    def fake_quantize(self, values: Tensor, axis: int = 0) -> Tensor:
        """Return the numbers that the codes stand for, float32."""
        return self.levels(values, axis) * _along(self.scale, values, axis)


def _along(parameter: Tensor, values: Tensor, axis: int) -> Tensor:
    if parameter.dim() == 0:
        return parameter
    shape = [1] * values.dim()
    shape[axis] = -1
    return parameter.reshape(shape)


def affine(low: Tensor, high: Tensor, bits: int) -> Affine:
    """Return the mapping whose codes span [low, high], widened to contain 0.

    An empty range (an all-zero tensor or channel) gets scale 1 and maps zero to zero. Raises InputError for bits
    outside 2..8 and for ranges that are not finite.
    """
    check_bits(bits)
    low, high = low.double().clamp(max=0.0), high.double().clamp(min=0.0)
    if not bool(torch.isfinite(high - low).all()):
        raise InputError("a tensor to be quantized holds NaN or infinity; check the weights and the calibration data")
    largest = 2**bits - 1
    scale = ((high - low) / largest).float()
    # a range too narrow for a float32 reciprocal is as good as empty
    scale = torch.where(scale > 1e-30, scale, torch.ones_like(scale))
    zero_point = torch.round(-low / scale.double()).clamp(0, largest).to(torch.int32)
    return Affine(scale, zero_point, bits)


def activation_affine(statistics: ActivationStatistics, bits: int, clipping: Clipping | None = None) -> Affine:
    """Return the mapping of an activation.

    `clipping` is by default what the statistics were collected for; where they do not say, Laplace for a tensor, and
    all that was seen for channels with scales of their own.

    Laplace: [max(min, mean - alpha), that + 2 alpha], behind a ReLU [0, max(mean, 0) + alpha]; neither end goes beyond
    what calibration saw, since codes there would stand for numbers that do not occur. Least error (MSE): the same
    squared error, but of the values that were seen instead of a law that they may not follow: behind a ReLU half of
    them are zero, which makes b too small.
    """
    clipping = clipping or statistics.clipping or (Clipping.MINMAX if statistics.mean.dim() else Clipping.LAPLACE)
    check_bits(bits)
    low, high = statistics.minimum, statistics.maximum
    if clipping is Clipping.MSE:
        return affine(*statistics.least_error_range(bits), bits)
    if clipping is Clipping.LAPLACE:
        one_sided = statistics.one_sided
        alpha = laplace_clip(bits, one_sided) * statistics.deviation
        if one_sided:
            low = torch.zeros_like(low)
            high = torch.minimum(high, statistics.mean.clamp(min=0.0) + alpha)
        else:
            low = torch.maximum(low, statistics.mean - alpha)
            high = torch.minimum(high, low + 2 * alpha)
    return affine(low, high, bits)


def _least_error_range(statistics: ActivationStatistics, bits: int) -> tuple[Tensor, Tensor]:
    """Return the range of least squared error on the histogram, float32 scalars or [C].

    One end after the other is drawn in from what was seen, the lower one where it is below zero.
    """
    if statistics.histogram is None:
        raise ValueError("least-error clipping needs a histogram of the activation")
    seen = statistics.minimum, statistics.maximum
    low, high = (end.double().reshape(-1) for end in seen)
    counts = statistics.histogram.reshape(len(low), -1)
    centres = (torch.arange(HISTOGRAM_BINS, dtype=torch.float64) + 0.5) / HISTOGRAM_BINS
    values = low[:, None] + (high - low)[:, None] * centres
    ends = [low.clamp(max=0.0), high.clamp(min=0.0)]
    for end in (1,) if statistics.one_sided else (1, 0):
        best = torch.full_like(low, float("inf"))
        chosen = whole = ends[end]
        for step in range(CLIP_SHARES, 0, -1):
            ends[end] = whole * (step / CLIP_SHARES)
            error = (affine(ends[0], ends[1], bits).fake_quantize(values) - values).square().mul(counts).sum(dim=1)
            better = error < best
            best, chosen = torch.where(better, error, best), torch.where(better, ends[end], chosen)
        ends[end] = chosen
    return ends[0].float().reshape(seen[0].shape), ends[1].float().reshape(seen[1].shape)


def weight_affine(weight: Tensor, bits: int, clipping: Clipping = Clipping.MINMAX) -> Affine:
    """Return the mapping of a weight float32[M, ...]: one scale and zero point for each output channel.

    Least-error clipping is for activations: of weights the few large ones matter more than their error says.
    """
    check_bits(bits)
    rows = weight.flatten(1)
    if not rows.shape[1]:
        return affine(torch.zeros(weight.shape[0]), torch.zeros(weight.shape[0]), bits)
    low, high = rows.amin(dim=1), rows.amax(dim=1)
    if clipping is Clipping.MSE:
        raise ValueError("least-error clipping is for activations; take minmax or laplace for weights")
    if clipping is Clipping.LAPLACE:
        mean = rows.mean(dim=1)
        alpha = laplace_clip(bits) * (rows - mean[:, None]).abs().mean(dim=1)
        low, high = torch.maximum(low, mean - alpha), torch.minimum(high, mean + alpha)
    return affine(low, high, bits)


def fold_input_scales(weight: Tensor, scale: Tensor, groups: int) -> Tensor:
    """Return a weight float32[M, C/groups, ...] for inputs counted in levels of their own scale, float32[C] or scalar.

    Sums over channels add levels, not numbers: where channels have scales of their own, each weight takes its
    channel's in before it is quantized. A scale for the tensor as a whole multiplies the sum instead.
    """
    if scale.dim() == 0:
        return weight
    rows = scale.reshape(groups, -1).repeat_interleave(weight.shape[0] // groups, dim=0)
    return weight * rows.reshape(*rows.shape, *(1,) * (weight.dim() - 2))


def correct_bias(quantized: Tensor, weight: Tensor, mask: Tensor | None = None) -> Tensor:
    """Shift each output channel of a quantized weight so that its mean is that of the weight it stands for.

    `mask`: bool as the weight, True where a weight is kept; pruned weights stay exactly zero and out of the means.
    The shifted numbers no longer are whole multiples of the scale: for studies in float, not for an integer MAC.
    Source: Banner et al., NeurIPS 2019, section 5 (bias correction).
    """
    kept = torch.ones_like(weight) if mask is None else mask.to(weight.dtype)
    rows = kept.flatten(1).sum(dim=1).clamp(min=1)
    error = ((weight - quantized) * kept).flatten(1).sum(dim=1) / rows
    return quantized + error.reshape((-1,) + (1,) * (weight.dim() - 1)) * kept
