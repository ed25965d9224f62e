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
