"""Networks from TOML or JSON files: a list of layers, shapes filled in from the producers where left out.

EXAMPLE shows one. A convolution or pooling may state in_channels (channels), in_height and in_width itself: a list of
such layers needs neither `input` nor `inputs`, and a shape that its predecessor does not make is read from outside the
network.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hwsim.errors import InputError, unknown_name
from hwsim.files.reading import read_json, read_toml
from hwsim.files.schema_errors import first_error
from hwsim.workload.builtin.builder import FeatureMap, NetworkBuilder
from hwsim.workload.layer import ConvLayer
from hwsim.workload.network import Network, Shape
from hwsim.workload.window import Pair, PerAxis, both

_KIND = "a network (`name`, `input` and a list of `layers`; see `hwsim networks --example`)"

EXAMPLE = """\
name = "tiny"
input = [3, 32, 32]             # channels, height, width

[[layers]]
type = "conv"                   # conv, fc, pool, add
name = "stem"
out_channels = 16
kernel = 3                      # or [rows, columns]; stride, padding, dilation, groups as well
padding = 1

[[layers]]
type = "fc"
name = "classifier"
inputs = ["stem"]               # the layer before, where left out; several are joined (conv, fc, pool) or added
out_features = 10
"""
"""A network file that says what it may hold."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    name: str = Field(min_length=1)
    inputs: list[str] | None = None

    def stated_shape(self) -> Shape | None:
        """Return the ifmap's shape where the entry itself states it."""
        return None


class _PlaneEntry(_Entry):
    in_channels: int | None = Field(default=None, gt=0, validation_alias=AliasChoices("in_channels", "channels"))
    in_height: int | None = Field(default=None, gt=0)
    in_width: int | None = Field(default=None, gt=0)
    kernel: Pair | None = None
    kernel_height: int | None = None
    kernel_width: int | None = None

    def stated_shape(self) -> Shape | None:
        """Return the ifmap's shape where all of it is stated."""
        if self.in_channels and self.in_height and self.in_width:
            return Shape(self.in_channels, self.in_height, self.in_width)
        return None

    def stated_kernel(self) -> PerAxis | None:
        """Return the kernel's rows and columns."""
        if self.kernel is not None:
            return both(self.kernel)
        if self.kernel_height and self.kernel_width:
            return PerAxis(self.kernel_height, self.kernel_width)
        return None


class ConvEntry(_PlaneEntry):
    """A convolution as a file states it."""

    type: Literal["conv"]
    out_channels: int
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    groups: int = 1


class FcEntry(_Entry):
    """A fully connected layer as a file states it; its ifmap is flattened."""

    type: Literal["fc"]
    out_features: int
    in_features: int | None = Field(default=None, gt=0)

    def stated_shape(self) -> Shape | None:
        """Return the flat ifmap's shape where it is stated."""
        return Shape(self.in_features, 1, 1) if self.in_features else None


class PoolEntry(_PlaneEntry):
    """A pooling layer as a file states it; without a kernel it pools the whole plane."""

    type: Literal["pool"]
    stride: Pair | None = None
    padding: Pair = 0
    ceil_mode: bool = False


class AddEntry(_Entry):
    """An elementwise layer as a file states it."""

    type: Literal["add"]


ENTRIES: dict[str, type[_Entry]] = {"conv": ConvEntry, "fc": FcEntry, "pool": PoolEntry, "add": AddEntry}


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    input: tuple[int, int, int] | None = None
    layers: list[dict[str, Any]] = Field(min_length=1)


