"""What unlabelled images say about the dense network, collected once: activation ranges and feature-map samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compress.network.graph import CompressibleLayer, LayerKind, NetworkGraph
from compress.pruning import FeatureMapSamples
from compress.quantization.affine import HISTOGRAM_BINS, ActivationStatistics
from compress.vocabulary import ActivationScales, Clipping
from hwsim.errors import InputError

BATCH = 32
SAMPLED_POINTS = 1024
SAMPLED_NUMBERS = 4_000_000
"""At most so many points of a layer's ofmap are sampled for a refit, and so many float32 numbers kept for it."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """The dense network seen through calibration images, float32[N, C, H, W].

    `ranges`: for each layer, the statistics of its ifmap, of the tensor or of each channel (`scales`), from which
    `clipping` takes a range (None: as activation_affine does by default). `samples` are gathered at their first use
    and then kept. `labels` int64[N], where the images have them, serve criteria that need a loss.
    """

    graph: NetworkGraph
    model: nn.Module
    images: Tensor
    labels: Tensor | None = None
    seed: int = 0
    scales: ActivationScales = ActivationScales.TENSOR
    clipping: Clipping | None = None

    def __post_init__(self) -> None:
        if not len(self.images):
            raise InputError("no calibration images; activation ranges need at least one")

    @cached_property
    def ranges(self) -> Mapping[str, ActivationStatistics]:
        """Statistics of each layer's ifmap, as a whole or by channel: two passes, since b needs the mean."""
        totals = {layer.name: _Extent() for layer in self.graph.layers}
        self._observe(lambda layer, ifmap: totals[layer.name].add(ifmap, self._averaged(layer, ifmap)))
        means = {name: extent.total / max(extent.count, 1) for name, extent in totals.items()}
        spread: dict[str, float | Tensor] = dict.fromkeys(totals, 0.0)
        histograms: dict[str, Tensor] = {}

        def deviate(layer: CompressibleLayer, ifmap: Tensor) -> None:
            over, along = self._averaged(layer, ifmap), _along_channels(layer, ifmap)
            mean = torch.as_tensor(means[layer.name]).float()
            off = (ifmap - (mean if mean.dim() == 0 else mean.reshape(along))).abs()
            spread[layer.name] = spread[layer.name] + off.sum(dim=over, dtype=torch.float64)
            if self.clipping is Clipping.MSE:
                histograms[layer.name] = totals[layer.name].histogram(ifmap, along) + histograms.get(layer.name, 0)

        self._observe(deviate)
        return {
            name: ActivationStatistics(
                mean=_float32(means[name]),
                deviation=_float32(spread[name] / max(extent.count, 1)),
                minimum=_float32(extent.low),
                maximum=_float32(extent.high),
                histogram=histograms.get(name),
                clipping=self.clipping,
            )
            for name, extent in totals.items()
        }

    def _averaged(self, layer: CompressibleLayer, ifmap: Tensor) -> tuple[int, ...]:
        """Return the axes of an ifmap that share one mapping: all, or all but the channels'."""
        shape = _along_channels(layer, ifmap)
        return tuple(a for a, size in enumerate(shape) if self.scales is ActivationScales.TENSOR or size == 1)

    @cached_property
    def samples(self) -> Mapping[str, FeatureMapSamples]:
        """Windows of each layer's ifmap and the ofmap points they make, at places drawn by the seed."""
        found: dict[str, list[Tensor]] = {layer.name: [] for layer in self.graph.layers}
        rng = np.random.default_rng([self.seed, 0xF3])

        def gather(layer: CompressibleLayer, ifmap: Tensor) -> None:
            window = int(np.prod(layer.weight_shape[1:])) * layer.groups
            points = min(SAMPLED_POINTS, max(64, SAMPLED_NUMBERS // window))
            found[layer.name].append(_patches(layer, ifmap, -(-points * len(ifmap) // len(self.images)), rng))

        self._observe(gather)
        samples = {}
        for layer in self.graph.layers:
            patches = torch.cat(found[layer.name])
            weight = self.weight(layer).reshape(layer.groups, -1, patches.shape[2])
            targets = torch.einsum("pgk,gmk->pgm", patches, weight).reshape(len(patches), -1)
            samples[layer.name] = FeatureMapSamples(patches, targets)
        return samples

    @cached_property
    def gradients(self) -> Mapping[str, Tensor]:
        """The loss' gradient of each layer's weight in the dense network, on the labelled calibration images."""
        assert self.labels is not None
        weights = [self.weight(layer).detach().clone().requires_grad_() for layer in self.graph.layers]
        named = {f"{layer.name}.weight": weight for layer, weight in zip(self.graph.layers, weights, strict=True)}
        totals = [torch.zeros_like(weight) for weight in weights]
        with torch.enable_grad():
            for images, labels in zip(torch.split(self.images, BATCH), torch.split(self.labels, BATCH), strict=True):
                logits = torch.func.functional_call(self.model, named, (images,))
                loss = F.cross_entropy(logits, labels, reduction="sum") / len(self.images)
                for total, gradient in zip(totals, torch.autograd.grad(loss, weights), strict=True):
                    total += gradient
        return {layer.name: total for layer, total in zip(self.graph.layers, totals, strict=True)}

    def check_labels(self, pruner: str) -> None:
        """Raise InputError where the images have no labels, which a pruner of that name needs."""
        if self.labels is None:
            raise InputError(
                f"the pruner '{pruner}' needs labelled images; give calibration labels or choose another pruner"
            )

    def weight(self, layer: CompressibleLayer) -> Tensor:
        """Return a layer's dense weight."""
        module = self.model.get_submodule(layer.name)
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        return module.weight.detach()

    def _observe(self, look: Callable[[CompressibleLayer, Tensor], None]) -> None:
        """Run the calibration images through the dense network and show each layer's ifmap."""
        with _watched(self.graph, self.model, look), torch.inference_mode():
            for images in torch.split(self.images, BATCH):
                self.model(images)


@contextmanager
def _watched(
    graph: NetworkGraph, model: nn.Module, look: Callable[[CompressibleLayer, Tensor], None]
) -> Iterator[None]:
    handles = []

    def hook(layer: CompressibleLayer) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _module, inputs: look(layer, inputs[0])

    try:
        for layer in graph.layers:
            handles.append(model.get_submodule(layer.name).register_forward_pre_hook(hook(layer)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _along_channels(layer: CompressibleLayer, ifmap: Tensor) -> tuple[int, ...]:
    """Return the shape that spreads a number per channel over an ifmap: -1 on the axis of channels, 1 elsewhere."""
    channels = 1 if layer.kind is LayerKind.CONV else ifmap.dim() - 1
    return tuple(-1 if axis == channels else 1 for axis in range(ifmap.dim()))


def _float32(value: float | Tensor) -> Tensor:
    return torch.as_tensor(value).to(torch.float32)


@dataclass
class _Extent:
    """Sum, count, smallest and largest of what was added: float64 scalars, or one number a channel."""

    total: float | Tensor = 0.0
    count: int = 0
    low: float | Tensor = float("inf")
    high: float | Tensor = float("-inf")

    def add(self, values: Tensor, over: tuple[int, ...]) -> None:
        summed = values.sum(dim=over, dtype=torch.float64)
        self.total = self.total + summed
        self.count += values.numel() // max(summed.numel(), 1)
        self.low = torch.minimum(torch.as_tensor(self.low), values.amin(dim=over))
        self.high = torch.maximum(torch.as_tensor(self.high), values.amax(dim=over))

    def histogram(self, values: Tensor, along: tuple[int, ...]) -> Tensor:
        """Return how many values fall into each of equal bins between the ends, float64[(C,) HISTOGRAM_BINS]."""
        low, high = torch.as_tensor(self.low), torch.as_tensor(self.high)
        rows = max(low.numel(), 1)
        per_value = HISTOGRAM_BINS / (high - low).clamp(min=1e-30)
        row = torch.zeros((), dtype=torch.int64)
        if low.dim():
            low, per_value, row = low.reshape(along), per_value.reshape(along), torch.arange(rows).reshape(along)
        bins = ((values - low) * per_value).long().clamp_(0, HISTOGRAM_BINS - 1)
        counts = torch.bincount((bins + row * HISTOGRAM_BINS).flatten(), minlength=rows * HISTOGRAM_BINS)
        return counts.double().reshape(*torch.as_tensor(self.low).shape, HISTOGRAM_BINS)


def _patches(layer: CompressibleLayer, ifmap: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """Return the ifmap windows under `count` random ofmap points, float32[count, groups, C/groups * R * S]."""
    image = torch.from_numpy(rng.integers(len(ifmap), size=count))
    if layer.kind is LayerKind.FC:
        return ifmap[image].reshape(count, 1, -1)
    window, (_, height, width) = layer.window, layer.out_shape
    padded = F.pad(ifmap, (window.padding[1], window.padding[1], window.padding[0], window.padding[0]))
    top = torch.from_numpy(rng.integers(height, size=count)) * window.stride[0]
    left = torch.from_numpy(rng.integers(width, size=count)) * window.stride[1]
    rows = top[:, None, None] + (torch.arange(window.kernel[0]) * window.dilation[0])[None, :, None]
    columns = left[:, None, None] + (torch.arange(window.kernel[1]) * window.dilation[1])[None, None, :]
    patches = padded.permute(0, 2, 3, 1)[image[:, None, None], rows, columns]  # [count, R, S, C]
    return patches.permute(0, 3, 1, 2).reshape(count, layer.groups, -1)
