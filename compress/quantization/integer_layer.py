"""A quantized layer in integers: codes in, exact int32 sums out, and the same sums from the CPU's int8 multipliers.

The accumulators of `reference_accumulators`, of the int8 path and of a float simulation are the same whole numbers
(below 2^24, what float32 holds), and the scales that follow are applied in one place: both paths give the same bits.

Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
CVPR 2018, section 2 (affine codes, integer sums with zero points).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from compress.kernels.codes import encode_pixels, finish_pixels, window_sums
from compress.network.window import POINT, Window
from compress.quantization.affine import Affine

EXACT_FLOAT32 = 2**24
"""Whole numbers below this are exact in float32, sums of them included."""

PRODUCT_INPUTS = 256
"""As many products of two 8-bit levels, each at most 255 x 255, stay below 2^24 in sum."""


@dataclass(frozen=True)
class IntegerLayer:
    """A convolution or fully connected layer whose weights and inputs are codes.

    `weight_levels`: float32[M, C/groups, R, S] (or [M, C]) of whole numbers code - zero_point, pruned ones 0;
    `ifmap`: the input's mapping, for the tensor or (its scales within the weights) for each channel; `gain`,
    `bias`: float32[M], from a sum to the ofmap: y = sum * gain + bias; `window`: how it slides, the kernel being the
    weight's. gain = weight scale * input scale (* batch normalisation).
    """

    weight_levels: Tensor
    ifmap: Affine
    gain: Tensor
    bias: Tensor
    window: Window = POINT
    groups: int = 1

    @property
    def is_convolution(self) -> bool:
        """Whether the weight slides over a plane."""
        return self.weight_levels.dim() == 4

    @cached_property
    def exact_in_float32(self) -> bool:
        """Whether no sum can reach 2^24, so that float32 arithmetic on levels is integer arithmetic."""
        largest = self.weight_levels.abs().flatten(1).sum(dim=1).max() if self.weight_levels.numel() else 0
        return float(largest) * self.ifmap.largest_code < EXACT_FLOAT32

    def levels(self, ifmap: Tensor) -> Tensor:
        """Return the whole numbers float32 that an ifmap float32[N, C, H, W] (or [..., C]) enters the layer as."""
        return self.ifmap.levels(ifmap, axis=1 if self.is_convolution else -1)

    def sums(self, ifmap_levels: Tensor) -> Tensor:
        """Return the accumulators in the dtype of the levels (exact where that dtype is)."""
        weight = self.weight_levels.to(ifmap_levels.dtype)
        if not self.is_convolution:
            return F.linear(ifmap_levels, weight)
        window = self.window
        return F.conv2d(ifmap_levels, weight, None, window.stride, window.padding, window.dilation, self.groups)

    def forward_float(self, ifmap: Tensor) -> Tensor:
        """Return the ofmap float32[N, M, E, F], the sums in float32 arithmetic."""
        return self._finished(self.sums(self.levels(ifmap)))

    def product_sums(self, ifmap_levels: Tensor) -> Tensor:
        """Return the accumulators float32 from products of matrices alone, one for each place of the window.

        These only multiply and add, so whole numbers stay exact whatever the library's order. Where a sum may reach
        2^24, `PRODUCT_INPUTS` products at a time are added in float32 and the parts in float64.
        """
        window, weight, planes = self.window, self.weight_levels, ifmap_levels
        if not self.is_convolution:
            weight, planes = weight[:, :, None, None], planes.reshape(-1, planes.shape[-1], 1, 1)
        outputs, channels, height, width = weight.shape
        planes = F.pad(planes, (window.padding[1], window.padding[1], window.padding[0], window.padding[0]))
        (down, across), images = window.stride, len(planes)
        rows = (planes.shape[2] - window.dilation[0] * (height - 1) - 1) // down + 1
        columns = (planes.shape[3] - window.dilation[1] * (width - 1) - 1) // across + 1
        filters = weight.reshape(self.groups, outputs // self.groups, channels, height, width)
        inputs = planes.reshape(images, self.groups, channels, *planes.shape[2:])
        at_once = max(channels, 1) if self.exact_in_float32 else PRODUCT_INPUTS
        precision = torch.float32 if self.exact_in_float32 else torch.float64
        shape = (images, self.groups, outputs // self.groups, rows * columns)
        total = torch.zeros(shape, dtype=precision, device=planes.device)
        for row, column in product(range(height), range(width)):
            top, left = row * window.dilation[0], column * window.dilation[1]
            below, right = top + (rows - 1) * down + 1, left + (columns - 1) * across + 1
            under = inputs[..., top:below:down, left:right:across].flatten(3)
            for first in range(0, channels, at_once):
                part = filters[:, :, first : first + at_once, row, column]
                read = under[:, :, first : first + at_once]
                # one product for a whole batch: broadcast weights would be copied for each image
                total += part * read if channels == 1 else torch.einsum("gmc,ngcp->ngmp", part, read)
        sums = total.float()
        if not self.is_convolution:
            return sums.reshape(*ifmap_levels.shape[:-1], outputs)
        return sums.reshape(images, outputs, rows, columns)

    def forward_products(self, ifmap: Tensor) -> Tensor:
        """Return the ofmap float32[N, M, E, F] on any device: the same bits as elsewhere."""
        sums = self.product_sums(self.levels(ifmap))
        along = (-1, 1, 1) if self.is_convolution else (-1,)
        return sums.mul_(self.gain.reshape(along)).add_(self.bias.reshape(along))

    def to(self, device: torch.device) -> IntegerLayer:
        """Return the layer with its tensors on a device."""
        ifmap = replace(self.ifmap, scale=self.ifmap.scale.to(device), zero_point=self.ifmap.zero_point.to(device))
        placed = IntegerLayer(
            self.weight_levels.to(device), ifmap, self.gain.to(device), self.bias.to(device), self.window, self.groups
        )
        placed.__dict__["exact_in_float32"] = self.exact_in_float32  # known here: the device need not be asked
        return placed

    def forward_bfloat16(self, ifmap: Tensor) -> Tensor:
        """Return the ofmap with sums rounded to bfloat16: the levels are exact in it (|level| < 256), the sums not."""
        sums = self.sums(self.levels(ifmap).bfloat16()).float()
        along = (-1, 1, 1) if self.is_convolution else (-1,)
        return sums.mul_(self.gain.reshape(along)).add_(self.bias.reshape(along))

    def forward_int8(self, ifmap: Tensor) -> Tensor:
        """Return the ofmap float32[N, M, E, F] from int8 multipliers and int32 sums, channels last."""
        if not self.is_convolution or self.groups > 1 or self.ifmap.scale.dim() or not ifmap.numel():
            return self.forward_float(ifmap)  # few MACs, or zero points of each channel: no kernel to gain from
        packed = self._packed
        codes, pixel_sums = encode(ifmap, self.ifmap)
        window = self.window
        sums: Tensor = torch.ops.onednn.qconv2d_pointwise(
            codes, 1.0, packed.zero_point, packed.weight, packed.ones, packed.no_zero_points,
            None, window.stride, window.padding, window.dilation, self.groups,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        if packed.shift is None:
            return self._finished(sums)
        covered = torch.empty((len(sums), *sums.shape[2:]))
        kernel = (self.weight_levels.shape[2], self.weight_levels.shape[3])
        window_sums(pixel_sums.numpy(), kernel, window.stride, window.padding, window.dilation, covered.numpy())
        return self._finished(sums, covered, packed.shift)

    def _finished(self, sums: Tensor, covered: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Return the ofmap of accumulators float32, in their own memory."""
        if sums.dim() == 4:
            sums = sums.contiguous(memory_format=torch.channels_last)
            pixels = sums.permute(0, 2, 3, 1).view(-1, sums.shape[1])
        else:
            sums = pixels = sums.contiguous()
        none = torch.zeros(0)
        under = none if covered is None else covered.flatten()
        by = none if shift is None else shift
        finish_pixels(pixels.numpy(), under.numpy(), by.numpy(), self.gain.numpy(), self.bias.numpy())
        return sums

    @cached_property
    def _packed(self) -> _Int8Weights:
        return _pack(self)


