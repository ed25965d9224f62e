"""Physical removal: a smaller network that computes what the masked one computes, to float rounding.

A unit leaves where it is zero at every source (its filters, biases and every BatchNorm on it) or where no layer reads
it (all its weights there are zero). Both are read from the weights themselves, so a mask that some layer of a group
does not share simply stays behind as zeros: removal is never wrong, only smaller or larger.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import fx, nn

from compress.network.calls import arguments, operation_of, operation_of_module
from compress.network.channel_units import Units
from compress.network.graph import CompressibleLayer, Mask, NetworkGraph
from compress.network.operation import Kind
from hwsim.errors import InputError


def private_copy(graph: NetworkGraph, model: nn.Module | None = None) -> fx.GraphModule:
    """Return the traced module with tensors of its own, filled from `model` (same parameter names) where given."""
    module = copy.deepcopy(graph.module)
    if model is not None and model is not graph.module:
        state = model.state_dict()
        own = module.state_dict()
        module.load_state_dict({name: tensor for name, tensor in state.items() if name in own}, strict=False)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module.eval()


def mask_filters(graph: NetworkGraph, module: nn.Module, masks: Mapping[str, Mask]) -> None:
    """Zero, in place, the filters that masks bool[out_channels] drop, with their biases and BatchNorm affines.

    A BatchNorm that reads several layers at once is zeroed for the channels that leave as a whole.
    """
    with torch.no_grad():
        for name, mask in masks.items():
            layer = graph.layer(name)
            if mask.shape != (layer.weight_shape[0],):
                raise InputError(f"layer '{name}': a mask of {mask.shape} for {layer.weight_shape[0]} filters")
            dropped = torch.from_numpy(~mask)
            paths = [name] if layer.bn is None else [name, layer.bn]
            for path in paths:
                _zero_channels(module.get_submodule(path), dropped)
        kept = graph.keep_units(masks)
        for path, units in graph.per_channel.items():
            own = module.get_submodule(path)
            if _is_batch_norm(own):
                _zero_channels(own, torch.from_numpy(~kept[units]))


def _is_batch_norm(module: nn.Module) -> bool:
    operation = operation_of_module(module)
    return operation is not None and operation.kind is Kind.BATCH_NORM


def _zero_channels(module: nn.Module, dropped: torch.Tensor) -> None:
    for parameter in (module.weight, module.bias):
        if isinstance(parameter, torch.Tensor):
            parameter[dropped] = 0.0


def live_units(graph: NetworkGraph, module: nn.Module) -> Mask:
    """Return the units bool[units] that the weights keep alive: some source is not zero and some layer reads them."""
    sourced = np.zeros(len(graph.frozen), dtype=bool)
    read = np.zeros_like(sourced)
    for layer in graph.layers:
        weight = _parameter(module, layer.name, "weight")
        assert weight is not None
        _mark(sourced, layer.out_units, weight, _parameter(module, layer.name, "bias"))
        read[layer.in_units[_reading_channels(layer, weight)]] = True
    for path, units in graph.per_channel.items():
        if _is_batch_norm(module.get_submodule(path)):
            _mark(sourced, units, _parameter(module, path, "weight"), _parameter(module, path, "bias"))
    return graph.never_empty(graph.frozen | (sourced & read))


def _parameter(module: nn.Module, path: str, name: str) -> torch.Tensor | None:
    return cast("torch.Tensor | None", getattr(module.get_submodule(path), name))


def _mark(alive: Mask, units: Units, *parameters: torch.Tensor | None) -> None:
    for parameter in parameters:
        if parameter is not None:
            nonzero = (parameter.detach() != 0).flatten(1).any(1) if parameter.ndim > 1 else parameter.detach() != 0
            alive[units[nonzero.cpu().numpy()]] = True


def _reading_channels(layer: CompressibleLayer, weight: torch.Tensor) -> Mask:
    """Return which input channels have a weight that is not zero, bool[in_channels]."""
    nonzero = (weight.detach() != 0).flatten(2).any(2) if weight.ndim > 2 else weight.detach() != 0
    grouped = nonzero.reshape(layer.groups, -1, nonzero.shape[1]).any(1)  # [groups, in_channels / groups]
    return cast(Mask, grouped.flatten().cpu().numpy())


def round_up(graph: NetworkGraph, kept: Mask, multiple: int) -> Mask:
    """Restore the first removed units of each layer until its channel count is a multiple (or all are back)."""
    check_multiple(multiple)
    kept = kept.copy()
    changed = multiple > 1
    while changed:  # restoring for one layer can unsettle another of its group; counts only grow, so it ends
        changed = False
        for layer in graph.layers:
            while int(kept[layer.out_units].sum()) % multiple and not kept[layer.out_units].all():
                kept[layer.out_units[~kept[layer.out_units]][0]] = True
                changed = True
    return kept


def check_multiple(multiple: int) -> int:
    """Return what channel counts are to be multiples of; raises InputError where it is no whole number from 1."""
    if isinstance(multiple, bool) or not isinstance(multiple, int) or multiple < 1:
        raise InputError(f"--round-to is {multiple!r}, must be a whole number from 1")
    return multiple


def remove_channels(
    graph: NetworkGraph, model: nn.Module, masks: Mapping[str, Mask] | None = None, multiple: int = 1
) -> fx.GraphModule:
    """Return a smaller module equal to `model` with `masks` applied; `model` itself is left as it is.

    `masks` are filter masks by layer (none: what the weights themselves leave dead is removed). With `multiple`, each
    channel count is rounded up to one, with filters of zeros.
    """
    module = private_copy(graph, model)
    if masks:
        mask_filters(graph, module, masks)
    shrink(graph, module, round_up(graph, live_units(graph, module), multiple))
    return module


def shrink(graph: NetworkGraph, module: fx.GraphModule, kept: Mask) -> None:
    """Cut a private copy down, in place, to the units bool[units] that stay."""
    for layer in graph.layers:
        _replace(module, layer.name, _smaller_layer(layer, module.get_submodule(layer.name), kept))
    for path, units in graph.per_channel.items():
        _replace(module, path, _smaller_per_channel(module.get_submodule(path), kept[units]))
    for node in module.graph.nodes:
        if node.name in graph.node_units:
            _rewrite_constants(module, node, graph.node_units, kept)
    module.recompile()


def _replace(module: nn.Module, path: str, new: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, new)


def _smaller_layer(layer: CompressibleLayer, old: nn.Module, kept: Mask) -> nn.Module:
    outs, ins = torch.from_numpy(kept[layer.out_units]), torch.from_numpy(kept[layer.in_units])
    assert isinstance(old, (nn.Conv2d, nn.Linear))
    weight = old.weight[outs]
    if not layer.depthwise:
        weight = weight[:, ins[: old.weight.shape[1]]]  # the same positions stay in every group
    bias = None if old.bias is None else old.bias[outs]
    new = copy.copy(old)  # all settings stay; only the tensors and the counts below are its own
    new._parameters = dict(old._parameters)
    new.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        new.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    out_count, in_count = int(outs.sum()), int(ins.sum())
    if isinstance(new, nn.Linear):
        new.out_features, new.in_features = out_count, in_count
    else:
        new.out_channels, new.in_channels = out_count, in_count
        new.groups = in_count if layer.depthwise else new.groups
    return new


def _smaller_per_channel(old: nn.Module, kept: Mask) -> nn.Module:
    chosen = torch.from_numpy(kept)
    new = copy.deepcopy(old)
    for name, parameter in old.named_parameters(recurse=False):
        setattr(new, name, nn.Parameter(parameter[chosen].detach().clone(), requires_grad=False))
    for name, buffer in old.named_buffers(recurse=False):
        if buffer.ndim == 1:
            setattr(new, name, buffer[chosen].clone())
    for name in ("num_features", "num_parameters"):
        if hasattr(new, name):
            setattr(new, name, int(kept.sum()))
    return new


def _rewrite_constants(module: nn.Module, node: fx.Node, node_units: Mapping[str, Units], kept: Mask) -> None:
    """Replace channel counts that a call carries as constants: zero channels of a pad, sizes of a reshape."""
    units, operation = node_units[node.name], operation_of(node, module)
    if node.op == "call_module" or operation is None:
        return
    if operation.kind is Kind.PAD:
        source = cast(fx.Node, node.args[0])
        pads = list(arguments(node, module)["pad"])
        before, after = _pad_channels(pads, len(units) - len(node_units[source.name]))
        if before or after:
            pads[-2:] = [int(kept[units[:before]].sum()), int(kept[units[len(units) - after :]].sum())]
            _set_argument(node, 1, "pad", tuple(pads))
    elif operation.kind is Kind.RESHAPE:
        # sizes come as one tuple or one by one, so that they are read from the call as it stands
        sizes = node.args[1] if len(node.args) == 2 else node.args[1:]
        if isinstance(sizes, (tuple, list)) and len(sizes) > 1 and isinstance(sizes[1], int) and sizes[1] != -1:
            new = (sizes[0], int(kept[units].sum()), *sizes[2:])
            node.args = (node.args[0], new) if len(node.args) == 2 else (node.args[0], *new)


def _pad_channels(pads: list[int], added: int) -> tuple[int, int]:
    """Return how many channels a pad puts before and after; the last pair is the channels' where any were added."""
    return (pads[-2], pads[-1]) if added else (0, 0)


def _set_argument(node: fx.Node, position: int, name: str, value: Any) -> None:
    if len(node.args) > position:
        node.args = (*node.args[:position], value, *node.args[position + 1 :])
    else:
        node.kwargs = {**node.kwargs, name: value}
