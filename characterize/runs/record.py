"""What a run says of itself: how its figures were obtained, in its table and, with the time it took, in run.json."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from characterize.bench.verification import FunctionCheck
from characterize.mac.interface import MacInterface
from characterize.spec import ActivityKind, RunSpec, Simulator
from characterize.streams.stimulus import Pruned
from hwsim.files.document import Document

RECORD_FILE = "run.json"


class _Part(BaseModel):
    """A group of fields of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SynthesisRecord(_Part):
    """The synthesis tool and what it had to say."""

    tool: str
    notes: tuple[str, ...]


class Hashes(_Part):
    """SHA-256 of the inputs by file name, and of the netlist."""

    rtl: dict[str, str]
    liberty: dict[str, str]
    netlist: str


class NetlistFigures(_Part):
    """Size and speed of the netlist; `latest_event_ps` is the latest signal change that was simulated."""

    cells: int
    area_um2: float
    critical_path_ps: float
    latest_event_ps: float


class BatchCounts(_Part):
    """Fewest and most batches that a case took, and the limit."""

    fewest: int
    most: int
    limit: int


class CappedCase(_Part):
    """A case that reached the limit of batches before its interval."""

    weight_bits: int
    activation_bits: int
    pruned: Pruned


class DesignRecord(_Part):
    """The sources: their names in the run's folder `rtl`, the top module and its parameters."""

    files: tuple[str, ...]
    top: str
    parameters: dict[str, int]


class Provenance(_Part):
    """How the figures of a table were obtained; the same for the same specification and versions."""

    activity: ActivityKind
    delay_model: str
    simulator: Simulator
    spec: RunSpec
    seed: int
    versions: dict[str, str]
    technology_source: str
    technology_fit_error: dict[str, float]
    attribution: str
    synthesis: SynthesisRecord
    interface: MacInterface
    hashes: Hashes
    netlist: NetlistFigures
    simulated_cycles: int
    batches: BatchCounts
    capped: tuple[CappedCase, ...]
    design: DesignRecord
    verification: FunctionCheck


class RunRecord(Provenance, Document):
    """The file run.json: the provenance of the table, when it was made, and the seconds it took."""

    KIND: ClassVar[str] = "the record of a `characterize run`"

    timestamp: str
    wall_s: float
