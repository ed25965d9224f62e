"""Cost presets: figures as published, interpolation over capacity, sources mandatory, one-line errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.energy.cost_preset import CostPreset, known_costs, load_costs
from hwsim.errors import InputError

KB = 1024
SOURCES = '\n[sources]\ndram = "a"\nglb = "b"\nnoc = "c"\nrf = "d"\n'
VALID = 'description = "d"\nunit = "pj_per_bit"\ndram = 1.0\nglb = 0.5\nnoc = 0.25\nrf = 0.125\n'


@pytest.mark.parametrize("name", known_costs())
def test_every_figure_has_a_source(name: str) -> None:
    preset = load_costs(name)
    assert all(len(preset.sources[level]) > 10 for level in ("dram", "glb", "noc", "rf"))


def test_7nm_is_the_published_table() -> None:
    """Jouppi et al., ISCA 2021, Table 2: pJ for 64 bits."""
    costs = load_costs("7nm")
    for kilobytes, picojoule in ((8, 7.5), (32, 8.5), (1024, 14.0)):
        assert costs.memory_costs(kilobytes * KB, 8, 0.25).glb_pj_per_bit * 64 == pytest.approx(picojoule)
    assert costs.memory_costs(32 * KB, 8, 0.25).dram_pj_per_bit * 64 == pytest.approx(1300)


def test_glb_cost_is_interpolated_and_held_outside() -> None:
    costs = load_costs("7nm")
    between = costs.glb_figure(181 * KB)  # about the geometric mean of 32 and 1024 KB
    assert between == pytest.approx((8.5 + 14) / 2 / 64, rel=1e-3)
    assert costs.glb_figure(1 * KB) == costs.glb_figure(8 * KB)
    assert costs.glb_figure(4096 * KB) == costs.glb_figure(1024 * KB)


def test_eyeriss_costs_are_multiples_of_a_mac() -> None:
    """Chen et al., ISCA 2016, Table IV."""
    costs = load_costs("eyeriss-normalized").memory_costs(108 * KB, 16, full_mac_pj=0.5)
    assert [figure * 16 / 0.5 for figure in costs[:4]] == pytest.approx([200, 6, 2, 1])


def test_memory_scale_scales_all_levels() -> None:
    plain = load_costs("7nm")
    scaled = plain.model_copy(update={"memory_scale": 0.5})
    full = plain.memory_costs(32 * KB, 8, 1.0)
    assert scaled.memory_costs(32 * KB, 8, 1.0) == (*(0.5 * figure for figure in full[:4]), full.mac_pj)


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(VALID + SOURCES)
    preset = load_costs(path)
    assert isinstance(preset, CostPreset)
    assert (preset.name, preset.memory_costs(1, 8, 1.0)) == ("mine", (1.0, 0.5, 0.25, 0.125, 1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VALID.replace("dram", "drum") + SOURCES, "unknown field 'drum': did you mean dram"),
        (VALID.replace("noc = 0.25\n", "") + SOURCES, "field 'noc' is missing"),
        (VALID.replace("1.0", "-1.0") + SOURCES, r"field 'dram' is -1\.0"),
        (VALID + '[sources]\ndram = "a"\n', "sources lacks glb, noc, rf"),
        (VALID.replace("glb = 0.5\n", "") + SOURCES, "give either glb or glb_by_kilobyte"),
        (VALID.replace('"d"', "d"), "is not TOML"),
    ],
)
def test_wrong_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_costs(path)
    assert "\n" not in str(error.value)


def test_unknown_preset_and_missing_file() -> None:
    with pytest.raises(InputError, match="unknown cost preset '7mn': did you mean 7nm"):
        load_costs("7mn")
    with pytest.raises(InputError, match=r"cannot read 'none\.toml'"):
        load_costs("none.toml")
