"""The house rules that a machine can see: short files, names that say something."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("rtl", "characterize", "hwsim", "compress", "tests")
SOURCES = sorted(
    path
    for room in ROOMS
    for kind in ("*.py", "*.v")
    for path in (ROOT / room).rglob(kind)
    if "sim_build" not in path.parts
)
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_its_name_says_what_it_holds(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines: which concept should move out?"
    assert path.stem not in EMPTY_NAMES
