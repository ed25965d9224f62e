"""Weights from scratch, in a file: resumable, with a checkpoint after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from compress.images.dataset import Dataset, load_data
from compress.models.accuracy import network_accuracy_pct
from compress.models.load import build_model
from compress.models.registry import model_entry, normalization_of
from compress.models.state_files import write_weights
from compress.models.training import EpochReport, Trainer, train_to_end
from compress.models.training_spec import TrainingSpec
from compress.quantization.arithmetic import computing_device
from compress.vocabulary import Device
from hwsim.errors import InputError, RunError
from hwsim.files.document import Document
from hwsim.files.spec import is_code


class TrainingResult(Document):
    """What `compress train --json` writes: the file of weights, and their accuracy on the test set."""

    KIND: ClassVar[str] = "the result of `compress train --json`"

    weights: str
    test_accuracy_pct: float
    test_images: int


@dataclass(frozen=True)
class TrainedWeights:
    """What a training left: the file, the network with its weights, and its accuracy on the test set."""

    path: Path
    network: nn.Module
    test_accuracy_pct: float
    test_images: int

    @property
    def result(self) -> TrainingResult:
        """The figures, as files hold them."""
        reached = {"test_accuracy_pct": self.test_accuracy_pct, "test_images": self.test_images}
        return TrainingResult(weights=str(self.path), **reached)

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the figures as JSON text; with a path, also write them there."""
        return self.result.to_json(path)

    def __repr__(self) -> str:
        """Say in a line what was reached."""
        return f"TrainedWeights({self.path}: {self.test_accuracy_pct:.2f} % of {self.test_images} test images)"


def train(
    model: str | nn.Module,
    data: str | Dataset,
    out: str | Path,
    *,
    device: Device | str = Device.CPU,
    resume: bool = False,
    on_epoch: Callable[[EpochReport], None] | None = None,
    **settings: Any,
) -> TrainedWeights:
    """Train a network from scratch and write its weights (.safetensors).

    `settings` are fields of TrainingSpec, over the recipe that suits the data. With `resume` an interrupted run
    continues from the checkpoint beside `out`, to the same weights. Raises InputError for wrong settings or files,
    RunError where training diverges or is interrupted.
    """
    target, name = _checked_target(Path(out)), model if isinstance(model, str) else type(model).__name__
    used = computing_device(device)
    checkpoint = target.with_name(target.name + ".checkpoint")
    if checkpoint.exists() and not resume:
        raise InputError(f"'{checkpoint}' is left from an interrupted run; continue it with --resume or remove it")
    chosen = suited(data if isinstance(data, str) else data.name, **settings)
    images = data if isinstance(data, Dataset) else _load(data, model, chosen.seed)
    torch.manual_seed(chosen.seed)
    if images.shape[1] <= 8:
        torch.set_num_threads(1)  # faster on tiny images, and the same weights on any number of cores
    network = build_model(model, images.class_count) if isinstance(model, str) else model
    trainer = Trainer(network, images, chosen, used.type)
    if resume and checkpoint.exists():
        trainer.restore(checkpoint)
    try:
        train_to_end(trainer, checkpoint, on_epoch)
    except KeyboardInterrupt:
        raise RunError(f"interrupted after epoch {trainer.epoch}; continue with --resume") from None
    reached = network_accuracy_pct(trainer.model, images.test, device=used.type)
    write_weights(target, trainer.model.state_dict(), {"model": name, "data": images.name.partition(":")[0]})
    checkpoint.unlink(missing_ok=True)
    return TrainedWeights(target, trainer.model, reached, len(images.test))


def suited(data: str, **settings: Any) -> TrainingSpec:
    """Return the recipe that suits a data set, with settings of one's own over it."""
    digits = data == "digits"
    # a mirrored digit is another digit, or none
    recipe = {"batch_size": 64 if digits else 128, "crop_padding": 1 if digits else 4, "flip": not digits}
    return TrainingSpec.of({**recipe, **settings})


def _checked_target(path: Path) -> Path:
    if path.suffix != ".safetensors":
        raise InputError(f"--out '{path}' must end in .safetensors")
    if not path.absolute().parent.is_dir():
        raise InputError(f"--out '{path}': the folder does not exist; create it or choose another")
    return path


def _load(data: str, model: str | nn.Module, seed: int) -> Dataset:
    if not isinstance(model, str) or is_code(model):
        return load_data(data, seed)
    return load_data(data, seed, normalization=normalization_of(model), size=model_entry(model).input_shape[1])
