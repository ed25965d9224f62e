"""What a reader of images returns, before anything is split for a search: pixels and labels, to train and to test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Images uint8[N, C, H, W]."""

Labels = npt.NDArray[np.int64]
"""Class indices int64[N]."""


class LabelledPixels(NamedTuple):
    """Images uint8[N, C, H, W] and their class indices int64[N]."""

    pixels: Pixels
    labels: Labels

    def take(self, places: Labels) -> LabelledPixels:
        """Return the images at these places."""
        return LabelledPixels(self.pixels[places], self.labels[places])


@dataclass(frozen=True)
class Pools:
    """What a reader returns: class names, and the training and the test images with their labels."""

    classes: tuple[str, ...]
    train: LabelledPixels
    test: LabelledPixels


class Halves(NamedTuple):
    """Places of images, int64, sorted: those that stay and those that are held out."""

    rest: Labels
    held: Labels


def stratified_split(labels: Labels, count: int, rng: np.random.Generator) -> Halves:
    """Split places so that `count` are held out with the classes' shares kept."""
    order = rng.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    # every len/count-th image of the class-sorted order: each class gives its share, to one image
    positions = np.floor((np.arange(count) + 0.5) * len(labels) / max(count, 1)).astype(np.int64)
    held = np.zeros(len(labels), dtype=bool)
    held[by_class[positions]] = True
    return Halves(np.flatnonzero(~held), np.flatnonzero(held))
