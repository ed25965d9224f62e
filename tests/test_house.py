"""The house rules that a machine can see: short files, names that say something."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
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


def imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """Return the modules among those given that a file imports when it runs, at its top or within functions."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    return {name for name in names | {str(node.module) for node in froms} if name in modules}


@pytest.mark.parametrize("package", ["characterize", "compress", "hwsim"])
def test_no_module_needs_itself(package: str) -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / package).rglob("*.py")
    }
    needs = {name: imported(path, modules) - {name} for name, path in modules.items()}
    assert any(needs.values())
    TopologicalSorter(needs).prepare()  # raises CycleError with the circle
