"""The words of the field as types: where a word is kept, what it belongs to, which way it moves.

Source: Chen, Emer, Sze, "Eyeriss", ISCA 2016, sections III and V.
"""

from __future__ import annotations

from enum import Enum


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


class Objective(str, Enum):
    """What the mapper minimises."""

    ENERGY = "energy"
    LATENCY = "latency"
    EDP = "edp"
