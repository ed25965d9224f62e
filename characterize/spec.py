"""What one characterization is asked to do: every choice that changes the table, in one frozen record."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from hwsim.errors import InputError

MIN_BITS, MAX_BITS = 2, 8


class Dataflow(str, Enum):
    """Which operand stays in the PE."""

    WEIGHT_STATIONARY = "weight-stationary"
    ROW_STATIONARY = "row-stationary"


class Alignment(str, Enum):
    """Where a narrow integer sits on a wide port: sign-extended (lsb) or shifted to the top (msb)."""

    LSB = "lsb"
    MSB = "msb"


class Accounting(str, Enum):
    """What counts as the energy of a MAC: everything, all but clock and leakage, or combinational cells only."""

    TOTAL = "total"
    NO_CLOCK = "no-clock"
    COMBINATIONAL = "combinational"


class Simulator(str, Enum):
    """Where switching activity comes from: the compiled kernels or a cocotb bench on another simulator."""

    COMPILED = "compiled"
    ICARUS = "icarus"
    VERILATOR = "verilator"


class ActivityKind(str, Enum):
    """Timed (glitches counted, inertial delays) or settled levels only, as a fast preview."""

    TIMED = "timed"
    ZERO_DELAY = "zero-delay"


@dataclass(frozen=True)
class OperandSpec:
    """Statistics of the operand streams.

    `operands` is "dnn", "uniform" or the path of an .npz with integer arrays `weights` and `activations`.
    `zero_activation_share` is the share of exact zeros that ReLU adds to half-Laplace activations. Weight-stationary:
    a weight stays `hold_cycles` cycles and the PE sits at positions 0..chain_depth-1 of a chain whose upstream PEs
    feed `psum_in`. Row-stationary: the PE cycles through a row of `chain_depth` weights for `hold_cycles` outputs and
    adds up its own psum.
    """

    operands: str = "dnn"
    dataflow: Dataflow = Dataflow.WEIGHT_STATIONARY
    alignment: Alignment = Alignment.LSB
    zero_activation_share: float = 0.45
    hold_cycles: int = 32
    chain_depth: int = 12

    def __post_init__(self) -> None:
        if not 0 <= self.zero_activation_share < 1:
            raise InputError(f"--zero-activations {self.zero_activation_share}: must be at least 0 and below 1")
        for option, value in (("--hold", self.hold_cycles), ("--chain-depth", self.chain_depth)):
            if not 1 <= value <= 4096:
                raise InputError(f"{option} {value}: must be 1 to 4096")


@dataclass(frozen=True)
class RunSpec:
    """One `characterize run`: the design, the technology, the operands, the accuracy asked for."""

    rtl: tuple[Path, ...] = ()
    top: str | None = None
    liberty: tuple[Path, ...] = ()
    multiplier: str | None = None
    ports: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, int], ...] = ()
    weight_bits: tuple[int, ...] = tuple(range(MIN_BITS, MAX_BITS + 1))
    activation_bits: tuple[int, ...] = tuple(range(MIN_BITS, MAX_BITS + 1))
    stream: OperandSpec = field(default_factory=OperandSpec)
    accounting: Accounting = Accounting.TOTAL
    simulator: Simulator = Simulator.COMPILED
    activity: ActivityKind = ActivityKind.TIMED
    ci: float = 0.02
    period_ps: float = 1000.0
    wire_load_ff: float = 0.0
    verify: bool = True
    seed: int = 0
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self) -> None:
        if not 0.001 <= self.ci <= 0.5:
            raise InputError(f"--ci {self.ci}: the relative half-width must be 0.001 to 0.5")
        if not 50 <= self.period_ps <= 1e6:
            raise InputError(f"--period-ps {self.period_ps}: must be 50 to 1000000")
        if not 0 <= self.wire_load_ff <= 100:
            raise InputError(f"--wire-load-ff {self.wire_load_ff}: must be 0 to 100 fF for each pin")
        if not self.rtl and (self.ports or self.parameters):
            option = "--port" if self.ports else "--parameter"
            raise InputError(f"{option} describes your own MAC; give it with --rtl and --top")
        if self.seed < 0:
            raise InputError(f"--seed {self.seed}: must not be negative")
        if bool(self.rtl) != bool(self.top):
            raise InputError("--rtl and --top go together: name your Verilog files and the module to characterize")
        if self.rtl and self.multiplier:
            raise InputError("--multiplier chooses among the built-in MACs; leave it out with --rtl")

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Every (weight bits, activation bits) to characterize; 8/8 is always among them as the reference."""
        asked = {(w, a) for w in self.weight_bits for a in self.activation_bits} | {(MAX_BITS, MAX_BITS)}
        return tuple(sorted(asked))


def parse_bits(text: str) -> tuple[int, ...]:
    """Read "2-8", "4,8" or "2-4,8" into sorted precisions; raises InputError naming --bits."""
    found: set[int] = set()
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdigit() or (dash and not high.isdigit()):
            raise InputError(f"--bits '{text}': write precisions as 2-8 or 4,8")
        first, last = int(low), int(high) if dash else int(low)
        if not MIN_BITS <= first <= last <= MAX_BITS:
            raise InputError(f"--bits '{text}': precisions are {MIN_BITS} to {MAX_BITS}, lowest first")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def parse_parameters(entries: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Read NAME=INTEGER entries; raises InputError naming --parameter."""
    pairs = []
    for entry in entries:
        name, _, value = entry.partition("=")
        if not re.fullmatch(r"[A-Za-z_]\w*", name) or not re.fullmatch(r"-?\d+", value):
            raise InputError(f"--parameter '{entry}': write NAME=INTEGER, for example WIDTH=8")
        pairs.append((name, int(value)))
    return tuple(pairs)


def parse_ports(entries: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Read ROLE=NAME entries; raises InputError naming --port."""
    pairs = []
    for entry in entries:
        role, equals, name = entry.partition("=")
        if not equals or not role or not name:
            raise InputError(f"--port '{entry}': write ROLE=NAME, for example weight=b")
        pairs.append((role, name))
    return tuple(pairs)
