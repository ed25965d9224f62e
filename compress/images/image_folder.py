"""Image folders: one folder a class, decoded once to 8-bit arrays that a cache keeps.

Layout: DIR/train/CLASS/* and DIR/test/CLASS/* (or val, validation); with DIR/CLASS/* alone, a fifth becomes the test
set, the same fifth for every seed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from compress.images.splitting import LabelledPixels, Pixels, Pools, stratified_split
from hwsim.errors import InputError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
_TEST_NAMES = ("test", "val", "validation")
_TEST_SEED = 0  # the test set must not change with the search's seed


def cache_folder() -> Path:
    """Return where decoded images are kept: XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tilejoule"


def read_image_folder(folder: Path, size: int, seed: int = 0) -> Pools:
    """Read RGB images as uint8[N, 3, size, size]: the shorter edge scaled to 8/7 of size, the centre cropped.

    Raises InputError for a folder without images, a class missing from a part, or an image that cannot be read.
    """
    del seed  # every seed sees the same pools; it splits validation from the training pool later
    if (folder / "train").is_dir():
        test_folder = next((folder / name for name in _TEST_NAMES if (folder / name).is_dir()), None)
        if test_folder is None:
            raise InputError(f"--data: '{folder}' has train but no test folder; add test, val or validation beside it")
        classes = _classes(folder / "train")
        train = _decoded(_listing(folder / "train", classes), size)
        return Pools(classes, train, _decoded(_listing(test_folder, classes), size))
    classes = _classes(folder)
    pool = _decoded(_listing(folder, classes), size)
    labels = pool.labels
    if len(labels) < 10:
        raise InputError(f"--data: '{folder}' holds {len(labels)} images; at least 10 are needed to train and test")
    halves = stratified_split(labels, max(1, len(labels) // 5), np.random.default_rng(_TEST_SEED))
    return Pools(classes, pool.take(halves.rest), pool.take(halves.held))


def _classes(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    if not names:
        raise InputError(f"--data: '{folder}' holds no class folders; expected one folder of images a class")
    return names


def _listing(folder: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    """Return (file, class index) of all images, sorted; folders of unknown classes are refused."""
    strange = sorted({entry.name for entry in folder.iterdir() if entry.is_dir()} - set(classes))
    if strange:
        raise InputError(f"--data: '{folder}' has the class '{strange[0]}', which the training images do not have")
    files = []
    for index, name in enumerate(classes):
        inside = sorted((folder / name).rglob("*")) if (folder / name).is_dir() else []
        files += [(path, index) for path in inside if path.suffix.lower() in SUFFIXES]
    if not files:
        raise InputError(f"--data: '{folder}' holds no images ({', '.join(sorted(SUFFIXES))}); fill it or name another")
    return files


def _decoded(files: list[tuple[Path, int]], size: int) -> LabelledPixels:
    labels = np.array([index for _, index in files], dtype=np.int64)
    key = hashlib.sha256(f"{size}".encode())
    for path, _ in files:
        stat = path.stat()
        key.update(f"{path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    cached = cache_folder() / f"images-{key.hexdigest()[:32]}.npy"
    if cached.is_file():
        try:
            found = np.load(cached, mmap_mode="r", allow_pickle=False)
            if found.shape == (len(files), 3, size, size) and found.dtype == np.uint8:
                return LabelledPixels(found, labels)
        except (OSError, ValueError):
            pass  # a damaged cache is made anew
    pixels = np.stack([_image(path, size) for path, _ in files])
    return LabelledPixels(_keep(cached, pixels), labels)


def _image(path: Path, size: int) -> Pixels:
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"--data: '{path}' cannot be read as an image ({error}); repair or remove it") from None
    scale = (size * 8 / 7 if size > 64 else size) / min(rgb.size)
    width, height = (max(size, round(edge * scale)) for edge in rgb.size)
    rgb = rgb.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    cropped = rgb.crop((left, top, left + size, top + size))
    return np.ascontiguousarray(np.asarray(cropped, dtype=np.uint8).transpose(2, 0, 1))


def _keep(cached: Path, pixels: Pixels) -> Pixels:
    """Write the cache where that is possible and return the array, mapped from it so that memory stays small."""
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cached.parent, suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, pixels, allow_pickle=False)
        Path(temporary).replace(cached)
        return np.load(cached, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except OSError:
        return pixels  # no cache is no failure
