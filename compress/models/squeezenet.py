"""SqueezeNet 1.0 with torchvision's parameter names; the CIFAR form has a 3 x 3 stem at full resolution.

Source: Iandola et al., "SqueezeNet", arXiv:1602.07360, table 1.
"""

from __future__ import annotations

import torch
from torch import nn


class Fire(nn.Module):
    """A 1 x 1 squeeze, then 1 x 1 and 3 x 3 expansions side by side."""

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [N, 2 * expand, H, W]."""
        x = self.squeeze_activation(self.squeeze(x))
        point = self.expand1x1_activation(self.expand1x1(x))
        plane = self.expand3x3_activation(self.expand3x3(x))
        return torch.cat([point, plane], 1)


class SqueezeNet(nn.Module):
    """Eight fire modules between two convolutions; the last convolution gives one map a class."""

    def __init__(self, classes: int, cifar: bool) -> None:
        super().__init__()
        stem = nn.Conv2d(3, 96, 3, padding=1) if cifar else nn.Conv2d(3, 96, 7, stride=2)
        self.features = nn.Sequential(
            stem,
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(96, 16, 64),
            Fire(128, 16, 64),
            Fire(128, 32, 128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 32, 128),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(512, classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [N, classes]."""
        return torch.flatten(self.classifier(self.features(x)), 1)
