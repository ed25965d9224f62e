"""A compression policy as the tile sees it: narrower operands, zeros among them, and shapes with channels removed.

What a pruner's name means is not known here: a policy is priced with the channels and the shares of zeros that it
states. `compress evaluate --complete` states them for a policy that a search or a person wrote without.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwsim.errors import InputError, unknown_name
from hwsim.files.reading import read_json
from hwsim.files.schema_errors import first_error
from hwsim.vocabulary import Precision, ZeroShares
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, FCLayer, Layer, PoolLayer
from hwsim.workload.network import NETWORK_INPUT, Network, output_shape
from hwsim.workload.policy_file import PolicyFile

NOTHING_PRUNED = (None, "none")
"""What `pruner` says of a layer that keeps all its weights."""


class LayerTreatment(BaseModel):
    """What a policy does to one layer.

    Priced are `bits` (of weights; of activations too where `activation_bits` is left out), `in_channels` and
    `out_channels` (what is left of them), `zero_filter` (share of zeros among the weights that are left) and
    `zero_ifmap` (share of zeros in the ifmap; a typical one where left out). `pruner`, `sparsity` and
    `realised_sparsity` say how it came to that, and move no price.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pruner: str | None = None
    sparsity: float = Field(default=0.0, ge=0, le=1, strict=True)
    ran: str | None = None
    realised_sparsity: float | None = Field(default=None, ge=0, le=1, strict=True)
    bits: int = Field(default=8, ge=1, strict=True)
    activation_bits: int | None = Field(default=None, ge=1, strict=True)
    in_channels: int | None = Field(default=None, ge=1, strict=True)
    out_channels: int | None = Field(default=None, ge=1, strict=True)
    zero_filter: float | None = Field(default=None, ge=0, le=1, strict=True)
    zero_ifmap: float | None = Field(default=None, ge=0, le=1, strict=True)

    @property
    def completed(self) -> bool:
        """Whether what was pruned can be priced: as channels that are left, or as zeros among the weights."""
        stated = (self.in_channels, self.out_channels, self.zero_filter)
        return self.sparsity == 0 or self.pruner in NOTHING_PRUNED or any(part is not None for part in stated)

    @property
    def precision(self) -> Precision:
        """Widths of the layer's operands, bits."""
        return Precision(self.bits, self.activation_bits or self.bits)

    @property
    def zeros(self) -> ZeroShares:
        """Shares of zeros among the operands."""
        return ZeroShares(self.zero_filter, self.zero_ifmap)


@dataclass(frozen=True)
class Treated:
    """A network after a policy: what is left, each layer's precision (None: as the run asks) and shares of zeros."""

    network: Network
    precisions: tuple[Precision | None, ...]
    zeros: tuple[ZeroShares, ...]


def read_policy(path: Path) -> dict[str, LayerTreatment]:
    """Read the layers of a policy.json; raises InputError for a wrong field and for a layer that is not completed."""
    file = PolicyFile.parse(read_json(path, PolicyFile.KIND), f"policy '{path}'")
    policy = {name: _treatment(path, name, fields) for name, fields in file.layers.items()}
    _check_completed(policy, str(path))
    return policy


def _treatment(path: Path, name: str, fields: Any) -> LayerTreatment:
    if not isinstance(fields, dict):
        raise InputError(f"policy '{path}', layer '{name}': holds {fields!r}, expected pruner, sparsity and bits")
    try:
        return LayerTreatment.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"policy '{path}', layer '{name}': {first_error(error, LayerTreatment)}") from None


def _check_completed(policy: dict[str, LayerTreatment], file: str) -> None:
    for name, treatment in policy.items():
        if not treatment.completed:
            raise InputError(
                f"policy '{file}' is not completed: layer '{name}' has pruner '{treatment.pruner}' and sparsity"
                f" {treatment.sparsity:g} but states none of in_channels, out_channels and zero_filter; run"
                f" `compress evaluate --policy {file} --complete COMPLETED.json` and give that file"
            )


def apply_policy(network: Network, policy: dict[str, LayerTreatment]) -> Treated:
    """Return what a policy leaves of a network.

    Where a layer states no in_channels it reads all that its producers leave; where it states no out_channels it keeps
    its own. Raises InputError for a layer that the network does not have or the policy does not complete, for more
    channels than the layer has or than arrive, and for additions of what no longer fits together.
    """
    computing = [layer.name for layer in network.layers if isinstance(layer, ConvLayer)]
    for name in policy:
        if name not in computing:
            raise unknown_name(f"layer of {network.name} in the policy", name, computing)
    _check_completed(policy, "FILE")
    left: list[Layer] = []
    for index, layer in enumerate(network.layers):
        left.append(_left(layer, policy.get(layer.name, LayerTreatment()), _arrivals(network, left, index)))
    treatments = [policy.get(layer.name) for layer in network.layers]
    return Treated(
        Network(network.name, tuple(left), network.inputs),
        tuple(None if one is None else one.precision for one in treatments),
        tuple(ZeroShares() if one is None else one.zeros for one in treatments),
    )


