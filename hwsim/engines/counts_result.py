"""Counts and time of a layer as result files hold them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from hwsim.engines.access_counts import AccessCounts
from hwsim.files.document import Document
from hwsim.mapping.mapping import Mapping
from hwsim.vocabulary import LayerKind


class Part(BaseModel):
    """A part of a result: frozen, unknown fields refused, NaN and infinity never held."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReadWrite(Part):
    """Words read and written."""

    read: int
    write: int


class OperandAccesses(Part):
    """Words of each operand at one level; finished ofmap words count as psums."""

    ifmap: ReadWrite
    filter: ReadWrite
    psum: ReadWrite

    @property
    def words(self) -> int:
        """All of them, both directions."""
        return sum(one.read + one.write for one in (self.ifmap, self.filter, self.psum))


class Accesses(Part):
    """Words moved at each level; hwsim/engines/access_counts.py says what one count means."""

    dram: OperandAccesses
    glb: OperandAccesses
    noc: OperandAccesses
    rf: OperandAccesses

    @staticmethod
    def of(counts: AccessCounts) -> Accesses:
        """Return counts as a result file holds them."""
        return Accesses.model_validate(counts.as_dict())


class CountsResult(Document):
    """What one layer moves and how long it takes, unpriced.

    `stall_cycles`: what DRAM adds to the array's `processing_cycles`, by cause.
    """

    KIND: ClassVar[str] = "counts of a layer"

    name: str
    type: LayerKind
    cycles: int
    processing_cycles: int
    stall_cycles: dict[str, int]
    active_pes: int
    utilization: float
    accesses: Accesses
    mapping: Mapping
