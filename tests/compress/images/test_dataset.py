"""Data: splits that never mix, folders that are wrong in any way named in one line."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from compress.images.dataset import load_data
from compress.images.normalization import Normalization
from compress.images.splitting import stratified_split
from hwsim.errors import InputError


def keys(pixels: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in pixels}


def write_cifar(folder: Path, images: int = 40, classes: int = 10) -> Path:
    root = folder / "cifar-10-batches-py"
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        rows = rng.integers(0, 256, (images, 3072), dtype=np.uint8)
        record = {b"data": rows, b"labels": [k % classes for k in range(images)]}
        (root / name).write_bytes(pickle.dumps(record, protocol=2))
    return root


def write_images(folder: Path, parts: tuple[str, ...] = ("train", "test"), count: int = 20) -> None:
    rng = np.random.default_rng(1)
    for part in parts:
        for label in ("ant", "bee"):
            (folder / part / label).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{index}.png")


@given(st.integers(2, 60), st.integers(1, 5), st.integers(0, 9), st.data())
def test_stratified_split_keeps_shares_and_never_overlaps(
    count: int, classes: int, seed: int, data: st.DataObject
) -> None:
    held_count = data.draw(st.integers(1, count - 1))
    labels = np.random.default_rng(seed).integers(0, classes, count)
    rest, held = stratified_split(labels, held_count, np.random.default_rng(seed))
    assert len(held) == held_count
    assert sorted([*rest, *held]) == list(range(count))
    for label, total in Counter(labels.tolist()).items():
        assert abs((labels[held] == label).sum() - total * held_count / count) <= 1


def test_digits_are_the_same_for_every_seed_and_disjoint() -> None:
    data, other = load_data("digits", seed=0), load_data("digits", seed=5)
    assert (len(data.train), len(data.validation), len(data.test)) == (1077, 360, 360)
    assert np.array_equal(data.test.pixels, other.test.pixels)
    assert np.array_equal(data.validation.pixels, other.validation.pixels)
    assert not keys(data.test.pixels) & (keys(data.train.pixels) | keys(data.validation.pixels))
    images, labels = data.validation
    assert images.shape == (360, 1, 8, 8)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert data.shape == (1, 8, 8)
    assert abs(float(data.train.images.mean())) < 0.01
    assert not torch.equal(data.calibration, other.calibration)


def test_batches_are_the_whole_split_in_order() -> None:
    split = load_data("digits").test
    images = torch.cat([images for images, _ in split.batches(77)])
    assert torch.equal(images, split.images)


def test_cifar_in_the_official_layout(tmp_path: Path) -> None:
    root = write_cifar(tmp_path)
    data = load_data(f"cifar10:{tmp_path}", seed=3, normalization=Normalization((0.0,) * 3, (1.0,) * 3))
    assert (len(data.train), len(data.validation), len(data.test)) == (180, 20, 40)
    first = pickle.loads((root / "test_batch").read_bytes())[b"data"][0].reshape(3, 32, 32)
    assert torch.equal(data.test.images[0], torch.from_numpy(first) / 255.0)
    assert not keys(data.validation.pixels) & keys(data.train.pixels)
    again = load_data(f"cifar10:{root}", seed=3)
    assert np.array_equal(again.validation.pixels, data.validation.pixels)
    assert not np.array_equal(load_data(f"cifar10:{root}", seed=4).validation.pixels, data.validation.pixels)


def test_a_batch_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    root = write_cifar(tmp_path)
    (root / "data_batch_3").write_bytes(pickle.dumps({b"data": Bomb()}))
    with pytest.raises(InputError, match="data_batch_3' is not a CIFAR batch"):
        load_data(f"cifar10:{tmp_path}")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["missing", "truncated", "labels", "range", "shape"])
def test_damaged_cifar_is_one_line(tmp_path: Path, damage: str) -> None:
    root = write_cifar(tmp_path)
    path = root / "data_batch_2"
    record = pickle.loads(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        record[b"labels"] = {"labels": [1], "range": [99] * 40}.get(damage, record[b"labels"])
        record[b"data"] = record[b"data"][:, :100] if damage == "shape" else record[b"data"]
        path.write_bytes(pickle.dumps(record))
    with pytest.raises(InputError, match="data_batch_2") as caught:
        load_data(f"cifar10:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_image_folder_with_and_without_a_test_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_images(tmp_path / "parts")
    data = load_data(f"imagefolder:{tmp_path / 'parts'}", size=16)
    assert data.classes == ("ant", "bee")
    assert (len(data.train), len(data.validation), len(data.test)) == (36, 4, 40)
    assert data.shape == (3, 16, 16)
    assert load_data(f"imagefolder:{tmp_path / 'parts'}@24").shape == (3, 24, 24)
    flat = load_data(f"imagefolder:{tmp_path / 'parts' / 'train'}", size=16, seed=1)
    other = load_data(f"imagefolder:{tmp_path / 'parts' / 'train'}", size=16, seed=2)
    assert len(flat.test) == 8
    assert np.array_equal(flat.test.pixels, other.test.pixels)
    assert not np.array_equal(flat.validation.pixels, other.validation.pixels)


def test_decoded_images_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_images(tmp_path / "images")
    first = load_data(f"imagefolder:{tmp_path / 'images'}", size=16)
    cached = sorted((tmp_path / "cache" / "tilejoule").glob("*.npy"))
    assert len(cached) == 2
    monkeypatch.setattr("compress.images.image_folder._image", lambda path, size: pytest.fail("decoded again"))
    again = load_data(f"imagefolder:{tmp_path / 'images'}", size=16)
    assert np.array_equal(first.test.pixels, again.test.pixels)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cached[0].unlink()  # the file that is mapped stays as it is; a damaged one takes its name
    cached[0].write_bytes(b"damaged")
    third = load_data(f"imagefolder:{tmp_path / 'images'}", size=16)
    assert np.array_equal(first.test.pixels, third.test.pixels)


def test_an_unreadable_image_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_images(tmp_path / "images")
    broken = tmp_path / "images" / "train" / "bee" / "7.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match=r"bee/7.png' cannot be read"):
        load_data(f"imagefolder:{tmp_path / 'images'}", size=16)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("digit", "did you mean digits"),
        ("cifar10", "a folder is missing"),
        ("imagefolder:{empty}@2", "a size from 4 to 1024"),
        ("cifar10:/no/such/folder", "is not a folder"),
        ("imagefolder:{empty}", "holds no class folders"),
        ("cifar100:{empty}", "holds no cifar-100-python/train"),
    ],
)
def test_wrong_specifications_are_one_line(tmp_path: Path, spec: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        load_data(spec.format(empty=tmp_path / "empty"))
