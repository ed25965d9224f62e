"""The plain evaluator: a full float forward of the whole network at every step, nothing kept, nothing folded.

Weights are masked and quantized in place of the dense ones, each layer's ifmap is quantized by a hook, dropped filters
are zeroed with their biases and batch normalisations. What the fast evaluator computes must be this.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from compress.calibration import Calibration
from compress.compression import Compression
from compress.network import NetworkGraph
from compress.quantization import Affine, activation_affine, weight_affine


def compressed_model(
    graph: NetworkGraph, model: nn.Module, compression: Compression, calibration: Calibration | None
) -> nn.Module:
    """Return a copy of the model under a compression, in float32; without `calibration` nothing is quantized."""
    module = copy.deepcopy(model).eval()
    for index, layer in enumerate(graph.layers):
        target = module.get_submodule(layer.name)
        weight = compression.masked_weight(index)
        bits = compression.policies[index].bits
        if calibration is not None:
            weight = weight_affine(weight, bits).fake_quantize(weight)
            mapping = activation_affine(calibration.ranges[layer.name], bits)
            target.register_forward_pre_hook(_quantizing(mapping))
        target.weight.data = weight.clone()  # type: ignore[union-attr]
        if target.bias is not None:
            target.bias.data[~torch.from_numpy(compression.filters(index))] = 0.0  # type: ignore[union-attr,index]
    for path, units in graph.per_channel.items():
        normalization = module.get_submodule(path)
        if isinstance(normalization, (nn.BatchNorm1d, nn.BatchNorm2d)):
            dropped = torch.from_numpy(~compression.kept[units])
            for parameter in (normalization.weight, normalization.bias):
                if parameter is not None:
                    parameter.data[dropped] = 0.0
    return module


def _quantizing(mapping: Affine) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    return lambda _module, inputs: (mapping.fake_quantize(inputs[0]), *inputs[1:])


def logits(module: nn.Module, images: Tensor, batch: int = 100) -> Tensor:
    """Return float32[N, classes]."""
    with torch.inference_mode():
        return torch.cat([module(part) for part in torch.split(images, batch)])


def accuracy_pct(module: nn.Module, images: Tensor, labels: Tensor, batch: int = 100) -> float:
    """Return the top-1 accuracy in percent."""
    return 100.0 * int((logits(module, images, batch).argmax(dim=1) == labels).sum()) / len(labels)
