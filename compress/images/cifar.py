"""CIFAR-10 and CIFAR-100 in the official Python layout, read without running anything a pickle may ask for."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from compress.images.splitting import Labels, Pixels, Pools
from hwsim.errors import InputError

_LAYOUT = {
    "cifar10": ("cifar-10-batches-py", [f"data_batch_{k}" for k in range(1, 6)], ["test_batch"], "batches.meta"),
    "cifar100": ("cifar-100-python", ["train"], ["test"], "meta"),
}
_LABEL_KEY = {"cifar10": b"labels", "cifar100": b"fine_labels"}
_NAMES_KEY = {"cifar10": b"label_names", "cifar100": b"fine_label_names"}
_CLASSES = {"cifar10": 10, "cifar100": 100}

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


def read_cifar(folder: Path, kind: str) -> Pools:
    """Read the training and test images of `kind` (cifar10, cifar100) from `folder` or its official sub-folder."""
    name, train_files, test_files, meta_file = _LAYOUT[kind]
    root = folder / name if (folder / name).is_dir() else folder
    missing = [file for file in (*train_files, *test_files) if not (root / file).is_file()]
    if missing:
        raise InputError(f"--data: '{folder}' holds no {name}/{missing[0]}; name the folder of the unpacked archive")
    classes = tuple(str(index) for index in range(_CLASSES[kind]))
    if (root / meta_file).is_file():
        names = read_batch(root / meta_file).get(_NAMES_KEY[kind], [])
        if len(names) == len(classes):
            classes = tuple(name.decode(errors="replace") for name in names)
    train = [_images(root / file, kind) for file in train_files]
    test = [_images(root / file, kind) for file in test_files]
    return Pools(classes, _concatenate(train), _concatenate(test))


def _images(path: Path, kind: str) -> tuple[Pixels, Labels]:
    record = read_batch(path)
    rows, labels = record.get(b"data"), record.get(_LABEL_KEY[kind])
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != 3072:
        raise InputError(f"--data: '{path}' holds no uint8 rows of 3072 pixels; unpack the official archive again")
    targets = np.asarray(labels if labels is not None else [], dtype=np.int64)
    if targets.shape != (len(rows),) or not len(rows):
        raise InputError(f"--data: '{path}' has {len(rows)} images and {targets.size} labels; unpack it again")
    if targets.min() < 0 or targets.max() >= _CLASSES[kind]:
        raise InputError(f"--data: '{path}' has a label outside 0..{_CLASSES[kind] - 1}; unpack it again")
    return rows.reshape(-1, 3, 32, 32), targets


def _concatenate(parts: list[tuple[Pixels, Labels]]) -> tuple[Pixels, Labels]:
    return np.concatenate([pixels for pixels, _ in parts]), np.concatenate([labels for _, labels in parts])
