"""The network as it leaves: pruned channels gone, weights in codes, activations rounded, BatchNorm folded.

It computes what the simulated quantization computes: each layer's ifmap is rounded to its codes, its weights stand for
codes of their own per output channel, and the sums meet the folded gain and bias in float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from compress.deployment.channel_removal import live_units, mask_filters, private_copy, round_up, shrink
from compress.evaluation.folding import folded_affine, is_foldable
from compress.network.graph import CompressibleLayer, Mask, NetworkGraph
from compress.quantization.affine import ActivationStatistics, Affine, activation_affine, weight_affine


class FakeQuantize(nn.Module):
    """Rounds a tensor to the numbers that unsigned codes of `bits` bits stand for; zero stays zero."""

    scale: Tensor
    zero_point: Tensor

    def __init__(self, scale: float, zero_point: int, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("zero_point", torch.tensor(zero_point, dtype=torch.int32))

    def forward(self, values: Tensor) -> Tensor:
        """Return float32 of the same shape."""
        return Affine(self.scale, self.zero_point, self.bits).fake_quantize(values)


@dataclass(frozen=True, eq=False)
class WeightCodes:
    """A layer's weights as unsigned codes uint8 in the weight's shape; scale float32[M] and zero_point uint8[M]."""

    codes: Tensor
    scale: Tensor
    zero_point: Tensor
    bits: int

    def numbers(self) -> Tensor:
        """Return the float32 weights that the codes stand for."""
        shape = (-1,) + (1,) * (self.codes.dim() - 1)
        levels = self.codes.to(torch.float32) - self.zero_point.to(torch.float32).reshape(shape)
        return levels * self.scale.reshape(shape)


@dataclass(frozen=True, eq=False)
class CompressedLayer:
    """What a policy made of one layer: its weight float32 in the dense shape, zero where pruned; the filters that stay,
    bool[M]; its bits and those of its ifmap (None: the same)."""

    weight: Tensor
    filters: Mask
    bits: int
    ifmap_bits: int | None = None


@dataclass(frozen=True, eq=False)
class DeployedNetwork:
    """The smaller network: a module that simulates it in float, and the codes of its quantized layers by path."""

    module: fx.GraphModule
    codes: Mapping[str, WeightCodes]
    input_shape: tuple[int, ...]  # of one image


def deploy(
    graph: NetworkGraph,
    model: nn.Module,
    layers: Mapping[str, CompressedLayer],
    ranges: Mapping[str, ActivationStatistics],
    multiple: int = 1,
) -> DeployedNetwork:
    """Return the network that a policy leaves; `layers` and `ranges` (ifmap statistics) by layer name.

    Channel counts are rounded up to `multiple` with filters of zeros.
    """
    module = private_copy(graph, model)
    with torch.no_grad():
        for name, layer in layers.items():
            module.get_submodule(name).weight.copy_(layer.weight)  # type: ignore[operator]
    mask_filters(graph, module, {name: layer.filters for name, layer in layers.items()})
    kept = round_up(graph, live_units(graph, module), multiple)
    affines = {place.name: folded_affine(graph, module, place) for place in graph.layers}
    # of the weights as they were measured: the range of a filter includes what it reads of channels that now leave
    mappings = {name: weight_affine(layer.weight, layer.bits) for name, layer in layers.items()}
    shrink(graph, module, kept)
    codes = {}
    for place in graph.layers:
        bits, rows = layers[place.name].bits, torch.from_numpy(kept[place.out_units])
        gain, bias = (part[rows] for part in affines[place.name])
        whole = mappings[place.name]
        if place.bn is not None and is_foldable(graph, place.bn):
            _remove_norm(module, place.bn)
        mapping = Affine(whole.scale[rows], whole.zero_point[rows], bits)
        codes[place.name] = _encode(module, place, mapping, gain, bias)
        ifmap_bits = layers[place.name].ifmap_bits or bits
        _round_ifmap(module, place, activation_affine(ranges[place.name], ifmap_bits))
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()
    return DeployedNetwork(module.eval(), codes, graph.input_shape)


def _remove_norm(module: fx.GraphModule, path: str) -> None:
    for node in list(module.graph.nodes):
        if node.op == "call_module" and node.target == path:
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)


def _encode(
    module: fx.GraphModule, layer: CompressibleLayer, mapping: Affine, gain: Tensor, bias: Tensor
) -> WeightCodes:
    """Replace a layer's weight by the numbers its codes stand for, the gain in their scale; return the codes."""
    own = module.get_submodule(layer.name)
    assert isinstance(own, (nn.Conv2d, nn.Linear))
    weight = own.weight.detach()
    codes = mapping.codes(weight)
    zero_point = mapping.zero_point.clone()
    shape = (-1,) + (1,) * (codes.dim() - 1)
    negative = (gain < 0).reshape(shape)
    # a scale is positive: the sign of a negative gain goes into the codes, which count from the other end
    codes = torch.where(negative, mapping.largest_code - codes, codes)
    zero_point = torch.where(gain < 0, mapping.largest_code - zero_point, zero_point)
    scale = mapping.scale * gain.abs()
    dead = scale == 0
    codes = torch.where(dead.reshape(shape), zero_point.reshape(shape), codes)
    scale = torch.where(dead, torch.ones_like(scale), scale)
    found = WeightCodes(codes.to(torch.uint8), scale, zero_point.to(torch.uint8), mapping.bits)
    own.weight = nn.Parameter(found.numbers(), requires_grad=False)
    own.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return found


def _round_ifmap(module: fx.GraphModule, layer: CompressibleLayer, mapping: Affine) -> None:
    """Put the rounding of its ifmap before a layer; layers that read one tensor alike share it."""
    node = next(node for node in module.graph.nodes if node.op == "call_module" and node.target == layer.name)
    source = node.args[0]
    assert isinstance(source, fx.Node)
    scale, zero_point = float(mapping.scale), int(mapping.zero_point)
    for user in source.users:
        existing = module.get_submodule(str(user.target)) if user.op == "call_module" else None
        if isinstance(existing, FakeQuantize) and (float(existing.scale), int(existing.zero_point), existing.bits) == (
            scale,
            zero_point,
            mapping.bits,
        ):
            node.replace_input_with(source, user)
            return
    path = f"quantize_{layer.node}"
    module.add_submodule(path, FakeQuantize(scale, zero_point, mapping.bits))
    with module.graph.inserting_after(source):
        rounded = module.graph.call_module(path, (source,))
    node.replace_input_with(source, rounded)
