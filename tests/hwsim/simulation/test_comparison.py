"""Runs side by side: savings against the first, and notes where figures are not of the same work or price."""

from __future__ import annotations

from pathlib import Path

import pytest

import hwsim
from hwsim.errors import InputError
from hwsim.pricing.savings import saved_pct


@pytest.fixture(scope="module")
def wide() -> hwsim.Run:
    return hwsim.simulate("resnet20-cifar")


@pytest.fixture(scope="module")
def narrow() -> hwsim.Run:
    return hwsim.simulate("resnet20-cifar", bits=5)


def test_savings_are_against_the_first(wide: hwsim.Run, narrow: hwsim.Run) -> None:
    compared = hwsim.compare([wide, narrow])
    first, second = compared.runs
    assert (first.saved_pct, first.latency_saved_pct) == (0.0, 0.0)
    assert second.saved_pct == pytest.approx(100 * (1 - narrow.energy_pj / wide.energy_pj))
    assert second.latency_saved_pct == 0.0
    assert (second.cycles, second.macs, second.energy_pj) == (narrow.cycles, narrow.macs, narrow.energy_pj)
    dram = wide.accesses["dram"].values()
    assert second.dram_words == first.dram_words == sum(words for part in dram for words in part.values())
    assert compared.notes == ()
    assert hwsim.compare([narrow, wide]).runs[1].saved_pct < 0


def test_it_shows_itself(wide: hwsim.Run, narrow: hwsim.Run, tmp_path: Path) -> None:
    compared = hwsim.compare([wide, narrow])
    assert repr(compared).startswith("Comparison(2 runs: ")
    assert "\n" not in repr(compared)
    frame = compared.to_frame()
    assert frame["energy_pj"].tolist() == [wide.energy_pj, narrow.energy_pj]
    assert frame["dram_pj"].tolist() == [wide.breakdown_pj["dram"], narrow.breakdown_pj["dram"]]
    assert compared._repr_html_().count("<tr") == 3
    compared.to_json(tmp_path / "c.json")
    assert hwsim.Comparison.read(tmp_path / "c.json") == compared


def test_results_from_files_compare_like_runs(wide: hwsim.Run, narrow: hwsim.Run, tmp_path: Path) -> None:
    wide.to_json(tmp_path / "a.json")
    assert hwsim.compare([hwsim.SimulationResult.read(tmp_path / "a.json"), narrow]) == hwsim.compare([wide, narrow])


@pytest.mark.parametrize(
    ("other", "note"),
    [
        ({"network": "vgg11-cifar"}, "networks differ (resnet20-cifar, vgg11-cifar)"),
        ({"batch": 2}, "batches differ (1, 2)"),
        ({"costs": "7nm"}, "costs differ (paper-fig2a, 7nm)"),
    ],
)
def test_what_is_not_comparable_is_compared_and_said(wide: hwsim.Run, other: dict[str, object], note: str) -> None:
    run = hwsim.simulate(**{"network": "resnet20-cifar", **other})  # type: ignore[arg-type]
    compared = hwsim.compare([wide, run])
    assert len(compared.runs) == 2
    assert len(compared.notes) == 1 and compared.notes[0].startswith(note)
    assert note in compared._repr_html_()


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InputError, match="no run to compare"):
        hwsim.compare([])


def test_what_is_saved() -> None:
    assert saved_pct(200.0, 50.0) == 75.0
    assert saved_pct(0.0, 50.0) == 0.0
