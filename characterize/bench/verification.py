"""Proof that RTL and netlist compute what they must: a cocotb bench drives both, an exact integer model judges."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from characterize.bench.harness import DesignUnderTest
from characterize.bench.job import BenchResult
from characterize.bench.launch import build_bench, run_bench
from characterize.bench.simulators import HdlSimulator, MissingTools, Toolchain, find_simulator
from characterize.mac.integer_model import behaviour_of
from characterize.mac.interface import MacInterface, Role
from characterize.mac.vectors import verification_vectors
from characterize.netlist.netlist import Netlist
from characterize.synthesis.rtl_source import rtl_text
from characterize.synthesis.yosys import Design
from characterize.technology.cell_models import cell_models
from hwsim.errors import RunError

SHORT_VECTORS = 6_000
"""What every `characterize run` spends on proof."""

QUICK_TO_BUILD = (HdlSimulator.ICARUS, HdlSimulator.VERILATOR)
"""Icarus compiles in a blink: the order for short verifications."""

QUICK_TO_RUN = (HdlSimulator.VERILATOR, HdlSimulator.ICARUS)
"""Verilator runs twice as fast once it is compiled: the order for long ones."""

GATES_SUFFIX = "_gates"


class Verdict(Enum):
    """Outcome of a verification."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "not verified"


@dataclass(frozen=True, eq=False)
class MacUnit:
    """A MAC unit as RTL and as the netlist made from it, and how both are driven.

    `wraps` false: the unit may saturate, so a sum out of range is not compared with the integer model, but the netlist
    still with the RTL.
    """

    design: Design
    interface: MacInterface
    netlist: Netlist
    netlist_verilog: str
    wraps: bool = True


@dataclass(frozen=True)
class FunctionCheck:
    """What was compared with the exact integer model, by which simulator, and what came of it.

    `designs` are "rtl" and "netlist"; `compared` counts outputs of all designs; `reason` is the first counterexample
    of a failed verification, or the packages whose absence made it impossible.
    """

    status: Verdict
    designs: tuple[str, ...] = ()
    simulator: str = ""
    vectors: int = 0
    compared: int = 0
    seed: int = 0
    reason: str = ""

    def sentence(self) -> str:
        """Return the outcome in one line."""
        if self.status is not Verdict.PASSED:
            return f"{self.status.value}: {self.reason}"
        names = " and ".join(self.designs)
        ran = f"{self.vectors} vectors, {self.simulator}"
        return f"passed: {names} equal exact integers in {self.compared} outputs ({ran})"


def verify_mac(
    unit: MacUnit, *, vectors: int = SHORT_VECTORS, seed: int = 0, preferred: Sequence[HdlSimulator] = QUICK_TO_BUILD
) -> FunctionCheck:
    """Drive RTL and netlist with the same vectors and compare both with the exact integer model.

    A missing simulator, or RTL that none of them compiles, is part of the report, not an error; RunError where a
    simulation itself fails.
    """
    found = [find_simulator(simulator) for simulator in preferred]
    toolchains = [one for one in found if isinstance(one, Toolchain)]
    if not toolchains:
        missing = "; ".join(one.sentence() for one in found if isinstance(one, MissingTools))
        return FunctionCheck(Verdict.SKIPPED, seed=seed, reason=missing)
    behaviour = behaviour_of(unit.interface, unit.wraps)
    designs = (
        rtl_under_test(unit.design, unit.interface),
        gates_under_test(unit.netlist.name, unit.interface),
    )
    sources = {
        **{f"{index}_{file.name}": rtl_text(file) for index, file in enumerate(unit.design.files)},
        "gates.v": renamed(unit.netlist_verilog, unit.netlist.name, unit.netlist.name + GATES_SUFFIX),
        "cells.v": cell_models(unit.netlist.library),
    }
    # one simulator may not know a construct that synthesis and another one do
    complaints: list[str] = []
    for toolchain in toolchains:
        try:
            bench = build_bench(toolchain, behaviour, designs, sources)
            break
        except RunError as error:
            complaints.append(str(error))
    else:
        return FunctionCheck(Verdict.SKIPPED, seed=seed, reason="; ".join(complaints))
    stream = verification_vectors(behaviour, vectors, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory(prefix="characterize-verify-") as folder:
        result = run_bench(bench, stream, Path(folder))
    return _report(result, seed, tuple(one.label for one in designs))


def _report(result: BenchResult, seed: int, designs: tuple[str, ...]) -> FunctionCheck:
    reasons = [f"{one.design}: {one.sentence()}" for one in result.counterexamples]
    if len({one.cycle for one in result.counterexamples}) == 1 and len(reasons) == len(designs):
        reasons = [f"RTL and netlist agree but do not multiply and accumulate as the interface says: {reasons[0]}"]
    return FunctionCheck(
        status=Verdict.FAILED if reasons else Verdict.PASSED,
        designs=designs,
        simulator=result.simulator,
        vectors=result.cycles,
        compared=result.compared,
        seed=seed,
        reason="; ".join(reasons),
    )


def refuse_failure(report: FunctionCheck) -> FunctionCheck:
    """Return a report that is not a failure; raises RunError with the first counterexample otherwise."""
    if report.status is Verdict.FAILED:
        raise RunError(f"verification failed on {report.simulator}: {report.reason}")
    return report


def rtl_under_test(design: Design, interface: MacInterface) -> DesignUnderTest:
    """Return the RTL as a design of the bench."""
    return _under_test("rtl", design.top, interface, dict(design.parameters))


def gates_under_test(module: str, interface: MacInterface) -> DesignUnderTest:
    """Return the netlist, renamed by GATES_SUFFIX so that it stands beside its RTL, as a design of the bench."""
    return _under_test("netlist", module + GATES_SUFFIX, interface, {})


def _under_test(label: str, module: str, interface: MacInterface, parameters: dict[str, int]) -> DesignUnderTest:
    driven = {role: port for role, port in interface.ports.items() if port not in interface.constants}
    inverted = frozenset() if interface.reset_active_high else frozenset({Role.RESET})
    ties = {port: f"1'b{level}" for port, level in interface.constants.items()}
    return DesignUnderTest(label, module, driven, ties, inverted, parameters)


def renamed(verilog: str, module: str, name: str) -> str:
    """Return a netlist with its one module under another name."""
    pattern = re.compile(rf"(\bmodule\s+)\\?{re.escape(module)}(?=[\s(])")
    text, count = pattern.subn(rf"\g<1>{name}", verilog)
    if count != 1:
        raise RunError(f"the netlist does not define module '{module}' once")
    return text
