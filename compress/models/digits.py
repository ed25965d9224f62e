"""The embedded network: a small residual CNN for 8 x 8 digits, with every dependency a pruner has to respect."""

from __future__ import annotations

import torch
from torch import nn


def _conv_bn(in_channels: int, out_channels: int, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
    return conv, nn.BatchNorm2d(out_channels)


class DigitsCNN(nn.Module):
    """Six 3 x 3 convolutions (a residual add in each of two stages), global average pooling, one linear layer."""

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv_bn(1, width)
        self.conv2, self.bn2 = _conv_bn(width, width)
        self.conv3, self.bn3 = _conv_bn(width, width)
        self.conv4, self.bn4 = _conv_bn(width, 2 * width, stride=2)
        self.conv5, self.bn5 = _conv_bn(2 * width, 2 * width)
        self.conv6, self.bn6 = _conv_bn(2 * width, 2 * width)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [N, classes] for images [N, 1, 8, 8]."""
        x = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(x)))
        x = self.relu(self.bn3(self.conv3(y)) + x)
        x = self.relu(self.bn4(self.conv4(x)))
        y = self.relu(self.bn5(self.conv5(x)))
        x = self.relu(self.bn6(self.conv6(y)) + x)
        return self.fc(torch.flatten(self.pool(x), 1))  # type: ignore[no-any-return]
