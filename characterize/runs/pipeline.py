"""The pipeline of `characterize run`: RTL, netlist, streams, energies, table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from characterize.bench.verification import Verdict, VerificationReport, refuse_failure, verify_mac
from characterize.energy.by_weight import energy_by_weight_fj
from characterize.energy.measurement import MAX_BATCHES, Campaign, Case, Measurement, StreamSimulator
from characterize.energy.results import REFERENCE, EnergyResults, cases_for, energy_results
from characterize.energy.transition_fit import applicable, fit_transition_model
from characterize.mac.interface import MacInterface
from characterize.netlist.static_timing import static_timing
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.runs.provenance import file_hashes, spec_json, text_hash, versions
from characterize.runs.recorded_run import recorded_design
from characterize.spec import MAX_BITS, Accounting, ActivityKind, Dataflow, RunSpec, Simulator
from characterize.streams.stimulus import StreamGenerator, stream_generator
from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, mac_design
from characterize.synthesis.yosys import Design
from characterize.technology.cell_library import CellLibrary
from characterize.technology.load import load_library
from hwsim.energy.mac_table import MacEnergyTable
from hwsim.errors import InputError

Progress = Callable[[str, int, int], None]
"""Called with the stage, steps done and steps in all."""

ZJ_PER_NW_PS = 1e-6  # nW x ps = 1e-21 J = 1e-6 fJ


@dataclass(frozen=True, eq=False)
class RunOutcome:
    """What a run found: the table, all measurements, and the mapped MAC."""

    table: MacEnergyTable
    measured: dict[Case, Measurement]
    mac: MappedMac
    verification: VerificationReport


def characterize(spec: RunSpec, progress: Progress = lambda stage, done, total: None) -> RunOutcome:
    """Carry out a run; raises InputError for input that cannot be used and RunError where a step fails."""
    progress("technology", 0, 1)
    library = load_library(spec.liberty)
    design, known = resolve_design(spec)
    progress("synthesis", 0, 1)
    mac = map_mac(design, known, library, spec.period_ps, spec.wire_load_ff)
    interface = mac.interface
    check_widths(interface)
    progress("verification", 0, 1)
    verification = verify_before_measuring(spec, mac)
    generator = run_generator(spec, interface)
    campaign = Campaign(
        simulator=stream_simulator(spec, mac),
        generator=generator,
        ci=spec.ci,
        accounting=spec.accounting,
        leakage_fj=mac.lowered.leakage_nw * spec.period_ps * ZJ_PER_NW_PS,
        jobs=spec.jobs,
    )
    cases = cases_for(spec.pairs, spec.stream.dataflow)
    finished: list[Case] = []

    def case_done(measurement: Measurement) -> None:
        finished.append(measurement.case)
        progress("simulation", len(finished), len(cases))

    progress("simulation", 0, len(cases))
    measured = campaign.measure(cases, case_done)
    # 256 weight values and the macro-model's streams are for the compiled simulation
    compiled = spec.simulator is Simulator.COMPILED
    by_weight = energy_by_weight_fj(campaign, range(-128, 128)) if compiled and interface.weight_bits == 8 else {}
    progress("macro-model", 0, 1)
    model = transition_model(campaign, interface, by_weight, spec) if compiled else {}
    table = build_table(spec, library, mac, measured, by_weight=by_weight, model=model, verification=verification)
    return RunOutcome(table, measured, mac, verification)


def verify_before_measuring(spec: RunSpec, mac: MappedMac) -> VerificationReport:
    """Compare RTL and netlist with the integer model; raises RunError with the first counterexample if one differs."""
    if not spec.verify:
        return VerificationReport(Verdict.SKIPPED, seed=spec.seed, reason="switched off with --no-verify")
    return refuse_failure(
        verify_mac(mac.design, mac.interface, mac.netlist, mac.synthesis.verilog, seed=spec.seed, wraps=not spec.rtl)
    )


def stream_simulator(spec: RunSpec, mac: MappedMac) -> StreamSimulator:
    """Return the source of activity that a run asks for."""
    if spec.simulator is Simulator.COMPILED:
        return mac.simulator(spec.activity)
    from characterize.bench.simulators import Simulator as BenchTool
    from characterize.runs.bench_activity import BenchSimulator

    return BenchSimulator(mac, BenchTool(spec.simulator.value))


def resolve_design(spec: RunSpec) -> tuple[Design, MacInterface | dict[str, str]]:
    """Return the sources to synthesize and how the MAC is driven; of the user's own RTL only what --port says."""
    if spec.rtl and spec.top:
        return Design(spec.rtl, spec.top, dict(spec.parameters)), dict(spec.ports)
    return mac_design(spec.multiplier or DEFAULT_MULTIPLIER)


