"""The pipeline of `characterize run`: RTL, netlist, streams, energies, table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from characterize.bench.verification import FunctionCheck, Verdict, refuse_failure, verify_mac
from characterize.energy.by_weight import energy_by_weight_fj
from characterize.energy.measurement import Campaign, Case, Measurement, StreamSimulator
from characterize.energy.results import REFERENCE, cases_for, energy_results
from characterize.energy.transition_fit import applicable, fit_transition_model
from characterize.mac.interface import MacInterface
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.runs.provenance import provenance
from characterize.runs.record import Provenance
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

FJ_PER_NW_PS = 1e-6  # nW x ps = 1e-21 J = 1e-6 fJ

EnergyByWeight = Mapping[int, Mapping[Accounting, float]]
"""Value of the weight, then accounting, to energy per MAC, fJ."""


@dataclass(frozen=True, eq=False)
class Figures:
    """What was measured on a MAC; the last two are empty where they do not apply."""

    measured: Mapping[Case, Measurement]
    by_weight: EnergyByWeight
    model: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class RunOutcome:
    """What a run found: the table, where it comes from, all measurements, and the mapped MAC."""

    table: MacEnergyTable
    provenance: Provenance
    measured: Mapping[Case, Measurement]
    mac: MappedMac


def characterize(spec: RunSpec, progress: Progress = lambda stage, done, total: None) -> RunOutcome:
    """Carry out a run; raises InputError for input that cannot be used and RunError where a step fails."""
    progress("technology", 0, 1)
    library = load_library(spec.liberty)
    design, known = resolve_design(spec)
    progress("synthesis", 0, 1)
    mac = map_mac(design, known, library, spec.period_ps, spec.wire_load_ff)
    check_widths(mac.interface)
    progress("verification", 0, 1)
    verification = verify_before_measuring(spec, mac)
    figures = measure(spec, mac, progress)
    origin = provenance(spec, library, mac, figures.measured, verification)
    return RunOutcome(build_table(spec, library, mac, figures, origin), origin, figures.measured, mac)


def measure(spec: RunSpec, mac: MappedMac, progress: Progress) -> Figures:
    """Simulate every case that the table needs, and what the macro-model is fitted on."""
    interface = mac.interface
    campaign = Campaign(
        simulator=stream_simulator(spec, mac),
        generator=run_generator(spec, interface),
        ci=spec.ci,
        accounting=spec.accounting,
        leakage_fj=mac.lowered.leakage_nw * spec.period_ps * FJ_PER_NW_PS,
        jobs=spec.threads,
    )
    cases = cases_for(spec.pairs, spec.dataflow)
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
    return Figures(measured, by_weight, model)


def verify_before_measuring(spec: RunSpec, mac: MappedMac) -> FunctionCheck:
    """Compare RTL and netlist with the integer model; raises RunError with the first counterexample if one differs."""
    if not spec.verify:
        return FunctionCheck(Verdict.SKIPPED, seed=spec.seed, reason="switched off with --no-verify")
    return refuse_failure(verify_mac(mac.unit(wraps=not spec.rtl), seed=spec.seed))


def stream_simulator(spec: RunSpec, mac: MappedMac) -> StreamSimulator:
    """Return the source of activity that a run asks for."""
    if spec.simulator is Simulator.COMPILED:
        return mac.simulator(spec.activity)
    from characterize.bench.simulators import HdlSimulator
    from characterize.runs.bench_activity import BenchSimulator

    return BenchSimulator(mac, HdlSimulator(spec.simulator.value))


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
    generator = stream_generator(spec.stream, spec.seed, interface.activation_signed, interface.widths)
    if spec.dataflow is Dataflow.ROW_STATIONARY:
        # a row holds chain_depth weights: fewer rows make streams of about the same length
        return replace(generator, weights_per_stream=2)
    return generator


def transition_model(
    campaign: Campaign, interface: MacInterface, by_weight: EnergyByWeight, spec: RunSpec
) -> dict[str, Any]:
    """Fit the macro-model where its features describe the MAC and the activity is timed; else return an empty one."""
    if not applicable(interface) or spec.activity is not ActivityKind.TIMED:
        return {}
    held = np.array([by_weight[value][Accounting.COMBINATIONAL] for value in range(-128, 128)])
    return fit_transition_model(campaign, interface, np.round(held - held[128], 4), spec.seed)


def build_table(
    spec: RunSpec, library: CellLibrary, mac: MappedMac, figures: Figures, origin: Provenance
) -> MacEnergyTable:
    """Put the figures together under the names of the table's schema."""
    results = {
        accounting: energy_results(figures.measured, spec.pairs, spec.dataflow, accounting).as_json()
        for accounting in Accounting
    }
    by_weight = sorted(figures.by_weight.items())
    content: dict[str, Any] = {
        "schema": 1,
        "technology": library.name,
        "multiplier": spec.multiplier or spec.top or DEFAULT_MULTIPLIER,
        "dataflow": spec.dataflow.value,
        "alignment": spec.alignment.value,
        "accounting": spec.accounting.value,
        "voltage_v": library.voltage_v,
        "period_ps": spec.period_ps,
        **results[spec.accounting],
        "leakage_nw": mac.lowered.leakage_nw,
        "breakdown_fj": figures.measured[REFERENCE].breakdown_fj(),
        "transition_model": dict(figures.model),
        "accountings": {accounting.value: result for accounting, result in results.items()},
        "energy_by_weight_fj": {value: by_accounting[spec.accounting] for value, by_accounting in by_weight},
        "provenance": origin.model_dump(mode="json"),
    }
    return MacEnergyTable.model_validate(content)
