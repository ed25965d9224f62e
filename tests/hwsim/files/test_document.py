"""Documents: what is written is read again, what is not understood is refused by name or number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from hwsim.errors import InputError
from hwsim.files.document import Document


class Note(Document):
    KIND: ClassVar[str] = "a note"
    SCHEMA: ClassVar[int] = 3
    OLDEST: ClassVar[int] = 2

    energy_pj: float
    words: tuple[str, ...] = ()

    @classmethod
    def upgraded(cls, content: dict[str, Any], schema: int) -> dict[str, Any]:
        return {"energy_pj": content["energy"]}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    note = Note(energy_pj=2.5, words=("a",))
    text = note.to_json(tmp_path / "note.json")
    assert json.loads(text) == {"schema": 3, "energy_pj": 2.5, "words": ["a"]} == note.as_json()
    assert Note.read(tmp_path / "note.json") == note


def test_an_older_schema_is_upgraded() -> None:
    assert Note.parse({"schema": 2, "energy": 4.0}, "x") == Note(energy_pj=4.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"schema": 4, "energy_pj": 1.0}, "'n' has schema 4, this version reads schemas 2 to 3 of a note"),
        ({"schema": "3"}, "has schema '3'"),
        ({"schema": 3.0, "energy_pj": 1.0}, "has schema 3.0"),
        ({"schema": True, "energy_pj": 1.0}, "has schema True"),
        ({"energy_pj": 1.0}, "field 'schema' is missing"),
        ({"schema": 2, "energ": 1.0}, "its content is not that of schema 2"),
        ({"schema": 3, "energy_pj": "much" * 99}, "field 'energy_pj' is 'muchmuch"),
        ({"schema": 3, "energy_jp": 1.0}, "unknown field 'energy_jp': did you mean energy_pj?"),
        ({"schema": 3}, "field 'energy_pj' is missing"),
        ({"schema": 3, "energy_pj": "much"}, "field 'energy_pj' is 'much'"),
        ([1], "'n' is not a note"),
    ],
)
def test_what_is_not_understood_is_refused(content: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        Note.parse(content, "'n'")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


class HandWritten(Note):
    UNNUMBERED: ClassVar[bool] = True


def test_no_schema_number_is_the_oldest_only_where_people_write_the_file() -> None:
    assert HandWritten.parse({"energy": 4.0}, "x").energy_pj == 4.0


def test_nan_is_never_held() -> None:
    with pytest.raises(ValidationError):
        Note(energy_pj=float("nan"))
