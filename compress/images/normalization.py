"""How 8-bit pixels become a network's input: the mean and deviation its weights were trained with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True)
class Normalization:
    """Per-channel mean and standard deviation of pixels scaled to [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Return float32[N, C, H, W] for uint8[N, C, H, W]."""
        scaled = torch.from_numpy(np.array(pixels, copy=True)).to(torch.float32).div_(255.0)
        mean = torch.tensor(self.mean).view(1, -1, 1, 1)
        std = torch.tensor(self.std).view(1, -1, 1, 1)
        return scaled.sub_(mean).div_(std)


IMAGENET = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What torchvision's checkpoints and the CIFAR ResNet-20/32/44/56 of He et al.'s common port expect."""

CIFAR = Normalization((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
"""The statistics of CIFAR-10's training images."""

DIGITS = Normalization((0.305,), (0.376,))
"""The statistics of the digits' training images, rounded."""
