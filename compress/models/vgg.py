"""VGG-11/13/16/19 with BatchNorm and torchvision's parameter names; the CIFAR form ends in one linear layer.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, table 1, columns A, B, D, E.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn


class Stage(NamedTuple):
    """Convolutions of so many channels; a max-pooling ends them."""

    convolutions: int
    channels: int


PLANS: dict[int, tuple[Stage, ...]] = {
    11: (Stage(1, 64), Stage(1, 128), Stage(2, 256), Stage(2, 512), Stage(2, 512)),
    13: (Stage(2, 64), Stage(2, 128), Stage(2, 256), Stage(2, 512), Stage(2, 512)),
    16: (Stage(2, 64), Stage(2, 128), Stage(3, 256), Stage(3, 512), Stage(3, 512)),
    19: (Stage(2, 64), Stage(2, 128), Stage(4, 256), Stage(4, 512), Stage(4, 512)),
}
"""The five stages by depth."""


class VGG(nn.Module):
    """Stages of 3 x 3 convolutions with BatchNorm, then the classifier."""

    def __init__(self, depth: int, classes: int, cifar: bool) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        width = 3
        for stage in PLANS[depth]:
            for _ in range(stage.convolutions):
                modules += [nn.Conv2d(width, stage.channels, 3, padding=1), nn.BatchNorm2d(stage.channels)]
                modules.append(nn.ReLU(inplace=True))
                width = stage.channels
            modules.append(nn.MaxPool2d(2, stride=2))
        self.features = nn.Sequential(*modules)
        self.avgpool = nn.AdaptiveAvgPool2d(1 if cifar else 7)
        self.classifier: nn.Module = nn.Linear(512, classes) if cifar else _classifier(classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [N, classes]."""
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def _classifier(classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(512 * 7 * 7, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(4096, classes),
    )
