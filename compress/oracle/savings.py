"""What a policy saves: a network as given, dense at 8 bits and compressed, under each energy model and cost preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from compress.oracle.cost_model import EnergyMode, EnergyModel
from compress.oracle.oracle import Measurement, Oracle, OracleSpec, float_size_bytes
from compress.policy import Policy
from hwsim.energy.cost_preset import known_costs

BATCH = 100


@dataclass(frozen=True)
class Figures:
    """One network on the tile: accuracy on the test set, energy and time of one inference, size and work."""

    accuracy_pct: float
    energy_pj: float
    latency_ms: float
    size_bytes: int
    macs: int


@dataclass(frozen=True)
class LayerSaving:
    """One layer before and after: energy under the oracle's own model."""

    name: str
    pruner: str
    realised_sparsity: float
    bits: int
    channels: tuple[int, int]  # input channels left, of
    filters: tuple[int, int]  # output channels left, of
    baseline_energy_pj: float
    energy_pj: float


@dataclass(frozen=True)
class Savings:
    """A policy's figures; `reductions_pct` maps cost preset, then energy model, to the energy saved in percent."""

    original: Figures
    baseline: Figures
    compressed: Figures
    layers: tuple[LayerSaving, ...]
    reductions_pct: Mapping[str, Mapping[str, float]]
    policy: Policy

    def as_json(self) -> dict[str, Any]:
        """Return the content of `compress evaluate --json`."""
        return {
            "schema": 1,
            "float": asdict(self.original),
            "baseline": asdict(self.baseline),
            "compressed": asdict(self.compressed),
            "energy_reduction_pct": {preset: dict(modes) for preset, modes in self.reductions_pct.items()},
            "layers": [asdict(layer) for layer in self.layers],
            "policy": self.policy.as_json(),
        }


def measure_savings(
    oracle: Oracle, model: nn.Module, policy: Policy, spec: OracleSpec, test: tuple[Tensor, Tensor]
) -> Savings:
    """Measure a policy on the test set.

    The float network has the baseline's energy and latency: a tile without float units runs its shapes at 8 bits.
    """
    baseline = _figures(oracle.baseline_on("test"))
    compressed = _figures(oracle.evaluate(policy, split="test"))
    original = replace(baseline, accuracy_pct=float_accuracy_pct(model, *test), size_bytes=float_size_bytes(model))
    filled = oracle.realised(policy)
    return Savings(
        original, baseline, compressed, _layers(oracle, policy), reductions_pct(oracle, policy, spec), filled
    )


def reductions_pct(oracle: Oracle, policy: Policy, spec: OracleSpec) -> dict[str, dict[str, float]]:
    """Return the energy that a policy saves in percent, by cost preset (a named file included) and energy model."""
    compression, dense = oracle.compression(policy), oracle.evaluator.compressor.dense()
    names = [str(spec.costs)] if spec.costs is not None and str(spec.costs) not in known_costs() else []
    table: dict[str, dict[str, float]] = {}
    for preset in [*names, *known_costs()]:
        pricer = replace(spec, costs=preset).pricer()
        table[preset] = {}
        for mode in EnergyMode:
            energy_model = EnergyModel(oracle.graph, pricer, mode)
            ratio = energy_model.price(compression).energy_pj / energy_model.price(dense).energy_pj
            table[preset][mode.value] = 100.0 * (1.0 - ratio)
    return table


def float_accuracy_pct(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the top-1 accuracy of the network as given, in percent."""
    correct = 0
    with torch.inference_mode():
        for part, truth in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True):
            correct += int(torch.count_nonzero(model(part).argmax(dim=1) == truth))
    return 100.0 * correct / len(labels)


def _figures(measurement: Measurement) -> Figures:
    return Figures(
        measurement.accuracy_pct,
        measurement.energy_pj,
        measurement.latency_ms,
        measurement.size_bytes,
        measurement.macs,
    )


def _layers(oracle: Oracle, policy: Policy) -> tuple[LayerSaving, ...]:
    compression = oracle.compression(policy)
    energies = oracle.energy_model.price(compression).layer_energy_pj
    return tuple(
        LayerSaving(
            layer.name,
            compression.policies[index].pruner,
            compression.layers[index].realised_sparsity,
            compression.policies[index].bits,
            (int(compression.live_channels(index).sum()), len(layer.in_units)),
            (int(compression.live_filters(index).sum()), len(layer.out_units)),
            oracle.energy_model.dense_energy_pj(layer),
            energies[layer.name],
        )
        for index, layer in enumerate(oracle.graph.layers)
    )
