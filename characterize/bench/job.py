"""What one run of the bench is asked to do and what it found: two JSON files between this process and the simulator."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from characterize.mac.integer_model import MacBehaviour
from characterize.mac.interface import Role

JOB_VARIABLE = "CHARACTERIZE_BENCH_JOB"
"""Environment variable through which the simulator process finds its job file."""

TOP = "characterize_bench"
"""Name of the generated module that holds the designs under test."""


@dataclass(frozen=True)
class BenchJob:
    """One simulation: the unit's behaviour, the vectors to drive, the designs to observe and where the result goes.

    `designs` are labels ("rtl", "netlist"); the bench's output port for one is psum_out_LABEL. `driven` are the input
    roles that the bench has ports for. `compare`: inputs change at the falling edge and outputs are compared with the
    integer model; False: inputs change at the rising edge, as registers outside would, and only activity is recorded.
    """

    behaviour: MacBehaviour
    vectors_file: str
    result_file: str
    designs: tuple[str, ...]
    driven: tuple[Role, ...]
    period_fs: int = 2_000_000
    compare: bool = True

    def write(self, path: Path) -> None:
        """Write the job as JSON."""
        path.write_text(json.dumps(asdict(self)))


def read_job(path: Path) -> BenchJob:
    """Read what `BenchJob.write` wrote."""
    fields: dict[str, Any] = json.loads(path.read_text())
    fields["behaviour"] = MacBehaviour(**fields["behaviour"])
    fields["designs"] = tuple(fields["designs"])
    fields["driven"] = tuple(Role(role) for role in fields["driven"])
    return BenchJob(**fields)


@dataclass(frozen=True)
class Counterexample:
    """The first clock edge after which a design showed something else than it must.

    `expected` and `got` are the bits of psum_out as unsigned integers, `got` with x and z where it is unknown;
    `inputs` are the last edges up to this one, oldest first.
    """

    design: str
    cycle: int
    segment: str
    expected: str
    got: str
    inputs: tuple[dict[str, int], ...]

    def sentence(self) -> str:
        """Return the counterexample in one line."""
        last = self.inputs[-1] if self.inputs else {}
        sampled = ", ".join(f"{name} {value}" for name, value in last.items())
        return (
            f"cycle {self.cycle} ({self.segment} vectors; {sampled}): expected psum_out {self.expected}, got {self.got}"
        )


@dataclass(frozen=True)
class BenchResult:
    """What the bench saw: comparisons made with the integer model, and each design's first counterexample if any."""

    simulator: str
    cycles: int
    compared: int
    start_fs: int
    counterexamples: tuple[Counterexample, ...]

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        path.write_text(json.dumps(asdict(self)))


def read_result(path: Path) -> BenchResult:
    """Read what `BenchResult.write` wrote."""
    fields: dict[str, Any] = json.loads(path.read_text())
    found = (Counterexample(**{**one, "inputs": tuple(one["inputs"])}) for one in fields.pop("counterexamples"))
    return BenchResult(**fields, counterexamples=tuple(found))
