"""Images for a search: what calibrates, what the search may look at, and the test set it never sees.

`digits` is embedded (scikit-learn); `cifar10:DIR`, `cifar100:DIR` read the official Python layout and `imagefolder:DIR`
one folder a class (`imagefolder:DIR@64` for images of 64 x 64 instead of 224 x 224). Pixels are decoded once and kept
as 8-bit values; floats exist only where they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from compress.images.cifar import CIFAR10, CIFAR100, read_cifar
from compress.images.image_folder import read_image_folder
from compress.images.normalization import CIFAR, DIGITS, IMAGENET, Normalization
from compress.images.splitting import Labels, Pixels, Pools, stratified_split
from hwsim.errors import InputError, unknown_name

CALIBRATION_IMAGES = 256
_CIFAR = {"cifar10": CIFAR10, "cifar100": CIFAR100}
_DIGITS_SPLIT_SEED = 1797  # fixed: the shipped weights must never have seen the validation or the test digits


@dataclass(frozen=True)
class LabelledImages:
    """Images and labels of one purpose: pixels uint8[N, C, H, W]; `images, labels = split` gives float32 and int64."""

    pixels: Pixels
    targets: Labels
    normalization: Normalization

    def __len__(self) -> int:
        return len(self.targets)

    def __iter__(self) -> Iterator[torch.Tensor]:
        yield self.images
        yield self.labels

    @property
    def images(self) -> torch.Tensor:
        """All images as the network's input, float32[N, C, H, W], made anew at each access."""
        return self.normalization.apply(self.pixels)

    @property
    def labels(self) -> torch.Tensor:
        """Class indices, int64[N]."""
        return torch.from_numpy(self.targets.copy())

    def take(self, indices: npt.NDArray[np.int64]) -> LabelledImages:
        """Return the chosen images in the given order."""
        return LabelledImages(self.pixels[indices], self.targets[indices], self.normalization)

    def batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (float32[n, C, H, W], int64[n]) in order, n = size but for the last; memory stays that of one batch."""
        for start in range(0, len(self), size):
            part = self.take(np.arange(start, min(start + size, len(self))))
            yield part.images, part.labels


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images of one task; validation comes out of the training images."""

    name: str
    classes: tuple[str, ...]
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    seed: int

    @property
    def class_count(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        channels, height, width = self.test.pixels.shape[1:]
        return int(channels), int(height), int(width)

    @property
    def normalization(self) -> Normalization:
        """Mean and deviation that the splits apply."""
        return self.test.normalization

    @property
    def calibration(self) -> torch.Tensor:
        """Training images for activation ranges, float32[<=256, C, H, W], chosen by the seed."""
        return self.train.take(self._calibration_places()).images

    @property
    def calibration_labels(self) -> torch.Tensor:
        """The labels int64 of the calibration images, for pruners that need them."""
        return torch.from_numpy(self.train.targets[self._calibration_places()])

    def _calibration_places(self) -> npt.NDArray[np.int64]:
        count = min(CALIBRATION_IMAGES, len(self.train))
        return np.sort(np.random.default_rng(self.seed).permutation(len(self.train))[:count])

    @property
    def example(self) -> torch.Tensor:
        """One input for tracing, float32[1, C, H, W]."""
        return self.train.take(np.arange(1)).images


def load_data(
    spec: str,
    seed: int = 0,
    *,
    normalization: Normalization | None = None,
    size: int = 224,
    validation_count: int | None = None,
) -> Dataset:
    """Load `digits`, `cifar10:DIR`, `cifar100:DIR` or `imagefolder:DIR`.

    `normalization` is the one the network's weights expect (compress.models.normalization_of); without it the data's
    own. `size` is the edge in pixels of image-folder images. Raises InputError for an unknown name or a bad folder.
    """
    kind, location = data_name(spec)
    if kind == "digits":
        return _digits(seed, normalization or DIGITS)
    folder = Path(location).expanduser()
    stem, _, edge = location.rpartition("@")
    if kind == "imagefolder" and stem and edge.isdigit() and not folder.exists():
        folder, size = Path(stem).expanduser(), int(edge)
        if not 4 <= size <= 1024:
            raise InputError(f"--data '{spec}': images of {size} pixels; write a size from 4 to 1024 after @")
    if not folder.is_dir():
        raise InputError(f"--data '{spec}': '{folder}' is not a folder; name the folder that holds the images")
    if kind == "imagefolder":
        pools = read_image_folder(folder, size, seed)
        return _dataset(spec, pools, normalization or IMAGENET, seed, validation_count)
    return _dataset(spec, read_cifar(folder, _CIFAR[kind]), normalization or CIFAR, seed, validation_count)


def data_name(spec: str) -> tuple[str, str]:
    """Return the kind and the folder that NAME[:DIR] names, without a look at it; raises InputError as load_data."""
    kind, _, location = spec.partition(":")
    if kind not in ("digits", *_CIFAR, "imagefolder"):
        raise unknown_name("data", kind, ("digits", "cifar10:DIR", "cifar100:DIR", "imagefolder:DIR"))
    if kind != "digits" and not location:
        raise InputError(f"--data '{spec}': a folder is missing; write {kind}:DIR")
    return kind, location


def _dataset(name: str, pools: Pools, normalization: Normalization, seed: int, validation_count: int | None) -> Dataset:
    pixels, labels = pools.train
    # a tenth of the training images, at most 5000 small or 1000 large ones, so that a search's memory stays bounded
    most = 5000 if pixels.shape[-1] <= 64 else 1000
    count = min(most, len(labels) // 10) if validation_count is None else validation_count
    if not 0 < count < len(labels):
        raise InputError(f"--data '{name}': {count} of {len(labels)} training images for validation; more are needed")
    places = stratified_split(labels, count, np.random.default_rng(seed))
    everything = LabelledImages(pixels, labels, normalization)
    test = LabelledImages(*pools.test, normalization)
    return Dataset(name, pools.classes, everything.take(places.rest), everything.take(places.held), test, seed)


def _digits(seed: int, normalization: Normalization) -> Dataset:
    """Return the 1797 digits of 8 x 8: 1077 to train, 360 to validate, 360 to test, the same for every seed."""
    # a second, which only this data needs
    from sklearn.datasets import load_digits  # type: ignore[import-untyped,unused-ignore]

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    rng = np.random.default_rng(_DIGITS_SPLIT_SEED)
    rest, test = stratified_split(labels, 360, rng)
    train, validation = stratified_split(labels[rest], 360, rng)
    everything = LabelledImages(pixels, labels, normalization)
    classes = tuple(str(digit) for digit in range(10))
    return Dataset(
        "digits", classes, everything.take(rest[train]), everything.take(rest[validation]), everything.take(test), seed
    )
