"""A compression policy as the tile sees it: narrower operands, zero weights, and shapes with channels removed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwsim.errors import InputError, unknown_name
from hwsim.files.reading import read_json
from hwsim.files.schema_errors import first_error
from hwsim.workload.channel_groups import channel_groups, is_depthwise
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer, PoolLayer
from hwsim.workload.network import NETWORK_INPUT, Network, output_shape

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
    channel of each reader, and the first layer that removes filters decides for all whose ofmaps are added to its own;
    filter pruning of a layer so decided sets single weights to zero, as in the compression layer.
    Raises InputError for a layer that the network does not have.
    """
    computing = [layer.name for layer in network.layers if isinstance(layer, ConvLayer)]
    for name in policy:
        if name not in computing:
            raise unknown_name(f"layer of {network.name} in the policy", name, computing)
    groups = channel_groups(network)
    deciders = _deciders(network, policy, groups)
    layers: list[Layer] = []
    bits: list[tuple[int, int] | None] = []
    zero_weight: list[float] = []
    for index, layer in enumerate(network.layers):
        treatment = policy.get(layer.name)
        decider = deciders.get(groups[index])
        kept = policy[network.layers[decider].name] if decider is not None else None
        arriving = _arriving(network, layers, network.inputs[index])
        layers.append(_shrink(layer, treatment, kept, arriving))
        bits.append((treatment.bits, treatment.activation_bits or treatment.bits) if treatment else None)
        zero_weight.append(_zero_share(treatment, decides=decider == index))
    return Treated(Network(network.name, tuple(layers), network.inputs), tuple(bits), tuple(zero_weight))


def _deciders(network: Network, policy: dict[str, LayerTreatment], groups: tuple[int, ...]) -> dict[int, int]:
    """Return the layer that decides which channels of its group go, by group."""
    deciders: dict[int, int] = {}
    for index, layer in enumerate(network.layers):
        treatment = policy.get(layer.name)
        if treatment and treatment.pruner in FILTER_PRUNERS and treatment.removed > 0 and not is_depthwise(layer):
            deciders.setdefault(groups[index], index)
    return deciders


def _zero_share(treatment: LayerTreatment | None, *, decides: bool) -> float:
    """Return the share of single weights set to zero; a filter pruner whose channels are decided falls back to that."""
    if treatment is None or decides or treatment.pruner in CHANNEL_PRUNERS:
        return 0.0
    shaped = treatment.in_channels is not None or treatment.out_channels is not None
    return 0.0 if shaped and treatment.pruner in FILTER_PRUNERS else treatment.removed


def _arriving(network: Network, layers: list[Layer], producers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the channels that arrive from each producer, before and after the policy."""
    return [(output_shape(network.layers[i])[0], output_shape(layers[i])[0]) for i in producers if i != NETWORK_INPUT]


def _shrink(
    layer: Layer, treatment: LayerTreatment | None, decided: LayerTreatment | None, arriving: list[tuple[int, int]]
) -> Layer:
    """Return the layer that is left; `decided` is the treatment that removes the filters of its channel group."""
    if isinstance(layer, ElementwiseLayer):
        widest = max(after for _, after in arriving) if arriving else layer.channels
        return replace(layer, channels=min(layer.channels, widest))
    before, after = (sum(column) for column in zip(*arriving, strict=True)) if arriving else (1, 1)
    if isinstance(layer, PoolLayer):
        return replace(layer, channels=_scaled(layer.channels, before, after))
    in_channels, out_channels = _scaled(layer.in_channels, before, after), layer.out_channels
    if is_depthwise(layer):
        return replace(layer, in_channels=in_channels, out_channels=in_channels, groups=in_channels)
    if decided is not None:
        out_channels = decided.out_channels or _kept(out_channels, decided.removed)
    if treatment is not None:
        if treatment.pruner in CHANNEL_PRUNERS:
            in_channels = min(in_channels, _kept(layer.in_channels, treatment.removed))
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
