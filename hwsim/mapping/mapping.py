"""What a mapping is: the row-stationary nest, and its legality on a tile.

The nest, outermost loop first (letters of JSSC 2017, Table II):

    for each block of g groups                               independent convolutions side by side
      for each position block (n images, e ofmap rows, f ofmap columns)    } these two loops in either order
        for each block of m filters, its psums resident in the GLB         }
          for each block of q r channels, its ifmap rows resident in the GLB
            for each fold of k filter rows
              for each pass of p t filters
                PEs: sets of k x e; r sets on different channels chained along the columns, t sets on different
                filters, wide sets folded into column segments; a PE interleaves p filters and q channels

A pass loads its filters into the RFs, then slides over the columns of its ifmap rows; its psums come from the GLB
(all but the first of a window) and go back. When all channels are done the ofmap block leaves for DRAM. `keep_ifmap`
holds the rows of all channels of a position block; `keep_filter` holds all filters of an m block. The sets of a ragged
last block are filled one after the other.

Source: Chen et al., JSSC 2017, sections III-B and V; column blocks f, groups g and the choice of loop order and of what
stays resident are ours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.kernels.nest import glb_bits, glb_fits, rf_fits, set_slots
from hwsim.kernels.tuples import NestMap, NestShape, NestTile
from hwsim.mapping.lowering import lower_layer, lower_tile
from hwsim.workload.layer import Layer


@dataclass(frozen=True)
class Mapping:
    """One way to run a layer on a tile; see the module's text for the letters.

    `m` is a multiple of p * t, or all filters of a group. `k` is the filter rows of a fold (all of them where the
    array is tall enough). `filters_outer`: the m loop is outside the position loop.
    """

    m: int
    n: int
    e: int
    f: int
    p: int
    q: int
    r: int
    t: int
    g: int = 1
    k: int = 1
    filters_outer: bool = False
    keep_ifmap: bool = False
    keep_filter: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        """Return the fields by name, for JSON."""
        return asdict(self)

    def lowered(self) -> NestMap:
        """Return the mapping in integers."""
        return NestMap(*(int(getattr(self, field.name)) for field in fields(self)))

    @staticmethod
    def raised(nest: NestMap) -> Mapping:
        """Return the mapping of a lowered one."""
        return Mapping(*nest[:10], *(bool(flag) for flag in nest[10:]))

    @staticmethod
    def from_dict(content: dict[str, Any], source: str = "mapping") -> Mapping:
        """Read the fields back; raises InputError for an unknown, missing or wrong one."""
        names = {field.name for field in fields(Mapping)}
        unknown = set(content) - names
        if unknown:
            raise InputError(f"{source}: unknown field '{min(unknown)}'; known: {', '.join(sorted(names))}")
        for name in ("m", "n", "e", "f", "p", "q", "r", "t"):
            if name not in content:
                raise InputError(f"{source}: field '{name}' is missing; a mapping needs m n e f p q r t")
        return Mapping(**content)


def check_mapping(layer: Layer, tile: AcceleratorSpec, mapping: Mapping) -> None:
    """Refuse a mapping that the layer has no use for or the tile no room for: InputError with the constraint broken."""
    shape, lowered, nest = lower_layer(layer), lower_tile(tile), mapping.lowered()
    limits = {
        "n": shape.batch, "e": shape.rows, "f": shape.columns, "p": shape.filters, "q": shape.channels,
        "r": shape.channels, "t": shape.filters, "g": shape.groups, "k": shape.taps_v,
    }  # fmt: skip
    for field, largest in limits.items():
        value = getattr(mapping, field)
        if not isinstance(value, int) or not 1 <= value <= largest:
            raise InputError(f"layer '{layer.name}': mapping {field} is {value!r}, must be 1 to {largest}")
    chunk = mapping.p * mapping.t
    if mapping.m < 1 or (mapping.m % chunk and mapping.m != shape.filters):
        raise InputError(
            f"layer '{layer.name}': mapping m is {mapping.m}, must be a multiple of p * t = {chunk}"
            f" or all {shape.filters} filters of a group"
        )
    where = f"layer '{layer.name}' on '{tile.name}'"
    if not rf_fits(shape, lowered, mapping.p, mapping.q):
        raise InputError(f"{where}: {_rf_need(shape, tile, mapping.p, mapping.q)}")
    slots = set_slots(lowered, mapping.e, mapping.k, mapping.r)
    if mapping.t * mapping.g > slots:
        raise InputError(
            f"{where}: the {tile.array_rows} x {tile.array_columns} array holds {slots} chains of r = {mapping.r} sets"
            f" of {mapping.k} x {mapping.e} PEs, the mapping asks for t * g = {mapping.t * mapping.g}"
        )
    if not glb_fits(shape, lowered, nest):
        raise InputError(f"{where}: {_glb_need(shape, lowered, tile, nest)}")


def why_unmappable(layer: Layer, tile: AcceleratorSpec) -> str:
    """Return which capacity even the smallest mapping exceeds, with the numbers; for a layer the search gave up on."""
    shape, lowered = lower_layer(layer), lower_tile(tile)
    if not rf_fits(shape, lowered, 1, 1):
        return _rf_need(shape, tile, 1, 1)
    k = -(-shape.taps_v // -(-shape.taps_v // tile.array_rows))
    return _glb_need(shape, lowered, tile, NestMap(1, 1, 1, 1, 1, 1, 1, 1, 1, k, 0, 0, 0))


def _rf_need(shape: NestShape, tile: AcceleratorSpec, p: int, q: int) -> str:
    taps = shape.taps_h
    filters = p * q * taps * shape.weighted
    need = f"a PE needs {q * taps} ifmap, {filters} filter and {p} psum words (p = {p}, q = {q}, S = {taps})"
    if tile.rf_shared_bytes:
        bits = (q * taps + filters) * tile.word_bits + p * tile.psum_bits
        return f"{need}, {-(-bits // 8)} bytes, its RF holds {tile.rf_shared_bytes} bytes; enlarge rf_shared_bytes"
    have = f"{tile.rf_ifmap_words}, {tile.rf_filter_words} and {tile.rf_psum_words}"
    return f"{need}, its spads hold {have}; enlarge rf_ifmap_words, rf_filter_words or rf_psum_words"


def _glb_need(shape: NestShape, lowered: NestTile, tile: AcceleratorSpec, nest: NestMap) -> str:
    psum, ifmap, filters = (-(-bits // 8) for bits in glb_bits(shape, lowered, nest))
    have = f"the GLB holds {tile.glb_size_bytes} bytes"
    if tile.glb_filter_bytes:
        have += f", {tile.glb_filter_bytes} of them for filters"
    return (
        f"one pass needs {psum} bytes of psums, {ifmap} of ifmap rows and {filters} of filters, {have};"
        " enlarge glb_size_bytes"
    )
