"""The one judge of all methods: accuracy and cost of a network under a policy, against itself dense at 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from compress.evaluation.answers import Answers, Screen, compared
from compress.evaluation.calibration import Calibration
from compress.evaluation.evaluator import Evaluator, EvaluatorSpec
from compress.evaluation.masks import Compression
from compress.images.dataset import Dataset, LabelledImages
from compress.network.graph import NetworkGraph
from compress.oracle.cost_model import EnergyMode, EnergyModel, NetworkCost
from compress.policy import DENSE_8BIT, LayerPolicy, Policy
from compress.quantization.affine import ActivationScales, Clipping
from compress.quantization.arithmetic import Arithmetic, Proof
from hwsim.errors import InputError

if TYPE_CHECKING:
    from hwsim.pricing.layer_pricer import LayerPricer

WIDER = 2
"""The wider sample has so many times the images that the search looks at, where there are as many."""
CONFIRMING_IMAGES = 2500
"""At most so many validation images that the search looked at in no way confirm its choice."""
FLOAT_BYTES = 4
CHANNEL_BYTES = 9
"""What a quantized layer stores for each output channel beside its weights: bias, scale (4 bytes each), zero point."""


@dataclass(frozen=True)
class Measurement:
    """One network, measured: accuracy and cost, and both relative to the dense network at 8 bits.

    `distortion`: how far its logits are from the dense network's (`Answers`). `realised_sparsity`: of the layer a step
    changed; of the whole network's weights for a whole policy.
    """

    accuracy_pct: float
    accuracy_loss_pct: float
    distortion: float
    energy_pj: float
    energy_reduction_pct: float
    latency_ms: float
    macs: int
    size_bytes: int
    realised_sparsity: float


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


@dataclass(frozen=True)
class OracleSpec:
    """What an oracle measures with: tile, tables, energy model, images of the validation split (all where None)."""

    accelerator: str | Path = "paper"
    mac_table: Path | None = None
    costs: str | Path | None = None
    objective: str = "energy"
    energy: EnergyMode = EnergyMode.SIMULATED
    validation_images: int | None = None
    screen: Screen | None = None
    arithmetic: Arithmetic = Arithmetic.AUTO
    device: str = "cpu"
    activation_scales: ActivationScales = ActivationScales.TENSOR
    activation_clipping: Clipping | None = None
    seed: int = 0

    def pricer(self) -> LayerPricer:
        """Return the pricer of this tile."""
        from hwsim.pricing.layer_pricer import LayerPricer

        return LayerPricer(self.accelerator, self.mac_table, self.costs, self.objective)


class Oracle:
    """Measures steps of an episode and whole policies; counts how often in `evaluations`.

    `others`: images and labels by split (`test`, `unseen`) that only `evaluate` with that split touches.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        energy_model: EnergyModel,
        others: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        self.evaluator = evaluator
        self.energy_model = energy_model
        self.graph = evaluator.graph
        self.evaluations = 0
        self._others = dict(others or {})
        self._episode = [DENSE_8BIT] * len(self.graph.layers)
        self._baselines: dict[str, Measurement] = {}
        self._dense_logits: dict[str, Tensor] = {}
        self._dense_cost = energy_model.price(evaluator.compressor.dense())
        self.layers: tuple[LayerFeatures, ...] = tuple(_features(evaluator, energy_model))

    @property
    def baseline(self) -> Measurement:
        """The dense network at 8 bits on the validation split."""
        return self.baseline_on("validation")

    def baseline_on(self, split: str) -> Measurement:
        """Return the dense network at 8 bits on a split; not counted as an evaluation."""
        if split not in self._baselines:
            self.evaluator.reset()
            if split != "validation":
                self._dense_logits[split] = self.evaluator.logits(self._others[split][0])
            accuracy_pct, size = self._answers(split).accuracy_pct, size_bytes(self.evaluator.compression)
            cost = self._dense_cost
            self._baselines[split] = Measurement(
                accuracy_pct, 0.0, 0.0, cost.energy_pj, 0.0, cost.latency_ms, cost.macs, size, 0.0
            )
        return self._baselines[split]

    def reset(self) -> None:
        """Return to the dense network at 8 bits: a new episode."""
        self._episode = [DENSE_8BIT] * len(self.graph.layers)

    def step(self, layer_index: int, policy: LayerPolicy) -> Measurement:
        """Compress one more layer and measure the network as it stands, the untouched layers dense at 8 bits."""
        baseline = self.baseline
        self._episode[layer_index] = policy
        self.evaluator.set_policies(self._episode)
        realised = self.evaluator.compression.layers[layer_index].realised_sparsity
        return self._measure("validation", baseline, realised)

    def evaluate(self, policy: Policy, split: str = "validation") -> Measurement:
        """Measure a whole policy on a split; an episode in progress is not disturbed.

        `validation` is what the search looks at, `wider` what it checks promising policies on, `unseen` the validation
        images that it leaves for the end, `test` the test set. A check counts as `WIDER` evaluations.
        Raises InputError for a layer the network does not have or a split that is not there.
        """
        if split != "validation" and split not in self._others:
            raise InputError(f"this oracle has no {split} split; use {' or '.join(['validation', *self._others])}")
        policy.check_names(layer.name for layer in self.graph.layers)
        baseline = self.baseline_on(split)
        self.evaluator.set_policies([policy.layer(layer.name) for layer in self.graph.layers])
        return self._measure(split, baseline, weight_sparsity(self.evaluator.compression))

    def realised(self, policy: Policy) -> Policy:
        """Return the policy with the sparsity that each layer's pruner realises."""
        policies = [policy.layer(layer.name) for layer in self.graph.layers]
        return policy.with_realised(self.evaluator.compressor.derive(policies).realised)

    def price(self, policy: Policy) -> NetworkCost:
        """Return what the network costs under a policy, without looking at an image; not counted as an evaluation."""
        return self.energy_model.price(self.compression(policy))

    def compression(self, policy: Policy) -> Compression:
        """Return the masks that a policy makes, without measuring it."""
        policy.check_names(layer.name for layer in self.graph.layers)
        return self.evaluator.compressor.derive([policy.layer(layer.name) for layer in self.graph.layers])

    def _measure(self, split: str, baseline: Measurement, realised_sparsity: float) -> Measurement:
        compression, answers = self.evaluator.compression, self._answers(split)
        self.evaluations += WIDER if split == "wider" else 1
        cost = self.energy_model.price(compression)
        return Measurement(
            answers.accuracy_pct,
            baseline.accuracy_pct - answers.accuracy_pct,
            answers.distortion,
            cost.energy_pj,
            100.0 * (1.0 - cost.energy_pj / self._dense_cost.energy_pj),
            cost.latency_ms,
            cost.macs,
            size_bytes(compression),
            realised_sparsity,
        )

    def _answers(self, split: str) -> Answers:
        if split == "validation":
            return self.evaluator.answers()
        images, labels = self._others[split]
        return compared(self.evaluator.logits(images), labels, self._dense_logits[split])

    def images_of(self, split: str) -> int:
        """Return how many images a split has, 0 where it is not there."""
        if split == "validation":
            return len(self.evaluator.labels)
        return len(self._others[split][1]) if split in self._others else 0


