"""Readable twins of quantized convolution: loops over codes, one multiplication at a time."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from compress.network.window import Window
from compress.quantization.affine import Affine


def convolve_codes(
    codes: npt.NDArray[np.int32], zero_point: int, levels: npt.NDArray[np.int64], window: Window, groups: int = 1
) -> npt.NDArray[np.int64]:
    """Sum (code - zero_point) * level over each window; what is outside the ifmap adds nothing."""
    images, _, height, width = codes.shape
    filters, depth, rows, columns = levels.shape
    out_height = (height + 2 * window.padding[0] - window.dilation[0] * (rows - 1) - 1) // window.stride[0] + 1
    out_width = (width + 2 * window.padding[1] - window.dilation[1] * (columns - 1) - 1) // window.stride[1] + 1
    sums = np.zeros((images, filters, out_height, out_width), dtype=np.int64)
    for image, out, e, f in product(range(images), range(filters), range(out_height), range(out_width)):
        first = out // (filters // groups) * depth
        for channel, r, s in product(range(depth), range(rows), range(columns)):
            y = e * window.stride[0] + r * window.dilation[0] - window.padding[0]
            x = f * window.stride[1] + s * window.dilation[1] - window.padding[1]
            if 0 <= y < height and 0 <= x < width:
                level = int(codes[image, first + channel, y, x]) - zero_point
                sums[image, out, e, f] += level * int(levels[out, channel, r, s])
    return sums


def encode_pixels_loop(
    pixels: npt.NDArray[np.float32], mapping: Affine
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Quantize one number at a time and add up what each pixel's codes stand for, in steps."""
    codes = np.zeros(pixels.shape, dtype=np.uint8)
    sums = np.zeros(len(pixels), dtype=np.float32)
    inverse, zero_point = np.float32(mapping.inverse_scale), int(mapping.zero_point)
    for pixel, row in enumerate(pixels):
        for channel, value in enumerate(row):
            code = int(np.rint(value * inverse)) + zero_point
            code = min(max(code, 0), mapping.largest_code)
            codes[pixel, channel] = code
            sums[pixel] += code - zero_point
    return codes, sums


def finish_pixels_loop(
    sums: npt.NDArray[np.float32],
    covered: npt.NDArray[np.float32],
    shift: npt.NDArray[np.float32],
    gain: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Scale one accumulator at a time, each operation rounded to float32."""
    ofmap = np.zeros_like(sums)
    for pixel, row in enumerate(sums):
        for out, total in enumerate(row):
            if len(covered):
                total = np.float32(total + np.float32(covered[pixel] * shift[out]))
            ofmap[pixel, out] = np.float32(np.float32(total * gain[out]) + bias[out])
    return ofmap
