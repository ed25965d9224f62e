"""Presets and files of memory costs; every figure carries its source."""

from __future__ import annotations

import itertools
import math
from enum import Enum
from functools import lru_cache
from pathlib import Path

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hwsim.energy.memory_costs import MemoryCosts
from hwsim.errors import InputError, check_kind, unknown_name
from hwsim.files.reading import read_toml

PRESETS = Path(__file__).parents[1] / "data" / "costs"
"""The folder of the cost presets, one TOML file each."""


class CostUnit(str, Enum):
    """What the figures of a preset are measured in."""

    PJ_PER_BIT = "pj_per_bit"
    MACS_PER_WORD = "macs_per_word"


class ZeroWeights(str, Enum):
    """What a MAC with a pruned weight costs: the table's energy of a held zero, or that of one among other weights."""

    HELD = "held"
    INTERLEAVED = "interleaved"


class CostPreset(BaseModel):
    """Memory costs as a file states them: absolute (pJ a bit) or as multiples of a full-precision MAC (a word).

    `glb_by_kilobyte`, where given, maps GLB capacities to costs; between two of them the cost is interpolated over the
    logarithm of the capacity, outside them the nearest one holds. `memory_scale` multiplies all four levels.
    `mac_accounting`: which of the MAC table's accountings belongs to these costs; the table's own where left out.
    `zero_weights`: "held" takes the MAC table's zero-weight energy, as the paper's eq. 7 does; "interleaved" asks its
    transition model, in the order in which a row-stationary PE works (hwsim/pricing/interleaved_zeros.py).
    `sources`: where each figure comes from, a mandatory sentence for each. `calibration`: how memory_scale was found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    unit: CostUnit
    dram: float = Field(gt=0)
    glb: float | None = Field(default=None, gt=0)
    glb_by_kilobyte: dict[int, float] = Field(default_factory=dict)
    noc: float = Field(gt=0)
    rf: float = Field(gt=0)
    memory_scale: float = Field(default=1.0, gt=0)
    mac_accounting: str | None = None
    zero_weights: ZeroWeights = ZeroWeights.HELD
    sources: dict[str, str]
    calibration: dict[str, str | float | int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> CostPreset:
        if (self.glb is None) == (not self.glb_by_kilobyte):
            raise ValueError("give either glb or glb_by_kilobyte")
        if any(size <= 0 or cost <= 0 for size, cost in self.glb_by_kilobyte.items()):
            raise ValueError("glb_by_kilobyte must hold positive capacities and costs")
        missing = {"dram", "glb", "noc", "rf"} - set(self.sources)
        if missing:
            raise ValueError(f"sources lacks {', '.join(sorted(missing))}: say where each figure comes from")
        return self

    def as_toml(self) -> str:
        """Return the file that reads back as this preset."""
        content = self.model_dump(mode="json", exclude_none=True, exclude={"name"})
        plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
        tables = {key: value for key, value in content.items() if isinstance(value, dict) and value}
        return tomli_w.dumps({**plain, **tables})

    def glb_figure(self, glb_bytes: int) -> float:
        """Return the GLB's cost for a capacity, in the preset's unit."""
        if self.glb is not None:
            return self.glb
        sizes = sorted(self.glb_by_kilobyte)
        kilobytes = min(max(glb_bytes / 1024, sizes[0]), sizes[-1])
        for low, high in itertools.pairwise(sizes):
            if kilobytes <= high:
                share = math.log(kilobytes / low) / math.log(high / low)
                return self.glb_by_kilobyte[low] * (1 - share) + self.glb_by_kilobyte[high] * share
        return self.glb_by_kilobyte[sizes[-1]]

    def memory_costs(self, glb_bytes: int, word_bits: int, full_mac_pj: float) -> MemoryCosts:
        """Return absolute costs for a tile.

        `word_bits`: width of the datapath's words; `full_mac_pj`: energy of one MAC at that width. Both are read only
        by presets that are multiples of a MAC.
        """
        factor = self.memory_scale
        if self.unit is CostUnit.MACS_PER_WORD:
            factor *= full_mac_pj / word_bits
        glb = self.glb_figure(glb_bytes)
        return MemoryCosts(self.dram * factor, glb * factor, self.noc * factor, self.rf * factor, full_mac_pj)


def known_costs() -> tuple[str, ...]:
    """Return the names of the cost presets."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def load_costs(name_or_path: str | Path) -> CostPreset:
    """Return a cost preset by name or from a TOML file; raises InputError with the first wrong field."""
    check_kind("--costs", name_or_path, (str, Path), "the name of a preset or the path of a TOML file")
    if str(name_or_path) in known_costs():
        return _load(PRESETS / f"{name_or_path}.toml")
    path = Path(name_or_path)
    if path.suffix.lower() != ".toml":
        raise unknown_name("cost preset", str(name_or_path), known_costs())
    return _load(path)


@lru_cache(maxsize=32)
def _load(path: Path) -> CostPreset:
    content = read_toml(path, "a cost preset (see `hwsim costs --show 7nm`)")
    try:
        return CostPreset.model_validate({"name": path.stem, **content})
    except ValidationError as error:
        from hwsim.files.schema_errors import first_error

        raise InputError(f"cost file '{path}': {first_error(error, CostPreset)}") from None