def build_oracle(graph: NetworkGraph, model: nn.Module, dataset: Dataset, spec: OracleSpec | None = None) -> Oracle:
    """Return the oracle of a network on a dataset: validation images for steps, test images for the final figure.

    `model` has the graph's parameter names and is in eval mode.
    """
    spec = OracleSpec() if spec is None else spec
    validation, wider, unseen = _divided(dataset.validation, spec)
    calibration = Calibration(
        graph, model, dataset.calibration, dataset.calibration_labels,
        seed=spec.seed, scales=spec.activation_scales, clipping=spec.activation_clipping,
    )  # fmt: skip
    computing = EvaluatorSpec(seed=spec.seed, arithmetic=spec.arithmetic, device=spec.device, screen=spec.screen)
    evaluator = Evaluator(graph, model, validation.images, validation.labels, calibration, spec=computing)
    energy_model = EnergyModel(graph, spec.pricer(), EnergyMode(spec.energy))
    splits = {"test": dataset.test, "wider": wider, "unseen": unseen}
    others = {name: (split.images, split.labels) for name, split in splits.items() if len(split)}
    return Oracle(evaluator, energy_model, others)


def _divided(validation: LabelledImages, spec: OracleSpec) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Return the validation images that the search looks at, those that it checks on, and those that confirm its
    choice; at most half of what the first leave is for checks.

    In drawn order, not by class: a screening looks at the first ones.
    """
    order = np.random.default_rng([spec.seed, 0xA1]).permutation(len(validation))
    count = len(validation) if spec.validation_images is None else spec.validation_images
    if count < 1:
        raise InputError(f"{count} validation images; at least one is needed")
    rest = order[count:]
    checks = min(WIDER * count, len(rest) // 2)
    last = checks + CONFIRMING_IMAGES
    return validation.take(order[:count]), validation.take(rest[:checks]), validation.take(rest[checks:last])


def prove_arithmetic(graph: NetworkGraph, model: nn.Module, dataset: Dataset, spec: OracleSpec) -> Proof | None:
    """Return how far the spec's arithmetic is from the float simulation, dense at 8 bits, on all validation images.

    None for an arithmetic that is exact by construction.
    """
    if spec.arithmetic.exact:
        return None
    return build_oracle(graph, model, dataset, replace(spec, validation_images=None)).evaluator.prove()


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


def weight_sparsity(compression: Compression) -> float:
    """Return the fraction of the network's weights that are removed or zero."""
    total = sum(int(np.prod(layer.weight_shape)) for layer in compression.graph.layers)
    left = sum(
        compression.live_weights(index) * (1.0 - compression.zero_fraction(index))
        for index in range(len(compression.layers))
    )
    return float(1.0 - left / total)
