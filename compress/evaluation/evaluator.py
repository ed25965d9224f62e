"""Accuracy of a partly compressed network, again and again: only what comes after a change is computed.

All layers run quantized, the untouched ones dense at 8 bits. Activations before a layer that may change next are kept;
batch normalisation is folded into scales; planes are channels-last; on CPUs with exact int8 multipliers the sums are
computed in integers, which is what the float simulation computes too, so that both give the same accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from compress.evaluation.answers import Answers, Screen, compared
from compress.evaluation.calibration import Calibration
from compress.evaluation.core_pool import on_all_cores
from compress.evaluation.kept_activations import KeptActivations
from compress.evaluation.masks import Compression, Compressor
from compress.evaluation.program import Program, Values
from compress.evaluation.sites import Sites
from compress.network.graph import NetworkGraph
from compress.policy import DENSE_8BIT, LayerPolicy
from compress.quantization.arithmetic import Proof, computing_device, resolved_arithmetic
from compress.quantization.integer_layer import IntegerLayer
from compress.vocabulary import Arithmetic
from hwsim.errors import InputError

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")

BATCH_BYTES = {"cpu": 12 * 2**20, "cuda": 128 * 2**20}
"""A batch's largest activation: what a CPU's last-level cache holds with room for the layer's output; on a GPU, what
keeps all its cores busy."""
LARGEST_BATCH = {"cpu": 128, "cuda": 1024}


@dataclass(frozen=True)
class EvaluatorSpec:
    """How an evaluator computes.

    `seed` feeds random pruning; `batch` images run at once (None: as many as the device holds well); `kept_bytes`
    bounds the activations that are kept between evaluations; `device`: where images are run ("cpu" or "cuda"), pruning
    and calibration stay on the CPU. With a `screen`, the accuracy of a hopeless network rests on the first images only.
    """

    seed: int = 0
    arithmetic: Arithmetic = Arithmetic.AUTO
    batch: int | None = None
    kept_bytes: int = 2**30
    device: str = "cpu"
    screen: Screen | None = None


class Evaluator:
    """Measures one network on one set of images under policies that change layer by layer.

    `model` has the graph's parameter names (its weights may differ from those that were traced). `images` float32
    [N, C, H, W], `labels` int64[N], in no order of classes; `calibration` what was seen, or the images to see, float32.
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
        spec: EvaluatorSpec | None = None,
    ) -> None:
        if len(images) == 0 or len(images) != len(labels):
            raise InputError(f"{len(images)} images and {len(labels)} labels; as many of both, and at least one")
        self.spec = spec = EvaluatorSpec() if spec is None else spec
        self.graph = graph
        self.model = model
        self.device = computing_device(spec.device)
        self.images, self.labels = images.to(self.device), labels
        if isinstance(calibration, Tensor):
            calibration = Calibration(graph, model, calibration, seed=spec.seed)
        self.calibration = calibration
        self.arithmetic = resolved_arithmetic(spec.arithmetic, self.device)
        self.compressor = Compressor(graph, calibration, spec.seed)
        self.program = Program(graph, model, self.device)
        self.sites = Sites(graph, model, calibration, self.device)
        self._batch = spec.batch or _batch_size(graph, self.device)
        self._policies: list[LayerPolicy] = []
        self._known: dict[tuple[object, ...], Answers] = {}
        self._kept = KeptActivations(spec.kept_bytes)
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._dense: Tensor | None = None
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

        return torch.cat(self._batchwise(run, torch.split(images, self._batch)))

    def _batchwise(self, run: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
        """Return `run` of each batch: over all cores of a CPU, one after the other on a GPU."""
        if self.device.type == "cpu":
            return on_all_cores(run, parts)
        with torch.inference_mode():
            return [run(part) for part in parts]

    def _reference(self) -> Evaluator:
        spec = replace(self.spec, arithmetic=Arithmetic.FLOAT32, batch=self._batch, kept_bytes=0, screen=None)
        other = Evaluator(self.graph, self.model, self.images, self.labels, self.calibration, spec=spec)
        other.set_policies(self._policies)
        return other

    def _answer(self) -> Tensor:
        """Return the logits float32[N, classes] of the images (of the first ones only where these say enough)."""
        changed = self._refresh()
        # the next change most often is the layer after the first one that changed, or that one again
        wanted = [step for step in self.program.cut_of if step > changed][:1]
        if changed in self.program.cut_of and changed not in self._kept:
            wanted.append(changed)
        start, before = self._kept.latest(changed)
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
            screen = self.spec.screen
            if screen and self._dense is not None and screen.hopeless(torch.cat(answers), self.labels, self._dense):
                break
        self._kept.add(keeping)
        return torch.cat(answers)

    def _rounds(self) -> list[list[tuple[int, Tensor]]]:
        """Return the batches (number, images): those of the screening first, then the others."""
        batches = list(enumerate(torch.split(self.images, self._batch)))
        screen = self.spec.screen
        first = len(batches) if screen is None else -(-screen.images // self._batch)
        return [part for part in (batches[:first], batches[first:]) if part]

    def kept_bytes(self) -> int:
        """Return the bytes of the activations that are kept; tensors that cuts share count once."""
        return self._kept.bytes

    # -- sites -------------------------------------------------------------------------------------------------

    def _refresh(self) -> int:
        """Bring every site to the present compression and drop the cuts that no longer hold; return the first step
        that changed (the last if none)."""
        first = self.program.output_step
        for path in self.program.site_paths:
            signature = self.sites.signature(path, self.compression)
            if self._signatures.get(path) == signature:
                continue
            self._signatures[path] = signature
            self.program.sites[path] = self.sites.site(path, self.compression, self.arithmetic)
            first = min(first, self.program.step_of[path])
        self._kept.drop_after(first)
        return first

    def integer_layer(self, index: int) -> IntegerLayer:
        """Return a layer of the present compression in codes, its batch normalisation folded."""
        return self.sites.integer_layer(index, self.compression)


def _planes(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images


def _batch_size(graph: NetworkGraph, device: torch.device) -> int:
    """Return how many images make the largest activation of a batch fill what the device holds well, at least 1."""
    largest = max(
        (int(np.prod(shape)) for layer in graph.layers for shape in (layer.in_shape, layer.out_shape)), default=1
    )
    return int(np.clip(BATCH_BYTES[device.type] // (4 * largest), 1, LARGEST_BATCH[device.type]))
