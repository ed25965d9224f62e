"""The MAC energy table as a file: what is read is written again, what is not understood is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwsim.energy.mac_table import SHIPPED_TABLE, load_mac_table
from hwsim.errors import InputError


def test_the_shipped_file_is_what_its_content_writes() -> None:
    assert load_mac_table().to_json() == SHIPPED_TABLE.read_text()


def test_another_accounting_keeps_the_rest() -> None:
    table = load_mac_table()
    bare = table.with_accounting("no-clock")
    assert bare is not None
    assert bare.mac_energy_fj(8, 8) < table.mac_energy_fj(8, 8)
    assert (bare.schema_number, bare.provenance, bare.leakage_nw) == (1, table.provenance, table.leakage_nw)
    assert table.with_accounting("nothing") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "has schema 2, this version reads schema 1 of a MAC energy table"),
        ({"energy_fj": {"8": {"8": -1.0}}}, r"energy_fj\[8\]\[8\] is -1.0, must be positive"),
        ({"energy_fj": {"8": {"8": None}}}, "field 'energy_fj.8.8' is None"),
        ({"voltage_v": 0}, "field 'voltage_v' is 0"),
        ({"technology": None}, "field 'technology' is None"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "mac_energy.json"
    path.write_text(json.dumps({**json.loads(SHIPPED_TABLE.read_text()), **change}))
    with pytest.raises(InputError, match=message) as refused:
        load_mac_table(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    path.write_text("{}")
    with pytest.raises(InputError, match="is not a MAC energy table of schema 1 as `characterize run` writes it"):
        load_mac_table(path)
