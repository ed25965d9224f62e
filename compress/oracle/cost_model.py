"""What a compressed network costs on the tile: the pruned shapes simulated, or the paper's coefficients.

`simulated` maps the shape that is left: a filter that goes is also an input channel less in every layer that reads it.
`paper` scales the dense layer's energy (Balaskas et al., IEEE TETC, section 4.3, eq. 3-8). Both include the layers that
cannot be compressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.evaluation.masks import Compression
from compress.network.graph import CompressibleLayer, FixedLayer, NetworkGraph
from compress.policy import MAX_BITS
from compress.vocabulary import EnergyMode

if TYPE_CHECKING:
    from hwsim.pricing.layer_pricer import LayerCost, LayerPricer


@dataclass(frozen=True)
class NetworkCost:
    """One inference: energy in pJ, time in ms, multiply-accumulates, and each layer's energy in pJ by name."""

    energy_pj: float
    latency_ms: float
    macs: int
    layer_energy_pj: Mapping[str, float]


@dataclass(frozen=True)
class _LayerPrice:
    energy_pj: float
    latency_ms: float
    macs: int


class EnergyModel:
    """Prices compressions of one network; a layer that did not change costs a look-up."""

    def __init__(self, graph: NetworkGraph, pricer: LayerPricer, mode: EnergyMode = EnergyMode.SIMULATED) -> None:
        graph.check_priced()
        self.graph = graph
        self.pricer = pricer
        self.mode = mode
        by_name: dict[str, CompressibleLayer | FixedLayer] = {layer.name: layer for layer in graph.layers}
        by_name.update({layer.name: layer for layer in graph.fixed})
        self._order = [by_name[name] for name in graph.order]
        self._index = {layer.name: index for index, layer in enumerate(graph.layers)}
        self._prices: dict[tuple[object, ...], _LayerPrice] = {}
        self._last: dict[int, tuple[tuple[object, ...], _LayerPrice]] = {}
        self._dense_costs: dict[str, LayerCost] = {}

    def price(self, compression: Compression) -> NetworkCost:
        """Return what one inference costs."""
        prices = {layer.name: self._layer(compression, layer) for layer in self._order}
        return NetworkCost(
            sum(price.energy_pj for price in prices.values()),
            sum(price.latency_ms for price in prices.values()),
            sum(price.macs for price in prices.values()),
            {name: price.energy_pj for name, price in prices.items()},
        )

    def dense_energy_pj(self, layer: CompressibleLayer) -> float:
        """Return the energy of a layer that is dense at 8 bits."""
        return self._dense(layer).energy_pj

    def _layer(self, compression: Compression, layer: CompressibleLayer | FixedLayer) -> _LayerPrice:
        if isinstance(layer, FixedLayer):
            return self._fixed(compression, layer)
        if self.mode is EnergyMode.PAPER:
            return self._coefficients(compression, layer, self._index[layer.name])
        return self._simulated(compression, layer, self._index[layer.name])

    def _fixed(self, compression: Compression, layer: FixedLayer) -> _LayerPrice:
        kept_dense = layer.kind in ("conv", "fc") or self.mode is EnergyMode.PAPER
        channels = layer.in_shape[0] if kept_dense else int(compression.live[layer.units].sum())
        key = (layer.name, channels)
        if key not in self._prices:
            self._prices[key] = _price(self.pricer.price(layer.hwsim_layer(channels), MAX_BITS, MAX_BITS))
        return self._prices[key]

    def _simulated(self, compression: Compression, layer: CompressibleLayer, index: int) -> _LayerPrice:
        policy, own = compression.policies[index], compression.layers[index]
        channels, filters = compression.live[layer.in_units], compression.live[layer.out_units]
        unchanged = (own, policy.bits, policy.input_bits, channels.tobytes(), filters.tobytes())
        last = self._last.get(index)
        if last is None or last[0] != unchanged:
            self._last[index] = last = (unchanged, self._changed(compression, layer, index))
        return last[1]

    def shape_left(self, compression: Compression, layer: CompressibleLayer, index: int) -> tuple[int, int]:
        """Return (input channels, output channels) of what is left of a layer, (features, features) of a linear one.

        A layer whose channels all went keeps one (in each group) in the smaller network, and so in its price.
        """
        inputs = int(compression.live_channels(index).sum())
        outputs = int(compression.live_filters(index).sum())
        return max(inputs, layer.groups if not layer.depthwise else 1), max(outputs, 1)

    def _changed(self, compression: Compression, layer: CompressibleLayer, index: int) -> _LayerPrice:
        inputs, outputs = self.shape_left(compression, layer, index)
        policy, zeros = compression.policies[index], compression.zero_fraction(index)
        key = (layer.name, inputs, outputs, policy.bits, policy.input_bits, zeros)
        if key not in self._prices:
            shape = layer.hwsim_layer(inputs, outputs)
            self._prices[key] = _price(self.pricer.price(shape, policy.bits, policy.input_bits, zero_weight=zeros))
        return self._prices[key]

    def _coefficients(self, compression: Compression, layer: CompressibleLayer, index: int) -> _LayerPrice:
        """Return the layer's dense cost times the paper's reduction coefficients (eq. 4-8).

        S of the structured kind is what the layer's own filters and channels lost, by its own action or its group's; on
        what that left, the fine-grained coefficients apply. A channel that only its producer lost does not count: the
        paper's model knows single layers.
        """
        table = self.pricer.mac_table
        policy = compression.policies[index]
        left = float(compression.filters(index).mean()) * float(compression.layers[index].channel_mask.mean())
        fine = compression.zero_fraction(index)
        cost = self._dense(layer)
        r_q = min(1.0, table.mac_energy_fj(policy.bits, policy.input_bits) / table.mac_energy_fj(MAX_BITS, MAX_BITS))
        r_mem, r_pruned, r_unpruned = left, left * table.p_fg * fine, left * (1.0 - fine) * r_q
        compute_pj = cost.breakdown_pj["mac"]
        memory_pj = cost.energy_pj - compute_pj
        energy_pj = memory_pj * r_mem + compute_pj * (r_pruned + r_unpruned)
        return _LayerPrice(energy_pj, cost.latency_ms * left, round(cost.macs * left))

    def _dense(self, layer: CompressibleLayer) -> LayerCost:
        if layer.name not in self._dense_costs:
            self._dense_costs[layer.name] = self.pricer.price(layer.hwsim_layer(), MAX_BITS, MAX_BITS)
        return self._dense_costs[layer.name]


def _price(cost: LayerCost) -> _LayerPrice:
    return _LayerPrice(cost.energy_pj, cost.latency_ms, cost.macs)
