"""The Eyeriss chip: Chen et al., JSSC 2017, Table V (AlexNet, batch 4) and Table VI (VGG16, batch 3, recalled)."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hwsim.cli import main
from hwsim.engines.analytic import analyze
from hwsim.hardware.accelerator import accelerator
from hwsim.mapping.mapping import check_mapping
from hwsim.validation.eyeriss import ALEXNET_CONV3_RECALLED, Compared, Measured, alexnet, compare, validate_eyeriss

ALEXNET, VGG16 = validate_eyeriss()


def name(row: Compared) -> str:
    return row.measured.layer.name


@pytest.mark.parametrize("row", ALEXNET, ids=name)
def test_alexnet_matches_the_chip(row: Compared) -> None:
    assert row.processing_ms == pytest.approx(row.measured.processing_ms, rel=0.05)
    assert row.run.active_pes == row.measured.active_pes
    # printed with one decimal: these are the same numbers
    assert round(row.glb_mb, 1) == pytest.approx(row.measured.glb_mb, abs=0.051)
    assert row.total_ms == pytest.approx(row.measured.total_ms, rel=0.12)
    assert row.dram_mb == pytest.approx(row.measured.dram_mb, rel=0.13)
    assert row.run.accesses == analyze(row.measured.layer, accelerator("eyeriss-v1"), row.measured.mapping).accesses


@pytest.mark.parametrize("row", VGG16, ids=name)
def test_vgg16_matches_the_chip(row: Compared) -> None:
    assert row.processing_ms == pytest.approx(row.measured.processing_ms, rel=0.05)
    assert row.run.active_pes == row.measured.active_pes


def test_the_published_mappings_fit_the_chip() -> None:
    for row in ALEXNET + VGG16:
        check_mapping(row.measured.layer, accelerator("eyeriss-v1"), row.measured.mapping)


def test_the_recalled_mapping_of_conv3_cannot_be_what_the_chip_ran() -> None:
    third = alexnet()[2]
    recalled = Measured(third.layer, ALEXNET_CONV3_RECALLED, third.processing_ms, 156, glb_mb=third.glb_mb)
    row = compare([recalled], accelerator("eyeriss-v1"))[0]
    assert row.glb_mb == pytest.approx(69.2, abs=0.1)
    assert not row.within_targets


def test_the_command_passes_only_within_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = CliRunner().invoke(main, ["validate", "eyeriss"])
    assert passed.exit_code == 0, passed.output
    assert "CONV5-x" in passed.output
    slow = accelerator("eyeriss-v1").model_copy(update={"filter_bus_bits": 16})
    monkeypatch.setattr("hwsim.validation.eyeriss.accelerator", lambda _: slow)
    failed = CliRunner().invoke(main, ["validate", "eyeriss"])
    assert failed.exit_code == 1
    assert "outside the targets" in failed.output
