"""Random layers, mappings of them, and tiles on which the mapping just fits: strategies for the engines' laws."""

from __future__ import annotations

from hypothesis import strategies as st

from hwsim.hardware.accelerator import AcceleratorSpec, accelerator_from_fields
from hwsim.kernels.nest import glb_bits
from hwsim.mapping.lowering import lower_layer, lower_tile
from hwsim.mapping.mapping import Mapping
from hwsim.workload.layer import ConvLayer

BASE = {
    "name": "random",
    "array_rows": 1,
    "array_columns": 1,
    "clock_mhz": 100.0,
    "word_bits": 8,
    "psum_bits": 32,
    "rf_shared_bytes": 1,
    "glb_size_bytes": 1,
    "filter_bus_bits": 8,
    "ifmap_bus_bits": 8,
    "psum_in_bus_bits": 8,
    "psum_out_bus_bits": 8,
    "dram_bandwidth_gbit_per_s": 1.0,
}


@st.composite
def conv_layers(draw: st.DrawFn, largest: int = 9) -> ConvLayer:
    groups = draw(st.integers(1, 3))
    taps = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    reach = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(dilation, taps, padding, strict=True)]
    height, width = (draw(st.integers(max(1, smallest), max(1, smallest) + largest)) for smallest in reach)
    return ConvLayer(
        "random",
        groups * draw(st.integers(1, 5)),
        groups * draw(st.integers(1, 6)),
        *(height, width, *taps),
        stride=draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        padding=padding,
        dilation=dilation,
        groups=groups,
        batch=draw(st.integers(1, 3)),
    )


@st.composite
def mappings(draw: st.DrawFn, layer: ConvLayer) -> Mapping:
    sh = lower_layer(layer)
    p, q = draw(st.integers(1, sh.filters)), draw(st.integers(1, sh.channels))
    r, t = draw(st.integers(1, sh.channels)), draw(st.integers(1, sh.filters))
    blocks = draw(st.integers(1, -(-sh.filters // (p * t))))
    flags = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    return Mapping(
        min(blocks * p * t, sh.filters) if blocks * p * t >= sh.filters else blocks * p * t,
        draw(st.integers(1, sh.batch)),
        draw(st.integers(1, sh.rows)),
        draw(st.integers(1, sh.columns)),
        p,
        q,
        r,
        t,
        draw(st.integers(1, sh.groups)),
        draw(st.integers(1, sh.taps_v)),
        *flags,
    )


@st.composite
def tiles(draw: st.DrawFn, layer: ConvLayer, mapping: Mapping) -> AcceleratorSpec:
    """Return a tile whose array, RF and GLB hold the mapping, with little to spare."""
    sh = lower_layer(layer)
    columns = draw(st.integers(1, mapping.e + 2))
    fields = dict(BASE)
    word, psum = draw(st.sampled_from([(8, 32), (8, 16), (16, 16)]))
    fields |= {"word_bits": word, "psum_bits": psum, "array_columns": columns}
    chains = -(-mapping.t * mapping.g // (columns // mapping.e)) if columns >= mapping.e else 0
    chains = chains or mapping.t * mapping.g * -(-mapping.e // columns)
    fields["array_rows"] = chains * mapping.r * mapping.k + draw(st.integers(0, 3))
    words = mapping.q * sh.taps_h * (1 + mapping.p)
    fields["rf_shared_bytes"] = -(-(words * word + mapping.p * psum) // 8) + draw(st.integers(0, 4))
    need = glb_bits(sh, lower_tile(accelerator_from_fields(fields)), mapping.lowered())
    fields["glb_size_bytes"] = -(-sum(need) // 8) + draw(st.integers(0, 200))
    for bus in ("filter_bus_bits", "ifmap_bus_bits", "psum_in_bus_bits", "psum_out_bus_bits"):
        fields[bus] = draw(st.sampled_from([1, 7, 16, 64, 512]))
    fields["psum_preload"] = draw(st.booleans())
    fields["ifmap_fifo_words"] = draw(st.integers(0, 9))
    fields["dram_bandwidth_gbit_per_s"] = draw(st.sampled_from([0.05, 1.0, 20.0]))
    fields["dram_latency_cycles"] = draw(st.sampled_from([0, 17]))
    fields["dram_burst_bytes"] = draw(st.sampled_from([1, 8, 64]))
    fields["overflow"] = draw(st.sampled_from(["wrap", "saturate"]))
    fields["zero_gating"] = draw(st.booleans())
    return accelerator_from_fields(fields)


@st.composite
def mapped_layers(draw: st.DrawFn, largest: int = 9) -> tuple[ConvLayer, AcceleratorSpec, Mapping]:
    layer = draw(conv_layers(largest))
    mapping = draw(mappings(layer))
    return layer, draw(tiles(layer, mapping)), mapping
