"""A linear layer that explores by itself: learned, factorised Gaussian noise on weights and bias.

Source: Fortunato et al., "Noisy Networks for Exploration", ICLR 2018, section 3 (factorised noise, sigma0 = 0.5).
"""

from __future__ import annotations

import math

import torch
from torch import nn


class NoisyLinear(nn.Module):
    """y = (W + S * e_out e_in^T) x + b + s * e_out; without noise the mean layer alone."""

    noise_in: torch.Tensor
    noise_out: torch.Tensor

    def __init__(self, inputs: int, outputs: int, sigma: float = 0.5) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full((outputs, inputs), sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full((outputs,), sigma * bound))
        self.register_buffer("noise_in", torch.zeros(inputs))
        self.register_buffer("noise_out", torch.zeros(outputs))

    def draw(self, generator: torch.Generator) -> None:
        """Draw new noise, kept until the next draw."""
        for buffer in (self.noise_in, self.noise_out):
            buffer.normal_(generator=generator)
            buffer.copy_(buffer.sign() * buffer.abs().sqrt())

    def forward(self, x: torch.Tensor, noisy: bool = True) -> torch.Tensor:
        """Return float32[batch, outputs]."""
        if not noisy:
            return nn.functional.linear(x, self.weight, self.bias)
        # at these batch sizes one sum of matrices is cheaper than a second product with the noise
        weight = torch.addcmul(self.weight, self.weight_sigma, torch.outer(self.noise_out, self.noise_in))
        return nn.functional.linear(x, weight, torch.addcmul(self.bias, self.bias_sigma, self.noise_out))
