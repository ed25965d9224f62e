"""The part of a padded ifmap that a layer's windows reach, and what one tap of the kernel sees of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.kernels.tuples import NestShape

Words = NDArray[np.int16]


def padded_plane(x: Words, sh: NestShape, fill: int) -> Words:
    """Return int16[N, C, rows, columns]: just the padded plane that the windows reach."""
    rows = (sh.rows - 1) * sh.stride_v + (sh.taps_v - 1) * sh.dilation_v + 1
    columns = (sh.columns - 1) * sh.stride_h + (sh.taps_h - 1) * sh.dilation_h + 1
    plane = np.full((*x.shape[:2], rows, columns), fill, np.int16)
    part = x[:, :, : max(0, rows - sh.padding_v), : max(0, columns - sh.padding_h)]
    plane[:, :, sh.padding_v : sh.padding_v + part.shape[2], sh.padding_h : sh.padding_h + part.shape[3]] = part
    return plane


def under_tap(plane: NDArray[np.generic], sh: NestShape, row: int, column: int) -> NDArray[np.generic]:
    """Return what one tap of the kernel meets at each position: a view [N, C, E, F] of a padded plane."""
    top, left = row * sh.dilation_v, column * sh.dilation_h
    rows = slice(top, top + (sh.rows - 1) * sh.stride_v + 1, sh.stride_v)
    columns = slice(left, left + (sh.columns - 1) * sh.stride_h + 1, sh.stride_h)
    return plane[:, :, rows, columns]
