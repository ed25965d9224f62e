"""The one judge of all methods: accuracy and cost of a network under a policy, against itself dense at 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from compress.evaluation.answers import Answers, Screen, compared
from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator, EvaluatorSpec
from compress.evaluation.masks import Compression
from compress.images.dataset import Dataset, LabelledImages
from compress.images.split import Split
from compress.network.graph import NetworkGraph
from compress.oracle.cost_model import EnergyModel, NetworkCost
from compress.oracle.measurement import Observation
from compress.oracle.spec import MeasurementSpec
from compress.policy import DENSE_8BIT, LayerOutcome, LayerPolicy, Policy
from compress.quantization.arithmetic import Proof
from hwsim.errors import InputError

if TYPE_CHECKING:
    pass

WIDER = 2
"""The wider sample has so many times the images that the search looks at, where there are as many."""
CONFIRMING_IMAGES = 2500
"""At most so many validation images that the search looked at in no way confirm its choice."""
FLOAT_BYTES = 4
CHANNEL_BYTES = 9
"""What a quantized layer stores for each output channel beside its weights: bias, scale (4 bytes each), zero point."""


@dataclass(frozen=True)
class LayerFeatures:
    """The static features of a compressible layer (Balaskas et al., IEEE TETC, eq. 1 and 2)."""

    name: str
    kind: str
    out_channels: int
    in_channels: int
    in_height: int
    in_width: int
    stride: int
    kernel: int
    energy_pj: float
    parameters: int
    depthwise: bool


class Oracle:
    """Measures steps of an episode and whole policies; counts how often in `evaluations`.

    `others`: images and labels by split (`test`, `unseen`) that only `evaluate` with that split touches.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        energy_model: EnergyModel,
        others: Mapping[Split, tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        self.evaluator = evaluator
        self.energy_model = energy_model
        self.graph = evaluator.graph
        self.evaluations = 0
        self._others = dict(others or {})
        self._episode = [DENSE_8BIT] * len(self.graph.layers)
        self._baselines: dict[Split, Observation] = {}
        self._dense_logits: dict[Split, Tensor] = {}
        self.layers: tuple[LayerFeatures, ...] = tuple(_features(evaluator, energy_model))

    @property
    def baseline(self) -> Observation:
        """The dense network at 8 bits on the validation split."""
        return self.baseline_on(Split.VALIDATION)

    def baseline_on(self, split: Split) -> Observation:
        """Return the dense network at 8 bits on a split; not counted as an evaluation."""
        if split not in self._baselines:
            self.evaluator.reset()
            if split != Split.VALIDATION:
                self._dense_logits[split] = self.evaluator.logits(self._others[split][0])
            self._baselines[split] = self._measured(self._answers(split))
        return self._baselines[split]

    def reset(self) -> None:
        """Return to the dense network at 8 bits: a new episode."""
        self._episode = [DENSE_8BIT] * len(self.graph.layers)

    def step(self, layer_index: int, policy: LayerPolicy) -> Observation:
        """Compress one more layer and measure the network as it stands, the untouched layers dense at 8 bits."""
        self.baseline_on(Split.VALIDATION)  # before, because measuring it resets the evaluator
        self._episode[layer_index] = policy
        self.evaluator.set_policies(self._episode)
        return self._measure(Split.VALIDATION)

    def evaluate(self, policy: Policy, split: Split = Split.VALIDATION) -> Observation:
        """Measure a whole policy on a split; an episode in progress is not disturbed.

        `validation` is what the search looks at, `wider` what it checks promising policies on, `unseen` the validation
        images that it leaves for the end, `test` the test set. A check counts as `WIDER` evaluations.
        Raises InputError for a layer the network does not have or a split that is not there.
        """
        if split != Split.VALIDATION and split not in self._others:
            raise InputError(f"this oracle has no {split} split; use {' or '.join([Split.VALIDATION, *self._others])}")
        policy.check_names(layer.name for layer in self.graph.layers)
        self.baseline_on(split)  # before, because measuring it resets the evaluator
        self.evaluator.set_policies([policy.layer(layer.name) for layer in self.graph.layers])
        return self._measure(split)

    def completed(self, policy: Policy) -> Policy:
        """Return the policy with what comes of it: realised sparsity, the shapes that are left and their zeros."""
        compression = self.compression(policy)
        outcomes = {}
        for index, layer in enumerate(self.graph.layers):
            in_channels, out_channels = self.energy_model.shape_left(compression, layer, index)
            outcomes[layer.name] = LayerOutcome(
                ran=compression.layers[index].pruner,
                realised_sparsity=compression.layers[index].realised_sparsity,
                in_channels=in_channels,
                out_channels=out_channels,
                zero_filter=compression.zero_fraction(index),
            )
        return policy.completed(outcomes)

    def price(self, policy: Policy) -> NetworkCost:
        """Return what the network costs under a policy, without looking at an image; not counted as an evaluation."""
        return self.energy_model.price(self.compression(policy))

    def compression(self, policy: Policy) -> Compression:
        """Return the masks that a policy makes, without measuring it."""
        policy.check_names(layer.name for layer in self.graph.layers)
        return self.evaluator.compressor.derive([policy.layer(layer.name) for layer in self.graph.layers])

    def _measure(self, split: Split) -> Observation:
        answers = self._answers(split)
        self.evaluations += WIDER if split == Split.WIDER else 1
        return self._measured(answers)

    def _measured(self, answers: Answers) -> Observation:
        """Return the network as it stands: what it answered, and what it costs."""
        compression = self.evaluator.compression
        cost = self.energy_model.price(compression)
        return Observation(
            accuracy_pct=answers.accuracy_pct,
            distortion=answers.distortion,
            energy_pj=cost.energy_pj,
            latency_ms=cost.latency_ms,
            size_bytes=size_bytes(compression),
            macs=cost.macs,
        )

    def _answers(self, split: Split) -> Answers:
        if split == Split.VALIDATION:
            return self.evaluator.answers()
        images, labels = self._others[split]
        return compared(self.evaluator.logits(images), labels, self._dense_logits[split])

    def images_of(self, split: Split) -> int:
        """Return how many images a split has, 0 where it is not there."""
        if split == Split.VALIDATION:
            return len(self.evaluator.labels)
        return len(self._others[split][1]) if split in self._others else 0


def build_oracle(
    graph: NetworkGraph,
    model: nn.Module,
    dataset: Dataset,
    spec: MeasurementSpec,
    *,
    images: int | None = None,
    screen: Screen | None = None,
) -> Oracle:
    """Return the oracle of a network on a dataset: validation images for steps, test images for the final figure.

    `model` has the graph's parameter names and is in eval mode. `images`: how many of the validation images a search
    looks at, all where None.
    """
    validation, wider, unseen = _divided(dataset.validation, spec.seed, images)
    calibration = calibrated(graph, model, dataset, spec)
    computing = EvaluatorSpec(seed=spec.seed, arithmetic=spec.arithmetic, device=spec.device, screen=screen)
    evaluator = Evaluator(graph, model, validation.images, validation.labels, calibration, spec=computing)
    energy_model = EnergyModel(graph, spec.pricer(), spec.energy)
    splits = {Split.TEST: dataset.test, Split.WIDER: wider, Split.UNSEEN: unseen}
    others = {name: (split.images, split.labels) for name, split in splits.items() if len(split)}
    return Oracle(evaluator, energy_model, others)


def calibrated(graph: NetworkGraph, model: nn.Module, dataset: Dataset, spec: MeasurementSpec) -> Calibration:
    """Return what a measurement knows of a network's activations."""
    return Calibration(
        graph, model, dataset.calibration, dataset.calibration_labels,
        seed=spec.seed, scales=spec.activation_scales, clipping=spec.activation_clipping,
    )  # fmt: skip


def _divided(
    validation: LabelledImages, seed: int, images: int | None
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Return the validation images that the search looks at, those that it checks on, and those that confirm its
    choice; at most half of what the first leave is for checks.

    In drawn order, not by class: a screening looks at the first ones.
    """
    order = np.random.default_rng([seed, 0xA1]).permutation(len(validation))
    count = len(validation) if images is None else images
    if count < 1:
        raise InputError(f"{count} validation images; at least one is needed")
    rest = order[count:]
    checks = min(WIDER * count, len(rest) // 2)
    last = checks + CONFIRMING_IMAGES
    return validation.take(order[:count]), validation.take(rest[:checks]), validation.take(rest[checks:last])


def prove_arithmetic(graph: NetworkGraph, model: nn.Module, dataset: Dataset, spec: MeasurementSpec) -> Proof | None:
    """Return how far the spec's arithmetic is from the float simulation, dense at 8 bits, on all validation images.

    None for an arithmetic that is exact by construction.
    """
    if spec.arithmetic.exact:
        return None
    return build_oracle(graph, model, dataset, spec).evaluator.prove()


def _features(evaluator: Evaluator, energy_model: EnergyModel) -> list[LayerFeatures]:
    return [
        LayerFeatures(
            layer.name,
            layer.kind,
            layer.out_shape[0],
            layer.in_shape[0],
            layer.in_shape[1],
            layer.in_shape[2],
            layer.window.stride[0],
            layer.window.kernel[0],
            energy_model.dense_energy_pj(layer),
            int(np.prod(layer.weight_shape)),
            layer.depthwise,
        )
        for layer in evaluator.graph.layers
    ]


def size_bytes(compression: Compression) -> int:
    """Return the weights that are left at their bits, plus what each output channel stores, rounded up to bytes.

    Zeros of fine-grained pruning are stored like other weights.
    """
    bits = sum(
        compression.live_weights(index) * policy.bits + int(compression.live_filters(index).sum()) * CHANNEL_BYTES * 8
        for index, policy in enumerate(compression.policies)
    )
    return -(-bits // 8)


def float_size_bytes(model: nn.Module) -> int:
    """Return the bytes of all parameters in float32."""
    return FLOAT_BYTES * sum(parameter.numel() for parameter in model.parameters())
