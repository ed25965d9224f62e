"""The plain evaluator: a full float forward of the whole network at every step, nothing kept, nothing folded.

Each layer is replaced by one that quantizes its ifmap, multiplies whole numbers in float32 and applies scale, bias and
batch normalisation with two PyTorch operations. Dropped filters are zeroed with their biases and batch normalisations.
What the fast evaluator computes must be this.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from compress.evaluation.calibration import Calibration
from compress.evaluation.folding import folded_affine
from compress.evaluation.masks import Compression
from compress.network.graph import NetworkGraph
from compress.quantization.affine import Affine, activation_affine, weight_affine


class SimulatedLayer(nn.Module):
    """A quantized layer in plain float32: levels in, sums, scale, bias."""

    def __init__(
        self, layer: nn.Conv2d | nn.Linear, weight: Tensor, ifmap: Affine, bits: int, affine: tuple[Tensor, Tensor]
    ) -> None:
        super().__init__()
        weights = weight_affine(weight, bits)
        self.layer, self.ifmap = copy.deepcopy(layer), ifmap
        self.layer.weight.data, self.layer.bias = weights.levels(weight), None
        gain, bias = affine
        shape = (1, -1) + (1,) * (weight.dim() - 2)
        self.gain, self.bias = (weights.scale * ifmap.scale * gain).reshape(shape), bias.reshape(shape)

    def forward(self, values: Tensor) -> Tensor:
        return self.layer(self.ifmap.levels(values)) * self.gain + self.bias


def compressed_model(
    graph: NetworkGraph, model: nn.Module, compression: Compression, calibration: Calibration | None
) -> nn.Module:
    """Return a copy of the model under a compression, in float32; without `calibration` nothing is quantized."""
    module = copy.deepcopy(model).eval()
    for path, units in graph.per_channel.items():
        normalization = module.get_submodule(path)
        if isinstance(normalization, (nn.BatchNorm1d, nn.BatchNorm2d)):
            dropped = torch.from_numpy(~compression.kept[units])
            for parameter in (normalization.weight, normalization.bias):
                if parameter is not None:
                    parameter.data[dropped] = 0.0
    for index, layer in enumerate(graph.layers):
        target = module.get_submodule(layer.name)
        assert isinstance(target, (nn.Conv2d, nn.Linear))
        weight, kept = compression.masked_weight(index), torch.from_numpy(compression.filters(index))
        if calibration is None:
            target.weight.data = weight.clone()
            if target.bias is not None:
                target.bias.data[~kept] = 0.0
            continue
        bits = compression.policies[index].bits
        ifmap = activation_affine(calibration.ranges[layer.name], bits)
        gain, bias = folded_affine(graph, model, layer)
        simulated = SimulatedLayer(target, weight, ifmap, bits, (gain * kept, bias * kept))
        module.set_submodule(layer.name, simulated)
        if layer.bn is not None:
            module.set_submodule(layer.bn, nn.Identity())
    return module


def logits(
    module: nn.Module, images: Tensor, batch: int = 100, memory_format: torch.memory_format = torch.contiguous_format
) -> Tensor:
    """Return float32[N, classes]."""
    with torch.inference_mode():
        parts = (part.contiguous(memory_format=memory_format) for part in torch.split(images, batch))
        return torch.cat([module(part) for part in parts])


def accuracy_pct(module: nn.Module, images: Tensor, labels: Tensor, batch: int = 100) -> float:
    """Return the top-1 accuracy in percent; planes are channels-last, which pools in the same order."""
    found = logits(module, images, batch, torch.channels_last).argmax(dim=1)
    return 100.0 * int((found == labels).sum()) / len(labels)
