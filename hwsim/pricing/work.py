"""What is priced: the time and the MACs of a layer, and what its operands were."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.vocabulary import NO_ZEROS_KNOWN, Precision, ZeroShares


class Work(NamedTuple):
    """Core cycles, those of them that the array needs had DRAM never been late, and multiply-accumulates."""

    cycles: int
    processing_cycles: int
    macs: int


class OperandUse(NamedTuple):
    """What the operands of a layer were.

    `mac_pj`: mean energy of a MAC where it was found on the data. `gated_macs`: MACs that a zero ifmap word gates; they
    read no filter word, and cost no MAC where that is but a unit (the table's zero energies cover it else).
    `ifmap_coding`: bits of a run-length coded ifmap in DRAM over those of its words.
    """

    bits: Precision
    zeros: ZeroShares = NO_ZEROS_KNOWN
    mac_pj: float | None = None
    gated_macs: int = 0
    ifmap_coding: float = 1.0