def check_widths(interface: MacInterface) -> None:
    """Refuse a MAC whose operands are too narrow for the 8/8 reference that every figure relates to."""
    for operand, bits in (("weight", interface.weight_bits), ("activation", interface.activation_bits)):
        if bits < MAX_BITS:
            raise InputError(
                f"the MAC's {operand} port has {bits} bits; R_Q and P_FG relate to {MAX_BITS}/{MAX_BITS}, so give it"
                f" at least {MAX_BITS} (with --parameter, where the width is one)"
            )


def run_generator(spec: RunSpec, interface: MacInterface) -> StreamGenerator:
    """Return the stream generator for a MAC's ports."""
    widths = (interface.weight_bits, interface.activation_bits, interface.psum_bits)
    generator = stream_generator(spec.stream, spec.seed, interface.activation_signed, widths)
    if spec.stream.dataflow is Dataflow.ROW_STATIONARY:
        # a row holds chain_depth weights: fewer rows make streams of about the same length
        return replace(generator, weights_per_stream=2)
    return generator


def transition_model(
    campaign: Campaign, interface: MacInterface, by_weight: dict[int, dict[str, float]], spec: RunSpec
) -> dict[str, Any]:
    """Fit the macro-model where its features describe the MAC and the activity is timed; else return an empty one."""
    if not applicable(interface) or spec.activity is not ActivityKind.TIMED:
        return {}
    held = np.array([by_weight[value][Accounting.COMBINATIONAL.value] for value in range(-128, 128)])
    return fit_transition_model(campaign, interface, np.round(held - held[128], 4), spec.seed)


def build_table(
    spec: RunSpec,
    library: CellLibrary,
    mac: MappedMac,
    measured: dict[Case, Measurement],
    *,
    by_weight: dict[int, dict[str, float]],
    model: dict[str, Any],
    verification: VerificationReport,
) -> MacEnergyTable:
    """Put the figures together under the names of the table's schema."""
    results = {
        accounting: energy_results(measured, spec.pairs, spec.stream.dataflow, accounting) for accounting in Accounting
    }
    chosen: EnergyResults = results[spec.accounting]
    content: dict[str, Any] = {
        "schema": 1,
        "technology": library.name,
        "multiplier": spec.multiplier or (spec.top if spec.rtl else DEFAULT_MULTIPLIER),
        "dataflow": spec.stream.dataflow.value,
        "alignment": spec.stream.alignment.value,
        "accounting": spec.accounting.value,
        "voltage_v": library.voltage_v,
        "period_ps": spec.period_ps,
        **chosen.as_json(),
        "leakage_nw": mac.lowered.leakage_nw,
        "breakdown_fj": measured[REFERENCE].breakdown_fj(),
        "transition_model": model,
        "accountings": {accounting.value: result.as_json() for accounting, result in results.items()},
        "energy_by_weight_fj": {value: figures[spec.accounting.value] for value, figures in sorted(by_weight.items())},
        "provenance": {
            **provenance(spec, library, mac, measured),
            "design": recorded_design(mac.design),
            "verification": verification.as_json(),
        },
    }
    return MacEnergyTable.model_validate(content)


def provenance(
    spec: RunSpec, library: CellLibrary, mac: MappedMac, measured: dict[Case, Measurement]
) -> dict[str, Any]:
    """Return how the figures were obtained; the same for the same specification and versions."""
    timed = spec.activity is ActivityKind.TIMED
    batches = [len(m.batches_fj) for m in measured.values()]
    return {
        "activity": spec.activity.value,
        "delay_model": (
            "inertial; delay and energy per input, edge and state from the library at static slews and pin loads"
            if timed
            else "zero delay: settled levels only, glitches are not counted"
        ),
        "simulator": spec.simulator.value,
        "spec": spec_json(spec),
        "seed": spec.seed,
        "versions": versions(),
        "technology_source": library.source,
        "technology_fit_error": dict(library.fit_error),
        "attribution": library.attribution,
        "synthesis": {"tool": mac.synthesis.yosys_version, "notes": list(mac.synthesis.notes)},
        "interface": mac.interface.as_json(),
        "hashes": {
            "rtl": file_hashes(mac.design.files),
            "liberty": file_hashes(spec.liberty),
            "netlist": text_hash(mac.synthesis.verilog),
        },
        "netlist": {
            "cells": len(mac.netlist.cells),
            "area_um2": mac.netlist.area_um2,
            "critical_path_ps": round(static_timing(mac.netlist, spec.wire_load_ff).critical_ps, 3),
            "latest_event_ps": max(m.activity.latest_fs for m in measured.values()) / 1000,
        },
        "simulated_cycles": sum(m.cycles for m in measured.values()),
        "batches": {"fewest": min(batches), "most": max(batches), "limit": MAX_BATCHES},
        "capped": [
            {
                "weight_bits": m.case.weight_bits,
                "activation_bits": m.case.activation_bits,
                "pruned": m.case.pruned.value,
            }
            for m in measured.values()
            if m.capped
        ],
    }
