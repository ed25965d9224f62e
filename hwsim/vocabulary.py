"""The words of the field as types: where a word is kept, what it belongs to, which way it moves.

Source: Chen, Emer, Sze, "Eyeriss", ISCA 2016, sections III and V.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Level(str, Enum):
    """A level of the memory hierarchy, outermost first."""

    DRAM = "dram"
    GLB = "glb"
    NOC = "noc"
    RF = "rf"


class Operand(str, Enum):
    """What a moved word is; a finished ofmap word counts as a psum."""

    IFMAP = "ifmap"
    FILTER = "filter"
    PSUM = "psum"


class Direction(str, Enum):
    """Which way a word moves, seen from the level that counts it."""

    READ = "read"
    WRITE = "write"


class LayerKind(str, Enum):
    """What a layer does to its ifmap."""

    CONV = "conv"
    FC = "fc"
    POOL = "pool"
    ELEMENTWISE = "elementwise"

    def __str__(self) -> str:
        return self.value


class Objective(str, Enum):
    """What the mapper minimises."""

    ENERGY = "energy"
    LATENCY = "latency"
    EDP = "edp"


class EngineName(str, Enum):
    """How counts and cycles are found: in closed form, or by running the mapping on tensors."""

    ANALYTIC = "analytic"
    CYCLE = "cycle"


class Precision(NamedTuple):
    """Widths of a layer's operands, bits."""

    weight: int
    activation: int


class ZeroShares(NamedTuple):
    """Shares of zero words among a layer's weights and in its ifmap; None where nothing was measured or stated."""

    filter: float | None = None
    ifmap: float | None = None


NO_ZEROS_KNOWN = ZeroShares()
"""Neither operand's zeros were measured or stated."""
