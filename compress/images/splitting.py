"""What a reader of images returns, before anything is split for a search: pixels and labels, to train and to test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Images uint8[N, C, H, W]."""

Labels = npt.NDArray[np.int64]
"""Class indices int64[N]."""


@dataclass(frozen=True)
class Pools:
    """What a reader returns: class names, and the training and the test images with their labels."""

    classes: tuple[str, ...]
    train: tuple[Pixels, Labels]
    test: tuple[Pixels, Labels]


def stratified_split(labels: Labels, count: int, rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Split indices so that `count` are held out with the classes' shares kept; return (rest, held out), sorted."""
    order = rng.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    # every len/count-th image of the class-sorted order: each class gives its share, to one image
    positions = np.floor((np.arange(count) + 0.5) * len(labels) / max(count, 1)).astype(np.int64)
    held = np.zeros(len(labels), dtype=bool)
    held[by_class[positions]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
