"""Accuracy of a partly compressed network, again and again: only what comes after a change is computed.

All layers run quantized, the untouched ones dense at 8 bits. Activations before a layer that may change next are kept;
batch normalisation is folded into scales; planes are channels-last; on CPUs with exact int8 multipliers the sums are
computed in integers, which is what the float simulation computes too, so that both give the same accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from compress.evaluation.calibration import Calibration
from compress.evaluation.core_pool import on_all_cores
from compress.evaluation.heap import release_free_memory
from compress.evaluation.masks import Compression, Compressor
from compress.evaluation.program import Program, Values, is_foldable, module_on
from compress.network.graph import CompressibleLayer, NetworkGraph
from compress.policy import DENSE_8BIT, LayerPolicy
from compress.quantization.affine import activation_affine, fold_input_scales, weight_affine
from compress.quantization.arithmetic import Proof, computing_device, layer_site, resolved_arithmetic
from compress.quantization.integer_layer import IntegerLayer, Window
from compress.vocabulary import Arithmetic
from hwsim.errors import InputError


@dataclass(frozen=True)
class Screen:
    """Look at `images` images first; a network that loses more than `loss_pct` points there is not looked at further.

    Its accuracy is the dense network's less that loss: exact enough to turn it down, not a measurement of it.
    """

    loss_pct: float
    images: int = 100


@dataclass(frozen=True)
class Answers:
    """What a network answers to images: top-1 accuracy in percent, and the distortion of its logits.

    `distortion`: the squared difference from the dense 8-bit network's logits, relative to those logits' own spread
    over the classes, both summed over the images. It needs no labels, and says with a few hundred images how much a
    small change harms, where accuracy counts a handful of answers.
    """

    accuracy_pct: float
    distortion: float


@dataclass(frozen=True)
class _Plan:
    """How many images run at once, and how many bytes of activations may be kept."""

    batch: int
    kept_bytes: int


_Part = TypeVar("_Part")
_Result = TypeVar("_Result")

BATCH_BYTES = {"cpu": 12 * 2**20, "cuda": 128 * 2**20}
"""A batch's largest activation: what a CPU's last-level cache holds with room for the layer's output; on a GPU, what
keeps all its cores busy."""
_UNTIDY_BYTES = 256 * 2**20
LARGEST_BATCH = {"cpu": 128, "cuda": 1024}


class Evaluator:
    """Measures one network on one set of images under policies that change layer by layer.

    `model` has the graph's parameter names (its weights may differ from those that were traced). `images` float32
    [N, C, H, W], `labels` int64[N], in no order of classes. `kept_bytes` bounds the activations that are kept between
    evaluations. With a `screen`, `accuracy_pct` of a hopeless network rests on the first images only.
    `device`: where images are run ("cpu" or "cuda"); pruning and calibration stay on the CPU.
    Deterministic: the same policy gives the same accuracy in whatever order policies come.
    """

    def __init__(
        self,
        graph: NetworkGraph,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        calibration: Calibration | Tensor,
        *,
        seed: int = 0,
        arithmetic: Arithmetic = Arithmetic.AUTO,
        batch: int | None = None,
        kept_bytes: int = 2**30,
        device: str = "cpu",
        screen: Screen | None = None,
    ) -> None:
        if len(images) == 0 or len(images) != len(labels):
            raise InputError(f"{len(images)} images and {len(labels)} labels; as many of both, and at least one")
        self.graph = graph
        self.model = model
        self.device = computing_device(device)
        self.images, self.labels = images.to(self.device), labels
        if isinstance(calibration, Tensor):
            calibration = Calibration(graph, model, calibration, seed=seed)
        self.calibration = calibration
        self.arithmetic = resolved_arithmetic(arithmetic, self.device)
        self.compressor = Compressor(graph, calibration, seed)
        self.program = Program(graph, model, self.device)
        self._plan = _Plan(batch or _batch_size(graph, self.device), kept_bytes)
        self._policies: list[LayerPolicy] = []
        self._known: dict[tuple[object, ...], Answers] = {}
        self._cuts: dict[int, list[Values]] = {}
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._dense_sites: dict[str, Callable[[Tensor], Tensor]] = {}
        self._screen = screen
        self._dense: Tensor | None = None
        self._kept_anew = 0
        self.reset()

    # -- policies ----------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Return to the dense network at 8 bits."""
        self.set_policies([DENSE_8BIT] * len(self.graph.layers))

    def apply(self, layer_index: int, policy: LayerPolicy) -> float:
        """Change one layer's policy; return the sparsity that its pruner realised."""
        policies = list(self._policies)
        policies[layer_index] = policy
        self.set_policies(policies)
        return self.compression.layers[layer_index].realised_sparsity

    def set_policies(self, policies: Sequence[LayerPolicy]) -> None:
        """Put the whole network under one policy a layer, in execution order."""
        if len(policies) != len(self.graph.layers):
            raise InputError(f"{len(policies)} layer policies for a network of {len(self.graph.layers)} layers")
        self._policies = list(policies)
        self.compression: Compression = self.compressor.derive(policies)

    # -- accuracy ----------------------------------------------------------------------------------------------

    def accuracy_pct(self) -> float:
        """Return the top-1 accuracy on the images, in percent."""
        return self.answers().accuracy_pct

    def answers(self) -> Answers:
        """Return accuracy and distortion on the images; a hopeless network's by those that a screening looked at."""
        dense, key = self._dense_logits(), self._key()
        if key not in self._known:
            self._known[key] = compared(self._answer(), self.labels, dense)
        return self._known[key]

    def _key(self) -> tuple[object, ...]:
        return tuple(policy.action for policy in self._policies)

    def _dense_logits(self) -> Tensor:
        if self._dense is None:
            policies = self._policies
            self.reset()
            self._dense = self._answer()
            self._known[self._key()] = compared(self._dense, self.labels, self._dense)
            self.set_policies(policies)
        return self._dense

    def _hopeless(self, logits: Tensor) -> bool:
        """Return whether the logits of the first images are too wrong to ask for more."""
        if self._screen is None or self._dense is None:
            return False
        labels = self.labels[: len(logits)]
        return _share_pct(self._dense[: len(logits)], labels) - _share_pct(logits, labels) > self._screen.loss_pct

    def accuracy_on(self, images: Tensor, labels: Tensor) -> float:
        """Return the top-1 accuracy on other images (a test set), in percent; nothing of it is kept."""
        return _share_pct(self.logits(images), labels)

    def prove(self) -> Proof:
        """Compare this arithmetic with the float simulation on all images, under the present policy."""
        mine, reference = self.logits(), self._reference().logits()
        changed = int(torch.count_nonzero(mine.argmax(dim=1) != reference.argmax(dim=1)))
        right = [int(torch.count_nonzero(logits.argmax(dim=1) == self.labels)) for logits in (mine, reference)]
        error = float((mine - reference).abs().max())
        return Proof(len(self.labels), changed, 100.0 * (right[0] - right[1]) / len(self.labels), error)

    def logits(self, images: Tensor | None = None) -> Tensor:
        """Return the logits float32[N, classes] of images, the evaluator's own where None, under the present policy;
        nothing of it is kept."""
        images = self.images if images is None else images
        self._refresh()

        def run(part: Tensor) -> Tensor:
            return self.program.run({self.program.input_step: _planes(part.to(self.device))}, 0)[0].cpu()

        return torch.cat(self._batchwise(run, torch.split(images, self._plan.batch)))

    def _batchwise(self, run: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
        """Return `run` of each batch: over all cores of a CPU, one after the other on a GPU."""
        if self.device.type == "cpu":
            return on_all_cores(run, parts)
        with torch.inference_mode():
            return [run(part) for part in parts]

    def _reference(self) -> Evaluator:
        other = Evaluator(
            self.graph, self.model, self.images, self.labels, self.calibration,
            seed=self.compressor.seed, arithmetic=Arithmetic.FLOAT32, batch=self._plan.batch, kept_bytes=0,
            device=self.device.type,
        )  # fmt: skip
        other.set_policies(self._policies)
        return other

    def _answer(self) -> Tensor:
        """Return the logits float32[N, classes] of the images (of the first ones only where these say enough)."""
        changed = self._refresh()
        # the next change most often is the layer after the first one that changed, or that one again
        wanted = [step for step in self.program.cut_of if step > changed][:1]
        if changed in self.program.cut_of and changed not in self._cuts:
            wanted.append(changed)
        start = max((step for step in self._cuts if step <= changed), default=0)
        before = self._cuts.get(start, [])
        keeping: dict[int, list[Values]] = {step: [] for step in wanted if step > start}

        def run(batch: tuple[int, Tensor]) -> tuple[Tensor, dict[int, Values]]:
            index, images = batch
            known = index < len(before)  # a screening may have kept the first batches only
            values = before[index] if known else {self.program.input_step: _planes(images)}
            logits, kept = self.program.run(values, start if known else 0, tuple(keeping))
            return logits.cpu(), kept

        answers: list[Tensor] = []
        for batches in self._rounds():
            for logits, kept in self._batchwise(run, batches):
                answers.append(logits)
                for step, alive in kept.items():
                    keeping[step].append(alive)
            if self._hopeless(torch.cat(answers)):
                break
        self._cuts.update(keeping)
        self._forget()
        self._tidy(keeping)
        return torch.cat(answers)

    def _rounds(self) -> list[list[tuple[int, Tensor]]]:
        """Return the batches (number, images): those of the screening first, then the others."""
        size = self._plan.batch
        batches = list(enumerate(torch.split(self.images, size)))
        first = len(batches) if self._screen is None else -(-self._screen.images // size)
        return [part for part in (batches[:first], batches[first:]) if part]

    def _forget(self) -> None:
        """Drop the earliest cuts until what is kept fits its bound."""
        while self._cuts and self.kept_bytes() > self._plan.kept_bytes:
            del self._cuts[min(self._cuts)]

    def _tidy(self, kept: Mapping[int, list[Values]]) -> None:
        """Give free memory back once enough was kept anew: what it replaced has left holes in the heap."""
        self._kept_anew += _bytes_of(kept)
        if self._kept_anew > _UNTIDY_BYTES:
            self._kept_anew = 0
            release_free_memory()

    def kept_bytes(self) -> int:
        """Return the bytes of the activations that are kept; tensors that cuts share count once."""
        return _bytes_of(self._cuts)

    # -- sites -------------------------------------------------------------------------------------------------

    def _refresh(self) -> int:
        """Bring every site to the present compression and drop the cuts that no longer hold; return the first step
        that changed (the last if none)."""
        first = self.program.output_step
        index_of = {layer.name: index for index, layer in enumerate(self.graph.layers)}
        for path in self.program.site_paths:
            if path in index_of:
                index = index_of[path]
                signature = self._layer_signature(index)
            else:
                signature = (self.compression.kept[self.graph.per_channel[path]].tobytes(),)
            if self._signatures.get(path) == signature:
                continue
            self._signatures[path] = signature
            site = self._layer_site(index_of[path]) if path in index_of else self._normalization_site(path)
            self.program.sites[path] = site
            first = min(first, self.program.step_of[path])
        for step in [step for step in self._cuts if step > first]:
            del self._cuts[step]
        return first

    def _layer_signature(self, index: int) -> tuple[object, ...]:
        compression = self.compression
        # the object, not its id: an id may be used again once the object is gone
        policy = compression.policies[index]
        return (compression.layers[index], compression.filters(index).tobytes(), policy.bits, policy.input_bits)

    def _layer_site(self, index: int) -> Callable[[Tensor], Tensor]:
        layer = self.graph.layers[index]
        policy, filters = self.compression.policies[index], self.compression.filters(index)
        dense = policy.action == DENSE_8BIT.action and bool(filters.all())
        if dense and layer.name in self._dense_sites:
            return self._dense_sites[layer.name]
        site = layer_site(self.integer_layer(index), self.arithmetic, self.device)
        if dense:
            self._dense_sites[layer.name] = site
        return site

    def integer_layer(self, index: int) -> IntegerLayer:
        """Return a layer of the present compression in codes, its batch normalisation folded."""
        layer = self.graph.layers[index]
        policy, filters = self.compression.policies[index], self.compression.filters(index)
        weight = self.compression.masked_weight(index)
        inputs = activation_affine(self.calibration.ranges[layer.name], policy.input_bits)
        weight = fold_input_scales(weight, inputs.scale, layer.groups)
        weights = weight_affine(weight, policy.bits)
        scale = weights.scale if inputs.scale.dim() else weights.scale * inputs.scale
        gain, bias = folded_affine(self.graph, self.model, layer)
        kept = torch.from_numpy(filters)
        window = Window(layer.window.stride, layer.window.padding, layer.window.dilation, layer.groups)
        return IntegerLayer(weights.levels(weight), inputs, scale * gain * kept, bias * kept, window)

    def _normalization_site(self, path: str) -> Callable[[Tensor], Tensor]:
        module = self.model.get_submodule(path)
        kept = torch.from_numpy(self.compression.kept[self.graph.per_channel[path]])
        if not is_foldable(self.graph, path):
            return module_on(self.device, module)
        gain, bias = _affine_of(module)
        gain, bias = (gain * kept).to(self.device), (bias * kept).to(self.device)

        def normalize(values: Tensor) -> Tensor:
            shape = (1, -1) + (1,) * (values.dim() - 2)
            return torch.addcmul(bias.reshape(shape), values, gain.reshape(shape))

        return normalize


def compared(logits: Tensor, labels: Tensor, dense: Tensor) -> Answers:
    """Return what logits float32[n, classes] are worth beside the dense network's, float32[N, classes], n <= N.

    Of less than N images the accuracy is the dense network's on all less what is lost on those.
    """
    looked = len(logits)
    there, correct = _share_pct(dense[:looked], labels[:looked]), _share_pct(logits, labels[:looked])
    accuracy_pct = correct if looked == len(labels) else max(_share_pct(dense, labels) - (there - correct), 0.0)
    reference = dense[:looked].double()
    error = float((logits.double() - reference).square().sum())
    spread = float((reference - reference.mean(dim=1, keepdim=True)).square().sum())
    return Answers(accuracy_pct, error / spread if spread > 0 else error)


def _share_pct(logits: Tensor, labels: Tensor) -> float:
    return 100.0 * int(torch.count_nonzero(logits.argmax(dim=1) == labels)) / len(labels)


def folded_affine(graph: NetworkGraph, model: nn.Module, layer: CompressibleLayer) -> tuple[Tensor, Tensor]:
    """Return (gain, bias) float32[M] from a layer's sums in real numbers to its ofmap: bias and batch normalisation."""
    module = model.get_submodule(layer.name)
    assert isinstance(module, (nn.Conv2d, nn.Linear))
    bias = torch.zeros(layer.weight_shape[0]) if module.bias is None else module.bias.detach()
    if layer.bn is None or not is_foldable(graph, layer.bn):
        return torch.ones_like(bias), bias
    gain, shift = _affine_of(model.get_submodule(layer.bn))
    return gain, bias * gain + shift


def _affine_of(normalization: nn.Module) -> tuple[Tensor, Tensor]:
    """Return (gain, bias) float32[C] of a batch normalisation in evaluation mode."""
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
    return gain.float(), bias.float()


def _bytes_of(cuts: Mapping[int, list[Values]]) -> int:
    """Return the bytes of cuts' activations; tensors that they share count once."""
    tensors = {
        value.untyped_storage().data_ptr(): value.untyped_storage().nbytes()
        for batches in cuts.values()
        for values in batches
        for value in values.values()
        if isinstance(value, Tensor)
    }
    return sum(tensors.values())


def _planes(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images


def _batch_size(graph: NetworkGraph, device: torch.device) -> int:
    """Return how many images make the largest activation of a batch fill what the device holds well, at least 1."""
    largest = max(
        (int(np.prod(shape)) for layer in graph.layers for shape in (layer.in_shape, layer.out_shape)), default=1
    )
    return int(np.clip(BATCH_BYTES[device.type] // (4 * largest), 1, LARGEST_BATCH[device.type]))
