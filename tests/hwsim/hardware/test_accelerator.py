from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator, accelerator_names

PRESETS = Path(__file__).parents[3] / "hwsim" / "data" / "accelerators"


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (PRESETS / "paper.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    return path


def test_presets_are_read() -> None:
    assert accelerator_names() == ["eyeriss-v1", "paper"]
    assert accelerator("eyeriss-v1").pes == 168
    assert accelerator("paper").dram_bits_per_cycle == pytest.approx(3.2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("glb_size_bytes = 32768", "", "field 'glb_size_bytes' is missing"),
        ("glb_size_bytes = 32768", "glb_size_byte = 32768", "did you mean glb_size_bytes"),
        ("glb_size_bytes = 32768", "glb_size_bytes = -1", "glb_size_bytes is -1: .*greater than 0"),
        ("ifmap_bus_bits = 512", "ifmap_bus_bits = 0", "ifmap_bus_bits is 0: .*greater than 0"),
        ("word_bits = 8", "word_bits = 'eight'", "word_bits is 'eight'"),
        ("rf_shared_bytes = 64", "", "give rf_shared_bytes, or all of"),
        ("rf_shared_bytes = 64", "rf_shared_bytes = 64\nrf_psum_words = 4", "exclude each other"),
        ("clock_mhz = 1000.0", "clock_mhz = inf", "clock_mhz is inf"),
        ("psum_bits = 32", "psum_bits = 4", "narrower than word_bits"),
        ("array_rows = 64", "array_rows = ", "not TOML"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        accelerator(edited(tmp_path, old, new))
    assert "mine.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean eyeriss-v1"):
        accelerator("eyeriss")


def test_every_field_has_a_description_in_the_schema() -> None:
    schema = AcceleratorSpec.model_json_schema()
    assert [name for name, field in schema["properties"].items() if "description" not in field] == []


def test_a_copy_with_other_fields() -> None:
    tile = accelerator("paper")
    larger = tile.with_(glb_size_bytes=65536, name="larger")
    assert (larger.glb_size_bytes, larger.name, larger.array_rows) == (65536, "larger", tile.array_rows)
    assert tile.glb_size_bytes == 32768
    assert tile.with_() == tile
    spads = tile.with_(rf_shared_bytes=None, rf_ifmap_words=12, rf_filter_words=224, rf_psum_words=24)
    assert spads.rf_psum_words == 24


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"glb_size": 65536}, "accelerator 'paper': unknown field 'glb_size': did you mean glb_size_bytes"),
        ({"array_rows": 0}, "accelerator 'paper': array_rows is 0: .*greater than 0"),
        ({"overflow": "clip"}, "accelerator 'paper': overflow is 'clip'"),
        ({"psum_bits": 4}, "psum_bits 4 is narrower than word_bits 8"),
    ],
)
def test_a_copy_is_validated(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        accelerator("paper").with_(**fields)
