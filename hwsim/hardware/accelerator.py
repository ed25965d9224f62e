"""What an accelerator tile is: array, register files, buffer, buses, DRAM. Presets are commented TOML files.

Source: Chen et al., "Eyeriss", ISCA 2016 and JSSC 2017, for the structure.
"""

from __future__ import annotations

import difflib
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hwsim.errors import InputError, unknown_name
from hwsim.files.paths import exists
from hwsim.files.reading import read_toml

PRESET_FOLDER = Path(__file__).parents[1] / "data" / "accelerators"


class Overflow(str, Enum):
    """What a psum does beyond its width."""

    WRAP = "wrap"
    SATURATE = "saturate"


class AcceleratorSpec(BaseModel):
    """One tile. Every figure is a field, with its unit in the name.

    The register file of a PE is either shared (`rf_shared_bytes`, words of all operands in one file) or separate spads
    (`rf_ifmap_words`, `rf_filter_words`, `rf_psum_words`); exactly one form is given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    name: str = Field(min_length=1, description="name in results")
    description: str = Field("", description="one line for people")
    default_costs: str = Field("eyeriss-normalized", description="cost preset used where none is named")

    array_rows: int = Field(gt=0, le=65536, description="PEs along a column; psums move along it")
    array_columns: int = Field(gt=0, le=65536, description="PEs along a row; filter rows are shared along it")
    clock_mhz: float = Field(gt=0, allow_inf_nan=False, description="core clock")

    word_bits: int = Field(gt=0, le=32, description="width of an ifmap, filter or finished ofmap word")
    psum_bits: int = Field(gt=0, le=64, description="width of a psum word in RF, NoC and GLB")
    overflow: Overflow = Field(Overflow.WRAP, description="what a psum does beyond its width")
    packed_subwords: bool = Field(False, description="operands narrower than a word are packed in DRAM and GLB")

    rf_shared_bytes: int | None = Field(None, gt=0, description="one RF a PE for all operands")
    rf_ifmap_words: int | None = Field(None, gt=0, description="separate ifmap spad")
    rf_filter_words: int | None = Field(None, gt=0, description="separate filter spad")
    rf_psum_words: int | None = Field(None, gt=0, description="separate psum spad")

    glb_size_bytes: int = Field(gt=0, description="the whole global buffer")
    glb_filter_bytes: int = Field(0, ge=0, description="part of it that holds filters only; 0: one unified buffer")

    filter_bus_bits: int = Field(gt=0, description="GLB to PEs, bits a cycle")
    ifmap_bus_bits: int = Field(gt=0, description="GLB to PEs, bits a cycle")
    ifmap_fifo_words: int = Field(
        0, ge=0, description="words in front of a PE, fetched ahead of its window; 0: a column"
    )
    psum_in_bus_bits: int = Field(gt=0, description="GLB to PEs, bits a cycle")
    psum_out_bus_bits: int = Field(gt=0, description="PEs to GLB, bits a cycle")
    psum_preload: bool = Field(False, description="the first channel pass reads its initial psums from the GLB too")

    dram_bandwidth_gbit_per_s: float = Field(gt=0, allow_inf_nan=False, description="in all, both directions")
    dram_latency_cycles: int = Field(0, ge=0, description="core cycles from a request to its first word")
    dram_burst_bytes: int = Field(64, gt=0, description="a transfer occupies whole bursts")
    dram_run_length_coded: bool = Field(False, description="ifmaps travel run-length coded where that is shorter")
    zero_gating: bool = Field(False, description="a zero ifmap word gates the multiplier and the filter read")

    @model_validator(mode="after")
    def _consistent(self) -> AcceleratorSpec:
        spads = (self.rf_ifmap_words, self.rf_filter_words, self.rf_psum_words)
        if self.rf_shared_bytes is None and None in spads:
            raise ValueError("give rf_shared_bytes, or all of rf_ifmap_words, rf_filter_words and rf_psum_words")
        if self.rf_shared_bytes is not None and any(words is not None for words in spads):
            raise ValueError("rf_shared_bytes and separate rf_*_words exclude each other; keep one form")
        if self.glb_filter_bytes >= self.glb_size_bytes:
            raise ValueError("glb_filter_bytes must be smaller than glb_size_bytes")
        if self.psum_bits < self.word_bits:
            raise ValueError(f"psum_bits {self.psum_bits} is narrower than word_bits {self.word_bits}")
        return self

    @property
    def pes(self) -> int:
        """PEs of the array."""
        return self.array_rows * self.array_columns

    @property
    def dram_bits_per_cycle(self) -> float:
        """DRAM bits that move in one core cycle."""
        return self.dram_bandwidth_gbit_per_s * 1000.0 / self.clock_mhz

    @property
    def peak_gmac_per_s(self) -> float:
        """All PEs busy, 1e9 MACs a second."""
        return self.pes * self.clock_mhz / 1000.0

    def with_(self, /, **fields: Any) -> AcceleratorSpec:
        """Return a copy with other fields, validated; raises InputError for an unknown field or a wrong value."""
        return accelerator_from_fields({**self.model_dump(), **fields}, f"accelerator '{self.name}'")

    def latency_ms(self, cycles: int) -> float:
        """Return the time of a number of core cycles, ms."""
        return cycles / (self.clock_mhz * 1000.0)


def accelerator_names() -> list[str]:
    """Return the names of the built-in presets."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def accelerator(name_or_path: str | Path | AcceleratorSpec) -> AcceleratorSpec:
    """Return a built-in preset or the tile that a TOML file describes; raises InputError with the first wrong field."""
    if isinstance(name_or_path, AcceleratorSpec):
        return name_or_path
    text = str(name_or_path)
    if text in accelerator_names():
        return _read_preset(text)
    path = Path(text)
    if path.suffix == ".toml" or exists(path):
        return read_accelerator(path)
    raise unknown_name("accelerator", text, accelerator_names())


@lru_cache(maxsize=16)
def _read_preset(name: str) -> AcceleratorSpec:
    return read_accelerator(PRESET_FOLDER / f"{name}.toml")


def read_accelerator(path: Path) -> AcceleratorSpec:
    """Read an accelerator TOML file; raises InputError naming the file, the field and what is allowed."""
    content = read_toml(path, "an accelerator (see `hwsim accelerators --show paper`)")
    content.setdefault("name", path.stem)
    return accelerator_from_fields(content, f"accelerator file '{path}'")


def accelerator_from_fields(content: dict[str, Any], source: str = "accelerator") -> AcceleratorSpec:
    """Return the tile with these fields; raises InputError in one line that starts with `source`."""
    known = list(AcceleratorSpec.model_fields)
    for field in content:
        if field not in known:
            near = difflib.get_close_matches(field, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
            raise InputError(f"{source}: unknown field '{field}': {hint}")
    try:
        return AcceleratorSpec.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            unit = AcceleratorSpec.model_fields[field].description
            raise InputError(f"{source}: field '{field}' is missing ({unit}); add it") from None
        given = f" is {first['input']!r}:" if field else ""
        where = f" {field}{given}" if field else ""
        raise InputError(f"{source}:{where} {message}") from None
