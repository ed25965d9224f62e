"""CIFAR-10 and CIFAR-100 in the official Python layout, read without running anything a pickle may ask for."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compress.images.splitting import LabelledPixels, Pools
from hwsim.errors import InputError


@dataclass(frozen=True)
class CifarLayout:
    """How an official archive is laid out: its folder, its files, and the keys within them."""

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    labels_key: bytes
    names_key: bytes
    classes: int


CIFAR10 = CifarLayout(
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test=("test_batch",),
    meta="batches.meta",
    labels_key=b"labels",
    names_key=b"label_names",
    classes=10,
)
CIFAR100 = CifarLayout(
    folder="cifar-100-python",
    train=("train",),
    test=("test",),
    meta="meta",
    labels_key=b"fine_labels",
    names_key=b"fine_label_names",
    classes=100,
)

# all that an array needs to come back; a batch file holds nothing else
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_batch(path: Path) -> dict[bytes, Any]:
    """Read one batch file: a dictionary with byte keys. Raises InputError where it is anything else."""
    try:
        record = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except OSError as error:
        raise InputError(f"--data: cannot read '{path}': {error.strerror}; unpack the official archive again") from None
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to spell
        raise InputError(
            f"--data: '{path}' is not a CIFAR batch ({error}); unpack the official archive again"
        ) from None
    if not isinstance(record, dict):
        raise InputError(f"--data: '{path}' holds no dictionary; unpack the official archive again")
    return record


def read_cifar(folder: Path, layout: CifarLayout) -> Pools:
    """Read the training and test images of an archive from `folder` or its official sub-folder."""
    root = folder / layout.folder if (folder / layout.folder).is_dir() else folder
    missing = [file for file in (*layout.train, *layout.test) if not (root / file).is_file()]
    if missing:
        raise InputError(
            f"--data: '{folder}' holds no {layout.folder}/{missing[0]}; name the folder of the unpacked archive"
        )
    classes = tuple(str(index) for index in range(layout.classes))
    if (root / layout.meta).is_file():
        names = read_batch(root / layout.meta).get(layout.names_key, [])
        if len(names) == len(classes):
            classes = tuple(name.decode(errors="replace") for name in names)
    train = [_images(root / file, layout) for file in layout.train]
    test = [_images(root / file, layout) for file in layout.test]
    return Pools(classes, _concatenate(train), _concatenate(test))


def _images(path: Path, layout: CifarLayout) -> LabelledPixels:
    record = read_batch(path)
    rows, labels = record.get(b"data"), record.get(layout.labels_key)
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != 3072:
        raise InputError(f"--data: '{path}' holds no uint8 rows of 3072 pixels; unpack the official archive again")
    targets = np.asarray(labels if labels is not None else [], dtype=np.int64)
    if targets.shape != (len(rows),) or not len(rows):
        raise InputError(f"--data: '{path}' has {len(rows)} images and {targets.size} labels; unpack it again")
    if targets.min() < 0 or targets.max() >= layout.classes:
        raise InputError(f"--data: '{path}' has a label outside 0..{layout.classes - 1}; unpack it again")
    return LabelledPixels(rows.reshape(-1, 3, 32, 32), targets)


def _concatenate(parts: list[LabelledPixels]) -> LabelledPixels:
    pixels, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return LabelledPixels(pixels, labels)
