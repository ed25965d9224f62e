"""What one characterization is asked to do: every choice that changes the table, in one frozen record."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import (
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from hwsim.errors import InputError
from hwsim.files.spec import LARGEST_SEED, Shown, Spec, setting
from hwsim.vocabulary import Precision

MIN_BITS, MAX_BITS = 2, 8

MIN_VECTORS = 64
"""Fewer prove nothing."""


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


class Distribution(str, Enum):
    """A built-in distribution of operands, as `operands` names it."""

    DNN = "dnn"
    UNIFORM = "uniform"


class PortName(NamedTuple):
    """A port of the user's MAC and the role that it plays (a value of Role)."""

    role: str
    port: str


class Parameter(NamedTuple):
    """A parameter of the top module and its value."""

    name: str
    value: int


class _Settings(Spec):
    """A spec whose errors name option, value and range."""

    @classmethod
    def _sentence(cls, error: ValidationError) -> str:
        problem = error.errors()[0]
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            return str(cause)
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] in _OUT_OF_RANGE and name in cls.model_fields:
            return f"{cls.option(name)} {problem['input']}: {_allowed(cls.model_fields[name])}"
        return super()._sentence(error)


_OUT_OF_RANGE = ("greater_than_equal", "less_than_equal", "less_than")


def _allowed(field: FieldInfo) -> str:
    """Return in words what the bounds of a field allow; its title names the quantity."""
    bounds = {kind: getattr(one, kind) for one in field.metadata for kind in ("ge", "le", "lt") if hasattr(one, kind)}
    quantity = f"{field.title} " if field.title else ""
    if "le" in bounds:
        return f"{quantity}must be {bounds['ge']} to {bounds['le']}"
    if "lt" in bounds:
        return f"{quantity}must be at least {bounds['ge']} and below {bounds['lt']}"
    return f"{quantity}must not be negative"


_OPERANDS = "Operands"
_DESIGN = "Design"
_MEASUREMENT = "Measurement"


class OperandSpec(_Settings):
    """Statistics of the operand streams.

    Weight-stationary: a weight stays `hold_cycles` cycles and the PE sits at positions 0..chain_depth-1 of a chain
    whose upstream PEs feed `psum_in`. Row-stationary: the PE cycles through a row of `chain_depth` weights for
    `hold_cycles` outputs and adds up its own psum.
    """

    operands: str = setting(
        Distribution.DNN.value,
        "Operands: dnn, uniform, or an .npz with integer arrays `weights` and `activations` of a quantized network.",
        Shown(_OPERANDS, metavar="dnn|uniform|FILE.npz"),
    )
    dataflow: Dataflow = setting(Dataflow.WEIGHT_STATIONARY, "Operand that stays in the PE.", Shown(_OPERANDS))
    alignment: Alignment = setting(
        Alignment.LSB,
        "Place of a narrow integer on a wide port: sign-extended (lsb) or shifted to the top (msb).",
        Shown(_OPERANDS),
    )
    zero_activation_share: float = setting(
        0.45,
        "Share of exact zeros that ReLU adds to dnn activations.",
        Shown(_OPERANDS, option="--zero-activations"),
        ge=0,
        lt=1,
    )
    hold_cycles: int = setting(
        32, "Cycles (outputs of a row) that weights stay.", Shown(_OPERANDS, option="--hold"), ge=1, le=4096
    )
    chain_depth: int = setting(12, "PEs that add to one psum, or weights of a row.", Shown(_OPERANDS), ge=1, le=4096)