def read_network(path: Path, batch: int = 1) -> Network:
    """Read a network from a TOML or JSON file; raises InputError that names the layer and the first wrong field."""
    content = read_toml(path, _KIND) if path.suffix.lower() == ".toml" else read_json(path, _KIND)
    if not isinstance(content, dict):
        raise InputError(f"network file '{path}' holds {type(content).__name__}, expected {_KIND}")
    try:
        file = TypeAdapter(_File).validate_python({"name": path.stem, **content})
    except ValidationError as error:
        raise InputError(f"network file '{path}': {first_error(error, _File)}") from None
    entries = [_entry(path, index, fields) for index, fields in enumerate(file.layers)]
    image = file.input or entries[0].stated_shape()
    if image is None:
        raise InputError(f"network file '{path}': field 'input' is missing; state it as [channels, height, width]")
    if min(image) < 1:
        raise InputError(f"network file '{path}': input is {list(image)}, must be channels, height, width above 0")
    net = NetworkBuilder(file.name, image, batch)
    maps: dict[str, FeatureMap] = {}
    last = net.image
    for entry in entries:
        last = _append(net, entry, _sources(path, entry, maps, last))
        maps[entry.name] = last
    return net.build()


def _entry(path: Path, index: int, fields: dict[str, Any]) -> _Entry:
    label = fields.get("name", f"number {index + 1}")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in ENTRIES:
        raise InputError(
            f"network file '{path}': layer '{label}' has the type {kind!r}, must be one of {', '.join(ENTRIES)}"
        )
    try:
        return ENTRIES[kind].model_validate(fields)
    except ValidationError as error:
        raise InputError(f"network file '{path}': layer '{label}': {first_error(error, ENTRIES[kind])}") from None


def _sources(path: Path, entry: _Entry, maps: dict[str, FeatureMap], last: FeatureMap) -> list[FeatureMap]:
    if entry.inputs is None:
        return [last]
    for name in entry.inputs:
        if name not in maps:
            raise unknown_name(f"input of layer '{entry.name}' in '{path}' (it must stand above)", name, maps)
    if not entry.inputs:
        raise InputError(f"network file '{path}': layer '{entry.name}' has no inputs; leave them out or name some")
    return [maps[name] for name in entry.inputs]


def _ifmap(net: NetworkBuilder, entry: _Entry, sources: list[FeatureMap]) -> FeatureMap:
    planes = {tuple(source.shape.plane) for source in sources}
    if len(planes) > 1 and entry.stated_shape() is None:
        raise InputError(f"layer '{entry.name}' joins feature maps of different planes {sorted(planes)}")
    x = net.concat(*sources)
    stated = entry.stated_shape()
    flat = math.prod(x.shape)
    if stated is None or stated == x.shape or (isinstance(entry, FcEntry) and stated.channels == flat):
        return x
    if entry.inputs is not None:
        raise InputError(
            f"layer '{entry.name}' states an ifmap of {tuple(stated)} but its inputs make {tuple(x.shape)}"
        )
    return FeatureMap(stated, net.image.producers)


def _append(net: NetworkBuilder, entry: _Entry, sources: list[FeatureMap]) -> FeatureMap:
    if isinstance(entry, AddEntry):
        return net.add(entry.name, *sources)
    x = _ifmap(net, entry, sources)
    if isinstance(entry, FcEntry):
        return net.fc(x, entry.name, entry.out_features)
    if isinstance(entry, PoolEntry):
        kernel = entry.stated_kernel()
        if kernel is None:
            return net.global_pool(x, entry.name)
        stride = kernel if entry.stride is None else entry.stride
        return net.pool(x, entry.name, kernel, stride, padding=entry.padding, ceil_mode=entry.ceil_mode)
    if not isinstance(entry, ConvEntry):
        raise TypeError(f"no rule for {type(entry).__name__}")
    kernel = entry.stated_kernel()
    if kernel is None:
        raise InputError(f"layer '{entry.name}': field 'kernel' is missing")
    layer = ConvLayer(
        *(entry.name, x.channels, entry.out_channels, *x.shape.plane, *kernel),
        stride=entry.stride,
        padding=entry.padding,
        dilation=entry.dilation,
        groups=entry.groups,
        batch=net.batch,
    )
    return net.append(layer, x.producers)
