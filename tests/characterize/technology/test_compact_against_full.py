"""The embedded compact technology against the full library that it was fitted on."""

from __future__ import annotations

from pathlib import Path

import pytest

from characterize.energy.measurement import Campaign
from characterize.energy.results import EnergyResults, cases_for, energy_results
from characterize.gates.simulation import TimedSimulator
from characterize.mac.interface import MacInterface
from characterize.netlist.netlist import netlist_from_verilog
from characterize.runs.mapped_mac import lower_mac, map_mac
from characterize.spec import Accounting, Dataflow, OperandSpec
from characterize.streams.stimulus import stream_generator
from characterize.synthesis.multipliers import DEFAULT_MULTIPLIER, mac_design
from characterize.technology.cell_library import CellLibrary
from characterize.technology.liberty_reader import read_liberty
from characterize.technology.load import embedded_library
from hwsim.vocabulary import Precision

PAIRS = [Precision(2, 2), Precision(4, 4), Precision(4, 8), Precision(8, 4), Precision(8, 8)]
PERIOD_PS = 1500.0


def results(verilog: str, interface: MacInterface, library: CellLibrary) -> EnergyResults:
    lowered, drive = lower_mac(netlist_from_verilog(verilog, library), interface, PERIOD_PS)
    campaign = Campaign(
        simulator=TimedSimulator(lowered, drive),
        generator=stream_generator(OperandSpec(), 2, True),
        ci=0.03,
        accounting=Accounting.TOTAL,
        leakage_fj=lowered.leakage_nw * PERIOD_PS * 1e-6,
        jobs=2,
    )
    flow = Dataflow.WEIGHT_STATIONARY
    measured = campaign.measure(cases_for(PAIRS, flow), lambda measurement: None)
    return energy_results(measured, PAIRS, flow, Accounting.TOTAL)


@pytest.mark.shared
@pytest.mark.parametrize("own_netlist", [False, True], ids=["same netlist", "each synthesized"])
def test_energy_within_5_and_ratios_within_3_percent(asap7: list[Path], own_netlist: bool) -> None:
    design, interface = mac_design(DEFAULT_MULTIPLIER)
    compact_library, full_library = embedded_library(), read_liberty(asap7)
    compact_verilog = map_mac(design, interface, compact_library, PERIOD_PS).synthesis.verilog
    full_verilog = compact_verilog
    if own_netlist:
        full_verilog = map_mac(design, interface, full_library, PERIOD_PS).synthesis.verilog
    compact = results(compact_verilog, interface, compact_library)
    full = results(full_verilog, interface, full_library)
    for w, a in PAIRS:
        energy, ratio = (value / other - 1 for value, other in _figures(compact, full, w, a))
        print(f"{w}/{a}: energy {energy:+.2%}, R_Q {ratio:+.2%}")
        assert abs(energy) <= 0.05
        assert abs(ratio) <= 0.03
    assert compact.p_fg == pytest.approx(full.p_fg, rel=0.05)


def _figures(compact: EnergyResults, full: EnergyResults, w: int, a: int) -> list[tuple[float, float]]:
    return [(compact.energy_fj[w][a], full.energy_fj[w][a]), (compact.r_q[w][a], full.r_q[w][a])]
