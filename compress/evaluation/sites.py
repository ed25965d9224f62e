"""What a compressed network computes at each place that a policy can change: quantized layers, normalisations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from compress.evaluation.calibration import Calibration
from compress.evaluation.folding import affine_of, folded_affine, is_foldable
from compress.evaluation.masks import Compression
from compress.evaluation.program import module_on
from compress.network.graph import NetworkGraph
from compress.policy import DENSE_8BIT
from compress.quantization.affine import activation_affine, fold_input_scales, weight_affine
from compress.quantization.arithmetic import layer_site
from compress.quantization.integer_layer import IntegerLayer
from compress.vocabulary import Arithmetic

Site = Callable[[Tensor], Tensor]


class Sites:
    """Makes the sites of one network under compressions; those of dense layers are made once."""

    def __init__(self, graph: NetworkGraph, model: nn.Module, calibration: Calibration, device: torch.device) -> None:
        self.graph, self.model, self.calibration, self.device = graph, model, calibration, device
        self._index = {layer.name: index for index, layer in enumerate(graph.layers)}
        self._dense: dict[tuple[str, Arithmetic], Site] = {}

    def signature(self, path: str, compression: Compression) -> tuple[object, ...]:
        """Return what a site depends on: equal for compressions under which it computes the same."""
        if path not in self._index:
            return (compression.kept[self.graph.per_channel[path]].tobytes(),)
        index = self._index[path]
        # the object, not its id: an id may be used again once the object is gone
        policy = compression.policies[index]
        return (compression.layers[index], compression.filters(index).tobytes(), policy.bits, policy.input_bits)

    def site(self, path: str, compression: Compression, arithmetic: Arithmetic) -> Site:
        """Return what a path of the network maps its input to."""
        if path not in self._index:
            return self._normalization(path, compression)
        index = self._index[path]
        unpruned = bool(compression.filters(index).all())
        dense = compression.policies[index].action == DENSE_8BIT.action and unpruned
        if dense and (path, arithmetic) in self._dense:
            return self._dense[path, arithmetic]
        site = layer_site(self.integer_layer(index, compression), arithmetic, self.device)
        if dense:
            self._dense[path, arithmetic] = site
        return site

    def integer_layer(self, index: int, compression: Compression) -> IntegerLayer:
        """Return a layer in codes, its batch normalisation folded."""
        layer = self.graph.layers[index]
        policy, filters = compression.policies[index], compression.filters(index)
        weight = compression.masked_weight(index)
        inputs = activation_affine(self.calibration.ranges[layer.name], policy.input_bits)
        weight = fold_input_scales(weight, inputs.scale, layer.groups)
        weights = weight_affine(weight, policy.bits)
        scale = weights.scale if inputs.scale.dim() else weights.scale * inputs.scale
        gain, bias = folded_affine(self.graph, self.model, layer)
        kept = torch.from_numpy(filters)
        levels = weights.levels(weight)
        return IntegerLayer(levels, inputs, scale * gain * kept, bias * kept, layer.window, layer.groups)

    def _normalization(self, path: str, compression: Compression) -> Site:
        module = self.model.get_submodule(path)
        kept = torch.from_numpy(compression.kept[self.graph.per_channel[path]])
        if not is_foldable(self.graph, path):
            return module_on(self.device, module)
        gain, bias = affine_of(module)
        gain, bias = (gain * kept).to(self.device), (bias * kept).to(self.device)

        def normalize(values: Tensor) -> Tensor:
            shape = (1, -1) + (1,) * (values.dim() - 2)
            return torch.addcmul(bias.reshape(shape), values, gain.reshape(shape))

        return normalize
