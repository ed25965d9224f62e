"""Batch normalisation in evaluation mode as a gain and a bias, and folded into the layer that it alone reads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from compress.network.graph import CompressibleLayer, NetworkGraph


class ChannelAffine(NamedTuple):
    """A scale and a shift for each channel, both float32[C]: y = x * gain + bias."""

    gain: Tensor
    bias: Tensor


def is_foldable(graph: NetworkGraph, path: str) -> bool:
    """Return whether a batch normalisation has statistics of its own, so that it is a scale and a shift."""
    return getattr(graph.module.get_submodule(path), "running_mean", None) is not None


def folded_affine(graph: NetworkGraph, model: nn.Module, layer: CompressibleLayer) -> ChannelAffine:
    """Return what leads from a layer's sums in real numbers to its ofmap: bias and batch normalisation."""
    module = model.get_submodule(layer.name)
    assert isinstance(module, (nn.Conv2d, nn.Linear))
    bias = torch.zeros(layer.weight_shape[0]) if module.bias is None else module.bias.detach()
    if layer.bn is None or not is_foldable(graph, layer.bn):
        return ChannelAffine(torch.ones_like(bias), bias)
    norm = affine_of(model.get_submodule(layer.bn))
    return ChannelAffine(norm.gain, bias * norm.gain + norm.bias)


def affine_of(normalization: nn.Module) -> ChannelAffine:
    """Return what a batch normalisation does in evaluation mode."""
    assert isinstance(normalization, (nn.BatchNorm1d, nn.BatchNorm2d))
    mean, variance = normalization.running_mean, normalization.running_var
    assert mean is not None
    assert variance is not None
    gain = (variance.double() + normalization.eps).rsqrt()
    if normalization.weight is not None:
        gain = gain * normalization.weight.detach().double()
    bias = -mean.double() * gain
    if normalization.bias is not None:
        bias = bias + normalization.bias.detach().double()
    return ChannelAffine(gain.float(), bias.float())
