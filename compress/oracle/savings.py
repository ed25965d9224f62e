"""What a policy saves: a network as given, dense at 8 bits and compressed, under each energy model and cost preset."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from compress.images.dataset import LabelledImages
from compress.images.split import Split
from compress.models.accuracy import network_accuracy_pct
from compress.oracle.cost_model import EnergyModel
from compress.oracle.measurement import Measurement
from compress.oracle.oracle import Oracle, float_size_bytes
from compress.oracle.spec import MeasurementSpec
from compress.policy import Policy, parse_policy
from compress.vocabulary import EnergyMode
from hwsim.energy.cost_preset import known_costs
from hwsim.files.document import Document
from hwsim.pricing.savings import saved_pct

BATCH = 100


class LayerSaving(BaseModel):
    """One layer before and after: channels left of how many, and energy under the oracle's own model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pruner: str
    realised_sparsity: float
    bits: int
    in_channels: int
    dense_in_channels: int
    out_channels: int
    dense_out_channels: int
    baseline_energy_pj: float
    energy_pj: float

    @property
    def saved_pct(self) -> float:
        """The energy that the layer saves, in percent."""
        return saved_pct(self.baseline_energy_pj, self.energy_pj)


class Evaluation(Document):
    """A policy's figures on the test set, as `compress evaluate --json` writes them.

    `original` is the network as given, `baseline` dense at 8 bits; `energy_reduction_pct` maps cost preset, then energy
    model, to the energy saved in percent.
    """

    KIND: ClassVar[str] = "the result of `compress evaluate --json`"

    original: Measurement = Field(alias="float")
    baseline: Measurement
    compressed: Measurement
    energy_reduction_pct: dict[str, dict[str, float]]
    layers: tuple[LayerSaving, ...]
    policy_content: dict[str, Any] = Field(alias="policy")

    @property
    def policy(self) -> Policy:
        """The policy, completed with what came of it."""
        return parse_policy(self.policy_content)

    @property
    def lost_pct(self) -> float:
        """Points of test accuracy lost against the dense 8-bit network."""
        return self.compressed.lost_pct(self.baseline)

    @property
    def saved_pct(self) -> float:
        """Energy saved against the dense 8-bit network, in percent."""
        return self.compressed.saved_pct(self.baseline)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a network: as given, dense at 8 bits, compressed."""
        return pd.DataFrame([{"network": name, **dict(measured)} for name, measured in self.rows().items()])

    def __repr__(self) -> str:
        """Say in a line what the policy saves and loses."""
        return (
            f"Evaluation({self.compressed.accuracy_pct:.2f} % on the test set, {self.lost_pct:+.2f} points lost, saves"
            f" {self.saved_pct:.1f} % energy)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.to_frame().to_html(index=False)}"

    def rows(self) -> Mapping[str, Measurement]:
        """Return the three networks by what they are called in tables."""
        return {"float": self.original, "dense 8 bit": self.baseline, "compressed": self.compressed}


def measure_savings(
    oracle: Oracle, model: nn.Module, policy: Policy, spec: MeasurementSpec, test: LabelledImages
) -> Evaluation:
    """Measure a policy on the test set.

    The float network has the baseline's energy and latency: a tile without float units runs its shapes at 8 bits.
    """
    baseline = oracle.baseline_on(Split.TEST).figures
    compressed = oracle.evaluate(policy, split=Split.TEST).figures
    as_given = {"accuracy_pct": network_accuracy_pct(model, test, BATCH), "size_bytes": float_size_bytes(model)}
    return Evaluation(
        original=baseline.model_copy(update=as_given),
        baseline=baseline,
        compressed=compressed,
        energy_reduction_pct=reductions_pct(oracle, policy, spec),
        layers=_layers(oracle, policy),
        policy_content=Policy(oracle.completed(policy).layers, {**policy.metadata, **spec.told()}).as_json(),
    )


def reductions_pct(oracle: Oracle, policy: Policy, spec: MeasurementSpec) -> dict[str, dict[str, float]]:
    """Return the energy that a policy saves in percent, by cost preset (a named file included) and energy model."""
    compression, dense = oracle.compression(policy), oracle.evaluator.compressor.dense()
    names = [str(spec.costs)] if spec.costs is not None and str(spec.costs) not in known_costs() else []
    table: dict[str, dict[str, float]] = {}
    for preset in [*names, *known_costs()]:
        pricer = spec.pricer(costs=preset)
        table[preset] = {}
        for mode in EnergyMode:
            energy_model = EnergyModel(oracle.graph, pricer, mode)
            before, after = energy_model.price(dense).energy_pj, energy_model.price(compression).energy_pj
            table[preset][mode.value] = saved_pct(before, after)
    return table


def _layers(oracle: Oracle, policy: Policy) -> tuple[LayerSaving, ...]:
    compression = oracle.compression(policy)
    energies = oracle.energy_model.price(compression).layer_energy_pj
    return tuple(
        LayerSaving(
            name=layer.name,
            pruner=compression.policies[index].pruner,
            realised_sparsity=compression.layers[index].realised_sparsity,
            bits=compression.policies[index].bits,
            in_channels=int(compression.live_channels(index).sum()),
            dense_in_channels=len(layer.in_units),
            out_channels=int(compression.live_filters(index).sum()),
            dense_out_channels=len(layer.out_units),
            baseline_energy_pj=oracle.energy_model.dense_energy_pj(layer),
            energy_pj=energies[layer.name],
        )
        for index, layer in enumerate(oracle.graph.layers)
    )
