"""A compression policy as the tile sees it: narrower operands, zero weights, and shapes with channels removed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwsim.errors import InputError, unknown_name
from hwsim.files import read_json
from hwsim.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer
from hwsim.network import NETWORK_INPUT, Network, output_shape
from hwsim.spec_errors import first_error

WEIGHT_PRUNERS = frozenset({"none", "level", "sensitivity", "snip", "splicing"})
"""Pruners that set single weights to zero; the shape stays."""

FILTER_PRUNERS = frozenset({"bernoulli", "l1_ranked", "l1_ranked_filters", "l2_ranked", "l2_ranked_filters"})
"""Pruners that remove filters: fewer ofmap channels, and fewer ifmap channels in every reader."""

CHANNEL_PRUNERS = frozenset({"fm_reconstruction", "l1_ranked_channels", "l2_ranked_channels"})
"""Pruners that remove ifmap channels of the layer."""


class LayerTreatment(BaseModel):
    """What a policy does to one layer: the fields of policy.json, and the shape that is left where it is stated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pruner: str | None = None
    sparsity: float = Field(default=0.0, ge=0, le=1)
    realised_sparsity: float | None = Field(default=None, ge=0, le=1)
    bits: int = Field(default=8, ge=1)
    activation_bits: int | None = Field(default=None, ge=1)
    in_channels: int | None = Field(default=None, ge=1)
    out_channels: int | None = Field(default=None, ge=1)

    @property
    def removed(self) -> float:
        """The share that is gone: as realised where that is known, else as asked for."""
        return self.sparsity if self.realised_sparsity is None else self.realised_sparsity


@dataclass(frozen=True)
class Treated:
    """A network after a policy: what is left, and each layer's (weight, activation) bits and share of zero weights."""

    network: Network
    bits: tuple[tuple[int, int] | None, ...]
    zero_weight: tuple[float, ...]


def read_policy(path: Path) -> dict[str, LayerTreatment]:
    """Read a policy.json; raises InputError that names the layer and the wrong field."""
    content = read_json(path, "a policy as `compress search` writes it (policy.json)")
    if not isinstance(content, dict) or not isinstance(content.get("layers"), dict):
        raise InputError(f"policy '{path}' has no table 'layers'; expected what `compress search` writes")
    return {name: _treatment(path, name, fields) for name, fields in content["layers"].items()}


def _treatment(path: Path, name: str, fields: Any) -> LayerTreatment:
    if not isinstance(fields, dict):
        raise InputError(f"policy '{path}', layer '{name}': holds {fields!r}, expected pruner, sparsity and bits")
    try:
        treatment = LayerTreatment.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"policy '{path}', layer '{name}': {first_error(error, LayerTreatment)}") from None
    known = WEIGHT_PRUNERS | FILTER_PRUNERS | CHANNEL_PRUNERS
    if treatment.pruner is not None and treatment.pruner not in known:
        raise InputError(f"policy '{path}', layer '{name}': {unknown_name('pruner', treatment.pruner, known)}")
    return treatment


def apply_policy(network: Network, policy: dict[str, LayerTreatment]) -> Treated:
    """Return what a policy leaves of a network.

    Where the policy states no channel counts they follow from the sparsities: a removed filter is a removed ifmap
    channel of each reader, and feature maps that are added keep as many channels as the widest of them.
    Raises InputError for a layer that the network does not have.
    """
    computing = [layer.name for layer in network.layers if isinstance(layer, ConvLayer)]
    for name in policy:
        if name not in computing:
            raise unknown_name(f"layer of {network.name} in the policy", name, computing)
    layers: list[Layer] = []
    bits: list[tuple[int, int] | None] = []
    zero_weight: list[float] = []
    for layer, producers in zip(network.layers, network.inputs, strict=True):
        treatment = policy.get(layer.name)
        arriving = _arriving(network, layers, producers)
        layers.append(_shrink(layer, treatment, arriving))
        bits.append((treatment.bits, treatment.activation_bits or treatment.bits) if treatment else None)
        fine = treatment is not None and (treatment.pruner or "none") in WEIGHT_PRUNERS
        zero_weight.append(treatment.removed if treatment and fine else 0.0)
    return Treated(Network(network.name, tuple(layers), network.inputs), tuple(bits), tuple(zero_weight))


def _arriving(network: Network, layers: list[Layer], producers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the channels that arrive from each producer, before and after the policy."""
    return [(output_shape(network.layers[i])[0], output_shape(layers[i])[0]) for i in producers if i != NETWORK_INPUT]


def _shrink(layer: Layer, treatment: LayerTreatment | None, arriving: list[tuple[int, int]]) -> Layer:
    if isinstance(layer, ElementwiseLayer):
        widest = max(after for _, after in arriving) if arriving else layer.channels
        return replace(layer, channels=min(layer.channels, widest))
    before, after = (sum(column) for column in zip(*arriving, strict=True)) if arriving else (1, 1)
    if isinstance(layer, PoolLayer):
        return replace(layer, channels=_scaled(layer.channels, before, after))
    in_channels = _scaled(layer.in_channels, before, after)
    out_channels = layer.out_channels
    if layer.groups > 1 and layer.groups == layer.in_channels == layer.out_channels:
        return replace(layer, in_channels=in_channels, out_channels=in_channels, groups=in_channels)
    if treatment is not None:
        if treatment.pruner in CHANNEL_PRUNERS and treatment.in_channels is None:
            in_channels = min(in_channels, _kept(layer.in_channels, treatment.removed))
        if treatment.pruner in FILTER_PRUNERS:
            out_channels = _kept(layer.out_channels, treatment.removed)
        in_channels = treatment.in_channels or in_channels
        out_channels = treatment.out_channels or out_channels
    groups = layer.groups
    return replace(
        layer, in_channels=_multiple(in_channels, groups), out_channels=_multiple(out_channels, groups), groups=groups
    )


def _scaled(channels: int, before: int, after: int) -> int:
    """Return channels after removal; a flattened ifmap holds a plane of features for each channel."""
    return channels if before == after else max(1, channels * after // before)


def _kept(channels: int, removed: float) -> int:
    return max(1, channels - math.floor(removed * channels + 1e-9))


def _multiple(channels: int, groups: int) -> int:
    return -(-channels // groups) * groups
