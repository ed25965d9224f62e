"""What is built in, as the lists of `hwsim networks`, `accelerators` and `costs` hold it in JSON."""

from __future__ import annotations

from typing import ClassVar

from hwsim.energy.cost_preset import CostPreset
from hwsim.engines.counts_result import Part
from hwsim.files.document import Document
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.vocabulary import LayerKind
from hwsim.workload.layer import ConvLayer, ElementwiseLayer, Layer
from hwsim.workload.network import Network, Shape, output_shape


class NetworkEntry(Part):
    """A network in figures."""

    name: str
    layers: int
    macs: int
    weights: int


class NetworkList(Document):
    """The built-in networks at one batch."""

    KIND: ClassVar[str] = "a list of networks"

    batch: int
    networks: tuple[NetworkEntry, ...]


class LayerEntry(Part):
    """A layer in figures; `ofmap`: channels, height, width; `kernel`: height, width, None for elementwise layers."""

    name: str
    type: LayerKind
    ofmap: Shape
    kernel: tuple[int, int] | None
    groups: int
    macs: int
    weights: int


class LayerList(Document):
    """The layers of one network."""

    KIND: ClassVar[str] = "the layers of a network"

    network: str
    batch: int
    layers: tuple[LayerEntry, ...]


class AcceleratorList(Document):
    """The built-in tiles with all their fields."""

    KIND: ClassVar[str] = "a list of accelerators"

    accelerators: tuple[AcceleratorSpec, ...]


class CostsList(Document):
    """The built-in presets of memory costs with the source of each figure."""

    KIND: ClassVar[str] = "a list of memory costs"

    costs: tuple[CostPreset, ...]


def layer_list(net: Network) -> LayerList:
    """Return the layers of a network in figures."""
    return LayerList(network=net.name, batch=net.batch, layers=tuple(_entry(layer) for layer in net.layers))


def _entry(layer: Layer) -> LayerEntry:
    return LayerEntry(
        name=layer.name,
        type=layer.kind,
        ofmap=output_shape(layer),
        kernel=None if isinstance(layer, ElementwiseLayer) else (layer.kernel_height, layer.kernel_width),
        groups=layer.groups if isinstance(layer, ConvLayer) else 1,
        macs=layer.macs,
        weights=layer.filter_words,
    )
