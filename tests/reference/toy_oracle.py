"""A tiny network whose best policy is known in closed form: what the agents are tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compress.oracle.measurement import Observation
from compress.policy import DENSE_8BIT, LayerPolicy, Policy


@dataclass(frozen=True)
class ToyLayer:
    name: str
    kind: str = "conv"
    out_channels: int = 8
    in_channels: int = 8
    in_height: int = 8
    in_width: int = 8
    stride: int = 1
    kernel: int = 3
    energy_pj: float = 100.0
    parameters: int = 576
    depthwise: bool = False


class ToyOracle:
    """Layer l saves in proportion to sparsity and bits, and loses accuracy only beyond a tolerance of its own.

    Sparsity up to `tolerance[l]` and bits down to `bits[l]` are free with the right pruner (`pruner`, by name); each
    0.1 of sparsity too much costs 4 points, each bit too few 3, a wrong pruner 5 for each unit of sparsity. So the
    cheapest policy without loss prunes each layer to its tolerance at its bits with the right pruner.
    """

    def __init__(self, depth: int = 4, pruner: str = "l1_ranked", seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.tolerance = rng.uniform(0.2, 0.7, depth)
        self.bits = rng.integers(3, 7, depth)
        self.pruner = pruner
        energies = rng.uniform(50.0, 200.0, depth)
        self.layers = [
            ToyLayer(f"layer{i}", in_height=8 >> min(i, 2), energy_pj=float(e), parameters=100 * (i + 1))
            for i, e in enumerate(energies)
        ]
        self.evaluations = 0
        self._choices: list[LayerPolicy] = [DENSE_8BIT] * depth
        self.baseline = self._measure(self._choices)

    def baseline_on(self, split: str) -> Observation:
        return self.baseline.model_copy(update={"accuracy_pct": self.baseline.accuracy_pct - (split == "test")})

    def reset(self) -> None:
        self._choices = [DENSE_8BIT] * len(self.layers)

    def step(self, layer_index: int, policy: LayerPolicy) -> Observation:
        self._choices[layer_index] = policy
        self.evaluations += 1
        return self._measure(self._choices)

    def evaluate(self, policy: Policy, split: str = "validation") -> Observation:
        self.evaluations += 1
        measurement = self._measure([policy.layer(layer.name) for layer in self.layers])
        return measurement.model_copy(update={"accuracy_pct": measurement.accuracy_pct - (split == "test")})

    def price(self, policy: Policy) -> Observation:
        return self._measure([policy.layer(layer.name) for layer in self.layers])

    def cheapest_cost(self) -> float:
        """The cost, relative to the baseline, of the cheapest policy without any loss."""
        best = [LayerPolicy(self.pruner, float(t), int(b)) for t, b in zip(self.tolerance, self.bits, strict=True)]
        return self._measure(best).energy_pj / self.baseline.energy_pj

    def _measure(self, choices: list[LayerPolicy]) -> Observation:
        energy, loss = 0.0, 0.0
        for layer, choice, tolerance, bits in zip(self.layers, choices, self.tolerance, self.bits, strict=True):
            energy += layer.energy_pj * (1.0 - choice.sparsity) * (0.4 + 0.3 * (choice.bits + choice.input_bits) / 8)
            loss += 40.0 * max(choice.sparsity - tolerance, 0.0) + 1.5 * sum(
                max(int(bits) - width, 0) for width in (choice.bits, choice.input_bits)
            )
            loss += 5.0 * choice.sparsity * (choice.pruner != self.pruner)
        return Observation(
            accuracy_pct=max(95.0 - loss, 10.0),
            distortion=loss / 100.0,
            energy_pj=energy,
            latency_ms=energy / 1000.0,
            size_bytes=1000,
            macs=1000,
        )
