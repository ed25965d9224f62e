"""A short, modern recipe that makes weights from scratch: one-cycle learning rate, label smoothing, flips and crops.

Source: Smith and Topin, "Super-Convergence", 2019 (one-cycle); Szegedy et al., CVPR 2016, section 7 (label smoothing).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from compress.images.dataset import Dataset, LabelledImages
from compress.models.accuracy import network_accuracy_pct
from compress.models.training_spec import TrainingSpec
from hwsim.errors import InputError, RunError
from hwsim.files.writing import write_bytes


@dataclass(frozen=True)
class EpochReport:
    """What an epoch ended with."""

    epoch: int
    loss: float
    validation_pct: float


def learning_rate(spec: TrainingSpec, step: int, steps: int) -> float:
    """Return the one-cycle learning rate of a step: a linear rise to the peak, then a cosine down to zero."""
    rise = max(1, round(spec.warm_up * steps))
    if step < rise:
        return spec.peak_learning_rate * (step + 1) / rise
    return spec.peak_learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def augment(images: torch.Tensor, spec: TrainingSpec, generator: torch.Generator) -> torch.Tensor:
    """Return float[N, C, H, W] each moved by up to `crop_padding` pixels and mirrored with probability one half."""
    count, _, height, width = images.shape
    pad = spec.crop_padding
    if pad:
        padded = F.pad(images, (pad, pad, pad, pad))
        top = torch.randint(0, 2 * pad + 1, (count, 1), generator=generator) + torch.arange(height)
        left = torch.randint(0, 2 * pad + 1, (count, 1), generator=generator) + torch.arange(width)
        rows = padded.gather(2, top.view(count, 1, height, 1).expand(-1, images.shape[1], -1, width + 2 * pad))
        images = rows.gather(3, left.view(count, 1, 1, width).expand(-1, images.shape[1], height, -1))
    if spec.flip:
        mirrored = torch.rand(count, generator=generator) < 0.5
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    return images


class Trainer:
    """Trains a model epoch by epoch; its whole state goes into a checkpoint after each."""

    def __init__(self, model: nn.Module, data: Dataset, spec: TrainingSpec, device: str = "cpu") -> None:
        self.model = model.to(device)
        self.data, self.spec, self.device = data, spec, device
        self.generator = torch.Generator().manual_seed(spec.seed)
        decayed = [p for p in model.parameters() if p.ndim > 1]
        plain = [p for p in model.parameters() if p.ndim <= 1]  # biases and BatchNorm are not decayed
        groups = [{"params": decayed, "weight_decay": spec.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.SGD(groups, lr=0.0, momentum=spec.momentum, nesterov=True)
        self.epoch = 0
        self.steps = spec.epochs * math.ceil(len(data.train) / spec.batch_size)

    def run_epoch(self) -> EpochReport:
        """Train one epoch and validate. Raises RunError where the loss is no number any more."""
        self.model.train()
        order = torch.randperm(len(self.data.train), generator=self.generator).numpy()
        per_epoch = math.ceil(len(order) / self.spec.batch_size)
        total = 0.0
        for index in range(per_epoch):
            part = self.data.train.take(order[index * self.spec.batch_size : (index + 1) * self.spec.batch_size])
            total += self._step(part, self.epoch * per_epoch + index)
        if not math.isfinite(total):
            raise RunError(f"training diverged in epoch {self.epoch + 1}; lower --peak-learning-rate")
        self.epoch += 1
        accuracy = network_accuracy_pct(self.model, self.data.validation, device=self.device)
        return EpochReport(self.epoch, total / per_epoch, accuracy)

    def _step(self, part: LabelledImages, step: int) -> float:
        images = augment(part.images, self.spec, self.generator).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.spec, step, self.steps)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.spec.bf16):
            logits = self.model(images)
        loss = F.cross_entropy(logits.float(), part.labels.to(self.device), label_smoothing=self.spec.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return everything that a resumed run needs: tensors and plain values only."""
        return {
            "spec": self.spec.as_json(),
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "torch_generator": torch.get_rng_state(),
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically."""
        buffer = io.BytesIO()
        torch.save(self.state(), buffer)
        write_bytes(path, buffer.getvalue())

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint. Raises InputError for a damaged one or one of another spec."""
        try:
            record = torch.load(path, map_location="cpu", weights_only=True)
            spec, epoch = record["spec"], int(record["epoch"])
        except Exception as error:
            reason = str(error).partition("\n")[0][:160]
            raise InputError(f"--resume: '{path}' is no checkpoint ({reason}); remove it and start anew") from None
        if spec != self.spec.as_json():
            other = next(name for name in self.spec.as_json() if spec.get(name) != getattr(self.spec, name))
            raise InputError(
                f"--resume: '{path}' was trained with {other} {spec.get(other)}, not {getattr(self.spec, other)};"
                " give the same options or start anew"
            )
        self.model.load_state_dict(record["model"])
        self.optimizer.load_state_dict(record["optimizer"])
        self.generator.set_state(record["generator"])
        torch.set_rng_state(record["torch_generator"])
        self.epoch = epoch


def train_to_end(
    trainer: Trainer, checkpoint: Path | None = None, on_epoch: Callable[[EpochReport], None] | None = None
) -> EpochReport | None:
    """Train to the last epoch of the spec, with a checkpoint after each; return the last report, None if none ran."""
    report = None
    while trainer.epoch < trainer.spec.epochs:
        report = trainer.run_epoch()
        if checkpoint is not None:
            trainer.save(checkpoint)
        if on_epoch is not None:
            on_epoch(report)
    return report