@dataclass(frozen=True)
class _Int8Weights:
    """Levels as int8 plus one shift a filter: level = weight + shift. A shift meets each window's sum once."""

    weight: Any
    zero_point: int
    no_zero_points: Tensor
    ones: Tensor  # float32[M]: the sums are wanted as they are
    shift: Tensor | None


def _pack(layer: IntegerLayer) -> _Int8Weights:
    levels = layer.weight_levels
    # 8-bit levels reach from -255 to 255 but span at most 255: moving a filter's levels makes them fit
    highest, lowest = levels.flatten(1).amax(dim=1), levels.flatten(1).amin(dim=1)
    shift = torch.where(highest > 127, highest - 127, torch.where(lowest < -128, lowest + 128, 0.0))
    weight = (levels - shift.reshape(-1, 1, 1, 1)).to(torch.int8)
    window, zero_point = layer.window, int(layer.ifmap.zero_point)
    no_zero_points, ones = torch.zeros(levels.shape[0], dtype=torch.int64), torch.ones(levels.shape[0])
    packed = torch.ops.onednn.qconv_prepack(
        weight, ones, 1.0, zero_point, window.stride, window.padding, window.dilation, layer.groups,
        None,
    )  # fmt: skip
    return _Int8Weights(packed, zero_point, no_zero_points, ones, shift if bool(shift.any()) else None)


