"""Training: the schedule, the augmentation, and a resumed run that ends where an uninterrupted one does."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from compress.commands.train import train as train_command
from compress.images.dataset import Dataset, load_data
from compress.models.load import build_model
from compress.models.state_files import load_weights
from compress.models.training import Trainer, augment, learning_rate, train_to_end
from compress.models.training_spec import TrainingSpec
from hwsim.errors import InputError, RunError

SPEC = TrainingSpec(epochs=3, batch_size=64, crop_padding=1, flip=False)


@pytest.fixture(scope="module")
def few_digits() -> Dataset:
    data = load_data("digits")
    return replace(data, train=data.train.take(torch.arange(192).numpy()))


def trainer(data: Dataset, spec: TrainingSpec = SPEC) -> Trainer:
    torch.manual_seed(spec.seed)
    return Trainer(build_model("digits-cnn"), data, spec)


def test_learning_rate_rises_to_the_peak_and_falls_to_zero() -> None:
    rates = [learning_rate(SPEC, step, 100) for step in range(101)]
    assert max(rates) == pytest.approx(SPEC.peak_learning_rate)
    assert rates.index(max(rates)) == 24
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)
    assert all(later <= earlier for earlier, later in pairwise(rates[25:]))


def test_augmentation_only_moves_and_mirrors() -> None:
    images = torch.arange(2 * 3 * 6 * 6, dtype=torch.float32).reshape(2, 3, 6, 6) + 1
    spec = TrainingSpec(crop_padding=2)
    for seed in range(20):
        moved = augment(images, spec, torch.Generator().manual_seed(seed))
        for image, result in zip(images, moved, strict=True):
            padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
            windows = [padded[:, t : t + 6, w : w + 6] for t in range(5) for w in range(5)]
            assert any(torch.equal(result, window) or torch.equal(result, window.flip(2)) for window in windows)


def test_a_resumed_run_ends_in_the_same_weights(tmp_path: Path, few_digits: Dataset) -> None:
    whole = trainer(few_digits)
    train_to_end(whole)
    first = trainer(few_digits)
    first.run_epoch()
    first.save(tmp_path / "checkpoint")
    torch.manual_seed(99)
    second = Trainer(build_model("digits-cnn"), few_digits, SPEC)
    second.restore(tmp_path / "checkpoint")
    train_to_end(second)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name


def test_checkpoints_of_other_options_or_damaged_are_refused(tmp_path: Path, few_digits: Dataset) -> None:
    first = trainer(few_digits)
    first.save(tmp_path / "checkpoint")
    with pytest.raises(InputError, match="was trained with epochs 3, not 4"):
        trainer(few_digits, SPEC.replaced(epochs=4)).restore(tmp_path / "checkpoint")
    (tmp_path / "checkpoint").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match="is no checkpoint"):
        first.restore(tmp_path / "checkpoint")


def test_divergence_is_a_failed_run(few_digits: Dataset) -> None:
    with pytest.raises(RunError, match="diverged"):
        train_to_end(trainer(few_digits, SPEC.replaced(peak_learning_rate=1e18)))


def test_command_writes_weights_and_names_their_accuracy(tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    arguments = ["--model", "digits-cnn", "--data", "digits", "--epochs", "1", "--out", str(out)]
    result = CliRunner().invoke(train_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "of 360 test images" in result.output
    assert out.is_file()
    assert not out.with_name("w.safetensors.checkpoint").exists()


def test_an_interrupted_run_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    out.with_name("w.safetensors.checkpoint").write_bytes(b"")
    with pytest.raises(InputError, match="--resume"):
        CliRunner().invoke(
            train_command,
            ["--model", "digits-cnn", "--data", "digits", "--out", str(out)],
            catch_exceptions=False,
            standalone_mode=False,
        )


def test_ctrl_c_is_one_line_and_keeps_the_last_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = iter([None, KeyboardInterrupt])
    whole_epoch = Trainer.run_epoch

    def interrupted(self: Trainer) -> object:
        if next(epochs) is KeyboardInterrupt:
            raise KeyboardInterrupt
        return whole_epoch(self)

    monkeypatch.setattr(Trainer, "run_epoch", interrupted)
    out = tmp_path / "w.safetensors"
    arguments = ["--model", "digits-cnn", "--data", "digits", "--epochs", "2", "--out", str(out)]
    with pytest.raises(RunError, match="interrupted after epoch 1; continue with --resume"):
        CliRunner().invoke(train_command, arguments, catch_exceptions=False, standalone_mode=False)
    assert not out.exists()
    monkeypatch.undo()
    result = CliRunner().invoke(train_command, [*arguments, "--resume"], catch_exceptions=False)
    assert "resumed after epoch 1" in result.output
    assert out.is_file()


@pytest.mark.slow
def test_colour_images_are_moved_mirrored_and_learned_from(tmp_path: Path) -> None:
    """Two classes, dark and bright: a few epochs of a CIFAR network tell them apart."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 100), ("test", 20)):
        for label, low in (("dark", 0), ("bright", 128)):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(rng.integers(low, low + 128, (16, 16, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    out = tmp_path / "w.safetensors"
    arguments = ["--model", "resnet20-cifar", "--data", f"imagefolder:{tmp_path}@16", "--out", str(out)]
    result = CliRunner().invoke(
        train_command,
        [*arguments, "--epochs", "6", "--batch-size", "20", "--peak-learning-rate", "0.05"],
        env={"XDG_CACHE_HOME": str(tmp_path / "cache")},
        catch_exceptions=False,
    )
    printed = re.search(r"([\d.]+) % of 40 test images", result.output)
    assert printed is not None
    assert float(printed[1]) >= 90.0
    model = build_model("resnet20-cifar", 2)
    load_weights(model, out)
