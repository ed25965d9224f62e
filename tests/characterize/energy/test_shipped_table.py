"""The table that hwsim uses by default is a complete, verified result of `characterize run`."""

from __future__ import annotations

from hwsim.energy.mac_table import load_mac_table
from hwsim.energy.transition_model import transition_model


def test_it_covers_every_precision_within_two_percent() -> None:
    table = load_mac_table()
    assert {(w, a) for w, row in table.energy_fj.items() for a in row} == {
        (w, a) for w in range(2, 9) for a in range(2, 9)
    }
    assert max(ci for row in table.ci95_rel.values() for ci in row.values()) <= 0.02
    assert table.provenance["capped"] == []


def test_energy_grows_with_precision() -> None:
    energy_fj = load_mac_table().energy_fj
    for bits in range(2, 8):
        for other in range(2, 9):
            assert energy_fj[bits][other] < energy_fj[bits + 1][other]
            assert energy_fj[other][bits] < energy_fj[other][bits + 1]


def test_it_is_timed_verified_and_modelled() -> None:
    table = load_mac_table()
    assert table.provenance["activity"] == "timed"
    assert table.provenance["verification"]["status"] == "passed"
    assert table.provenance["verification"]["designs"] == ["rtl", "netlist"]
    assert table.transition_model["mean_error_pct"] <= 5
    assert len(transition_model(table).coefficients_fj) == 25
    assert set((table.model_extra or {})["accountings"]) == {"total", "no-clock", "combinational"}