class EncodedPixels(NamedTuple):
    """Codes uint8[N, C, H, W], channels last, and each pixel's sum of levels float32[N, H, W]."""

    codes: Tensor
    sums: Tensor


def encode(ifmap: Tensor, mapping: Affine) -> EncodedPixels:
    """Return the codes of an ifmap float32[N, C, H, W]."""
    images, channels, height, width = ifmap.shape
    pixels = ifmap.permute(0, 2, 3, 1).contiguous().reshape(-1, channels)
    codes = torch.empty(pixels.shape, dtype=torch.uint8)
    sums = torch.empty(pixels.shape[0])
    inverse, zero = np.float32(float(mapping.inverse_scale)), np.float32(int(mapping.zero_point))
    encode_pixels(pixels.numpy(), inverse, zero, np.float32(mapping.largest_code), codes.numpy(), sums.numpy())
    planes = codes.reshape(images, height, width, channels).permute(0, 3, 1, 2)
    return EncodedPixels(planes, sums.reshape(images, height, width))


def reference_accumulators(layer: IntegerLayer, ifmap: Tensor) -> Tensor:
    """Return the accumulators of a float ifmap as int32, computed on codes with their zero points, in int64.

    Raises OverflowError where a sum leaves 32 bits: the hardware would wrap.
    """
    levels = (layer.ifmap.codes(ifmap) - layer.ifmap.zero_point).to(torch.int64)
    sums = layer.sums(levels)
    if bool((sums.abs() >= 2**31).any()):
        raise OverflowError("an accumulator leaves 32 bits")
    return sums.to(torch.int32)


@lru_cache(maxsize=1)
def int8_is_exact() -> bool:
    """Return whether this machine's int8 convolution exists and sums exactly, tried on the largest codes.

    CPUs without VNNI add pairs of products in 16 saturating bits; older PyTorch lacks the operator.
    """
    try:
        weight = torch.full((16, 64, 3, 3), 127.0)
        weight[::2] = -255.0
        weight[1::4, ::3] = -128.0
        mapping = Affine(torch.tensor(1.0), torch.tensor(3, dtype=torch.int32), 8)
        layer = IntegerLayer(weight, mapping, torch.ones(16), torch.zeros(16), Window(padding=(1, 1)))
        ramp = torch.arange(2 * 64 * 5 * 5, dtype=torch.float32).reshape(2, 64, 5, 5)
        ifmap = torch.where(ramp % 3 == 0, 252.0, (ramp * 7) % 256 - 3)
        return bool(torch.equal(layer.forward_int8(ifmap), reference_accumulators(layer, ifmap).float()))
    except (AttributeError, RuntimeError, TypeError):
        return False