@dataclass(frozen=True)
class _Arrival:
    """Channels of one producer before and after the policy."""

    producer: str
    before: int
    after: int


def _arrivals(network: Network, left: list[Layer], index: int) -> list[_Arrival]:
    """Return what each producer of a layer leaves; the network's own input keeps all it has."""
    layer, sources = network.layers[index], network.inputs[index]
    arrivals = [
        _Arrival(network.layers[i].name, output_shape(network.layers[i]).channels, output_shape(left[i]).channels)
        for i in sources
        if i != NETWORK_INPUT
    ]
    if NETWORK_INPUT in sources and arrivals and not isinstance(layer, FCLayer):
        channels = layer.in_channels if isinstance(layer, ConvLayer) else layer.channels
        own = channels if isinstance(layer, ElementwiseLayer) else channels - sum(one.before for one in arrivals)
        arrivals.append(_Arrival("the network's input", own, own))
    return arrivals


def _left(layer: Layer, treatment: LayerTreatment, arrivals: list[_Arrival]) -> Layer:
    if isinstance(layer, ElementwiseLayer):
        return replace(layer, channels=_added(layer, arrivals))
    before, after = sum(one.before for one in arrivals), sum(one.after for one in arrivals)
    if isinstance(layer, PoolLayer):
        return replace(layer, channels=_scaled(layer.channels, before, after))
    arriving = _scaled(layer.in_channels, before, after)
    if layer.groups < layer.in_channels:
        arriving = -(-arriving // layer.groups) * layer.groups  # what is missing in a group is read as zeros
    # of producers that are cut or padded on the way nobody knows what arrives
    known = not before or layer.in_channels % before == 0
    _check_channels(layer, treatment, arriving if known else layer.in_channels, arrivals)
    ins = treatment.in_channels or arriving
    if layer.groups == layer.in_channels > 1:
        # each filter has one channel: those of a channel that is gone are gone as well
        outs = treatment.out_channels or ins * (layer.out_channels // layer.in_channels)
        return replace(layer, in_channels=ins, out_channels=outs, groups=ins)
    return replace(layer, in_channels=ins, out_channels=treatment.out_channels or layer.out_channels)


def _added(layer: ElementwiseLayer, arrivals: list[_Arrival]) -> int:
    """Return the channels of a sum; a shortcut that pads has fewer than the sum, and the widest decides."""
    whole = [one for one in arrivals if one.before == layer.channels]
    if len({one.after for one in whole}) > 1:
        counts = " and ".join(f"{one.after} of '{one.producer}'" for one in whole)
        raise InputError(
            f"layer '{layer.name}' adds feature maps of different channels after the policy: {counts}; layers that are"
            " added lose the same channels, state the same out_channels for them"
        )
    before, after = sum(one.before for one in arrivals), sum(one.after for one in arrivals)
    if not whole and before and before % layer.channels == 0:
        return after // (before // layer.channels)  # its operands are joined from several layers each
    return min(layer.channels, max((one.after for one in arrivals), default=layer.channels))


def _check_channels(layer: ConvLayer, treatment: LayerTreatment, arriving: int, arrivals: list[_Arrival]) -> None:
    """Refuse channel counts that the layer or its producers do not have."""
    stated = {"in_channels": treatment.in_channels, "out_channels": treatment.out_channels}
    for field, channels in stated.items():
        if channels is not None and channels > getattr(layer, field):
            raise InputError(
                f"layer '{layer.name}': the policy states {field} {channels}, the layer has {getattr(layer, field)}"
            )
    if treatment.in_channels is not None and treatment.in_channels > arriving:
        sources = ", ".join(f"{one.after} of '{one.producer}'" for one in arrivals)
        raise InputError(
            f"layer '{layer.name}': the policy states in_channels {treatment.in_channels}, but {arriving} arrive"
            f" ({sources}); state the channels that its producers leave"
        )


def _scaled(channels: int, before: int, after: int) -> int:
    """Return channels after removal; a flattened ifmap holds a plane of features for each channel."""
    return channels if before == after else max(1, channels * after // before)