class RunSpec(OperandSpec):
    """One `characterize run`: the design, the technology, the operands, the accuracy asked for."""

    rtl: tuple[Path, ...] = setting((), "Verilog file of your own MAC (repeatable).", Shown(_DESIGN))
    top: str | None = setting(None, "Module to characterize, with --rtl.", Shown(_DESIGN))
    liberty: tuple[Path, ...] = setting(
        (), "File of a full cell library: .lib or .lib.gz (repeatable).", Shown(_DESIGN)
    )
    multiplier: str | None = setting(
        None, "Multiplier architecture of the built-in MAC (see `characterize multipliers`).", Shown(_DESIGN)
    )
    ports: tuple[PortName, ...] = setting(
        (), "Port that plays a role, with --rtl (repeatable).", Shown(_DESIGN, option="--port", metavar="ROLE=NAME")
    )
    parameters: tuple[Parameter, ...] = setting(
        (), "Parameter of --top (repeatable).", Shown(_DESIGN, option="--parameter", metavar="NAME=INTEGER")
    )
    bits: tuple[int, ...] = setting(
        tuple(range(MIN_BITS, MAX_BITS + 1)),
        "Precisions of both operands, as 2-8 or 4,8.",
        Shown(_MEASUREMENT, default_text="2-8", split=True),
    )
    accounting: Accounting = setting(
        Accounting.TOTAL,
        "Energy that counts: total, all but clock and leakage, or combinational cells alone.",
        Shown(_MEASUREMENT),
    )
    simulator: Simulator = setting(
        Simulator.COMPILED,
        "Source of the switching activity; icarus and verilator run a cocotb bench.",
        Shown(_MEASUREMENT),
    )
    activity: ActivityKind = setting(
        ActivityKind.TIMED, "Kind of activity: with glitches (timed), or settled levels alone.", Shown(_MEASUREMENT)
    )
    ci: float = setting(
        0.02,
        "Relative half-width of the 95 % intervals to reach.",
        Shown(_MEASUREMENT),
        title="the relative half-width",
        ge=0.001,
        le=0.5,
    )
    period_ps: float = setting(1500.0, "Clock period, ps.", Shown(_DESIGN), ge=50, le=1_000_000)
    wire_load_ff: float = setting(
        0.0,
        "Wire capacitance for each pin on a net, fF.",
        Shown(_DESIGN),
        title="the capacitance for each pin, fF,",
        ge=0,
        le=100,
    )
    verify: bool = setting(True, "Proof of RTL and netlist on a cocotb bench first.", Shown(_MEASUREMENT))
    seed: int = setting(0, "Seed of every random number.", Shown(_MEASUREMENT), ge=0, le=LARGEST_SEED)
    jobs: int | None = setting(
        None, "Threads.", Shown(_MEASUREMENT, default_text="all cores", recorded=False), ge=1, le=256, exclude=True
    )

    @field_validator("bits", mode="before")
    @classmethod
    def _read_bits(cls, value: Any) -> Any:
        parts = value if isinstance(value, list | tuple) else [value]
        return parse_bits(",".join(str(part) for part in parts))

    @field_validator("ports", "parameters", mode="before")
    @classmethod
    def _read_pairs(cls, value: Any, info: ValidationInfo) -> Any:
        entries = value.items() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
        read = _port_name if info.field_name == "ports" else _parameter
        return tuple(read(entry) if isinstance(entry, str) else entry for entry in entries)

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, values: Any) -> Any:
        """Accept what `as_json` returns, and a finished OperandSpec as `stream`."""
        if not isinstance(values, Mapping):
            return values
        flat = {name: value for name, value in values.items() if name not in _RECORDED_NAMES}
        flat |= dict(values.get("stream", {}))
        bits = [values[name] for name in _RECORDED_NAMES[:2] if name in values]
        if bits and bits.count(bits[0]) < len(bits):
            raise InputError("weight_bits and activation_bits differ; both operands have the same precisions here")
        return flat | ({"bits": bits[0]} if bits else {})

    @model_validator(mode="after")
    def _fits_together(self) -> RunSpec:
        if not self.rtl and (self.ports or self.parameters):
            option = "--port" if self.ports else "--parameter"
            raise InputError(f"{option} describes your own MAC; give it with --rtl and --top")
        if bool(self.rtl) != bool(self.top):
            raise InputError("--rtl and --top go together: name your Verilog files and the module to characterize")
        if self.rtl and self.multiplier:
            raise InputError("--multiplier chooses among the built-in MACs; leave it out with --rtl")
        return self

    @field_serializer("rtl", "liberty")
    def _by_name(self, paths: tuple[Path, ...]) -> list[str]:
        return [path.name for path in paths]

    @model_serializer(mode="wrap")
    def _recorded(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Group the settings as files of results have held them since their schema 1."""
        flat = handler(self)
        stream = {name: flat.pop(name) for name in OperandSpec.model_fields}
        grouped: dict[str, Any] = {}
        for name, value in flat.items():
            if name == "bits":
                grouped |= {"weight_bits": value, "activation_bits": value, "stream": stream}
            else:
                grouped[name] = value
        return grouped

    @property
    def stream(self) -> OperandSpec:
        """The operand streams alone."""
        return OperandSpec(**{name: getattr(self, name) for name in OperandSpec.model_fields})

    @property
    def threads(self) -> int:
        """How many threads simulate."""
        return self.jobs or os.cpu_count() or 1

    @property
    def pairs(self) -> tuple[Precision, ...]:
        """Every pair of precisions to characterize; 8/8 is always among them as the reference."""
        asked = {Precision(w, a) for w in self.bits for a in self.bits} | {Precision(MAX_BITS, MAX_BITS)}
        return tuple(sorted(asked))


class VerifySpec(_Settings):
    """How long a `characterize verify` drives and replays."""

    vectors: int = setting(
        250_000, "Vectors to drive; from 200000 on, all pairs of operands.", ge=MIN_VECTORS, le=100_000_000
    )
    cycles: int = setting(2_000, "Cycles of the toggle comparison with Icarus.", ge=1, le=10_000_000)
    seed: int = setting(1, "Seed of the vectors.", ge=0, le=LARGEST_SEED)
    liberty: tuple[Path, ...] = setting((), "File of the run's full library, if it had one (repeatable).")


_RECORDED_NAMES = ("weight_bits", "activation_bits", "stream")


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


def _parameter(entry: str) -> Parameter:
    name, _, value = entry.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or not re.fullmatch(r"-?\d+", value):
        raise InputError(f"--parameter '{entry}': write NAME=INTEGER, for example WIDTH=8")
    return Parameter(name, int(value))


def _port_name(entry: str) -> PortName:
    role, equals, name = entry.partition("=")
    if not equals or not role or not name:
        raise InputError(f"--port '{entry}': write ROLE=NAME, for example weight=b")
    return PortName(role, name)
