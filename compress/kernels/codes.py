"""From activations to codes in one pass: what an int8 multiplier reads.

One core a call, without the interpreter's lock: an evaluation shares its batches out over the cores instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(cache=True, nogil=True)
def encode_pixels(
    ifmap: npt.NDArray[np.float32],
    inverse_scale: np.float32,
    zero_point: np.float32,
    largest_code: np.float32,
    codes: npt.NDArray[np.uint8],
    sums: npt.NDArray[np.float32],
) -> None:
    """Quantize each pixel and sum its channels.

    `ifmap`: float32[P, C], one row a pixel; `inverse_scale`, `zero_point`, `largest_code`: float32 scalars. Writes
    `codes`: uint8[P, C], clamp(rint(x * inverse_scale) + zero_point, 0, largest_code), and `sums`: float32[P], the sum
    of code - zero_point over the channels (whole numbers below 2^24 for up to 65,000 channels).
    """
    pixels, channels = ifmap.shape
    zero = np.float32(0.0)
    offset = np.int32(zero_point) * np.int32(channels)
    for pixel in range(pixels):
        total = np.int32(0)
        for channel in range(channels):
            level = np.rint(ifmap[pixel, channel] * inverse_scale) + zero_point
            level = min(max(level, zero), largest_code)
            codes[pixel, channel] = np.uint8(np.int32(level))
            total += np.int32(level)
        sums[pixel] = np.float32(total - offset)


@njit(cache=True, nogil=True)
def window_sums(
    sums: npt.NDArray[np.float32],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    covered: npt.NDArray[np.float32],
) -> None:
    """Add up what lies under each window: a convolution with ones.

    `sums`: float32[N, H, W], whole numbers; `kernel`, `stride`, `padding`, `dilation`: (vertical, horizontal). Writes
    `covered`: float32[N, E, F]; beyond the plane there are zeros.
    """
    images, height, width = sums.shape
    rows, columns = covered.shape[1:]
    line = np.empty(width, dtype=np.float32)
    for image in range(images):
        for row in range(rows):
            line[:] = 0.0
            for step in range(kernel[0]):
                source = row * stride[0] - padding[0] + step * dilation[0]
                if 0 <= source < height:
                    for column in range(width):
                        line[column] += sums[image, source, column]
            for column in range(columns):
                total = np.float32(0.0)
                for step in range(kernel[1]):
                    source = column * stride[1] - padding[1] + step * dilation[1]
                    if 0 <= source < width:
                        total += line[source]
                covered[image, row, column] = total


@njit(cache=True, nogil=True)
def finish_pixels(
    sums: npt.NDArray[np.float32],
    covered: npt.NDArray[np.float32],
    shift: npt.NDArray[np.float32],
    gain: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> None:
    """Turn accumulators into ofmap values, in place: one rounding order for every arithmetic.

    `sums`: float32[P, M], whole numbers, one row a pixel; becomes (sums + covered * shift) * gain + bias. `covered`:
    float32[P], the sum of levels under each window, or of length 0 where no filter is shifted; `shift`, `gain`,
    `bias`: float32[M]. Whole numbers below 2^24 stay exact, so that a shift changes nothing but where a sum was made.
    """
    pixels, filters = sums.shape
    shifted = covered.shape[0] > 0
    for pixel in range(pixels):
        if shifted:
            for out in range(filters):
                total = sums[pixel, out] + covered[pixel] * shift[out]
                sums[pixel, out] = total * gain[out] + bias[out]
        else:
            for out in range(filters):
                sums[pixel, out] = sums[pixel, out] * gain[out] + bias[out]
