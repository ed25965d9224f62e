"""Side by side with the libraries that docs/decisions names, in the same run; those not installed are skipped.

pip install vcdvcd==2.6.0 pyvcd==0.5.1 liberty-parser==0.0.29
pytest -m slow -s tests/benchmarks/test_library_alternatives.py
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from characterize.gates.vcd import Window, read_windows
from characterize.technology.liberty_text import read_text, split_cells
from compress.network.trace import trace
from compress.reports.svg_charts import Series, axis_over, xy_chart
from tests.reference.unusual_networks import NAMES, build

pytestmark = pytest.mark.slow

NETS, CHANGES = 546, 360_000
POINTS = 80
IMAGE = (3, 8, 8)


def processor_seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the least processor time of a few rounds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of nets net_2 and on that change at random, twenty at a time."""
    rng = np.random.default_rng(0)
    level = [0] * NETS
    head = [f"$var wire 1 k{net} net_{net + 2} $end" for net in range(NETS)]
    lines = ["$timescale 1 ps $end", "$scope module top $end", *head, "$upscope $end", "$enddefinitions $end", "#0"]
    lines += [f"0k{net}" for net in range(NETS)]
    for step, wires in enumerate(rng.integers(NETS, size=(CHANGES // 20, 20)).tolist()):
        lines.append(f"#{(step + 1) * 200}")
        for net in dict.fromkeys(wires):
            level[net] ^= 1
            lines.append(f"{level[net]}k{net}")
    path = tmp_path_factory.mktemp("dump") / "random.vcd"
    path.write_text("\n".join(lines) + "\n")
    return path


def our_toggles(dump: Path) -> list[int]:
    names = tuple(f"n{net}" for net in range(NETS + 2))
    return read_windows(dump, names, [Window(0, 10**12)]).toggles[0, 2:].tolist()


def test_dump_against_vcdvcd(dump: Path) -> None:
    vcdvcd = pytest.importorskip("vcdvcd")

    def theirs() -> list[int]:
        found = vcdvcd.VCDVCD(str(dump))
        return [len(found[f"top.net_{net + 2}"].tv) - 1 for net in range(NETS)]

    assert theirs() == our_toggles(dump)
    print(
        f"\ndump: ours {processor_seconds(lambda: our_toggles(dump)):.2f} s, vcdvcd, toggles alone"
        f" {processor_seconds(theirs):.2f} s"
    )


def test_dump_against_pyvcd(dump: Path) -> None:
    reader = pytest.importorskip("vcd.reader")

    def theirs() -> int:
        with dump.open("rb") as file:
            return sum(token.kind is reader.TokenKind.CHANGE_SCALAR for token in reader.tokenize(file))

    assert theirs() == sum(our_toggles(dump)) + NETS
    print(
        f"\ndump: ours {processor_seconds(lambda: our_toggles(dump)):.2f} s, pyvcd, tokens alone"
        f" {processor_seconds(theirs):.2f} s"
    )


def test_cell_library_against_liberty_parser(shared: Path) -> None:
    parser = pytest.importorskip("liberty.parser")
    path = shared / "pdk" / "sky130hd" / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz"
    text = read_text(path)

    def ours() -> set[str]:
        cells = split_cells(path, text)
        return {cells.cell(name).name for name in cells.cells}

    def theirs() -> set[str]:
        return {str(group.args[0]).strip('"') for group in parser.parse_liberty(text).get_groups("cell")}

    assert ours() == theirs()
    print(
        f"\nLiberty, {len(text) / 1e6:.1f} MB, every cell: ours {processor_seconds(ours, 1):.2f} s,"
        f" liberty-parser {processor_seconds(theirs, 1):.2f} s"
    )


def test_chart_against_matplotlib() -> None:
    from matplotlib.figure import Figure

    rng = np.random.default_rng(0)
    x, y = rng.random(POINTS).tolist(), rng.random(POINTS).tolist()

    def ours() -> str:
        return xy_chart(axis_over("lost", x), axis_over("saved", y), [Series("front", x, y)])

    def theirs() -> str:
        figure = Figure()
        axes = figure.subplots()
        for number, (across, up) in enumerate(zip(x, y, strict=True)):
            axes.plot([across], [up], "o", gid=f"point-{number}")
        written = io.StringIO()
        figure.savefig(written, format="svg")
        return written.getvalue()

    assert ours().count("<circle") >= POINTS
    assert theirs().count("point-") >= POINTS
    print(
        f"\nfront of {POINTS}: ours {1000 * processor_seconds(ours):.1f} ms, {len(ours()) / 1000:.0f} kB; matplotlib"
        f" {1000 * processor_seconds(theirs):.0f} ms, {len(theirs()) / 1000:.0f} kB"
    )


def test_networks_that_torch_traces() -> None:
    images = torch.zeros(1, *IMAGE)

    def traced(tracer: Callable[[nn.Module], object]) -> int:
        count = 0
        for name in NAMES:
            with contextlib.suppress(Exception):  # torch's tracers fail in many ways
                tracer(build(name))
                count += 1
        return count

    found = {
        "torch.fx": traced(torch.fx.symbolic_trace),
        "torch.export": traced(lambda model: torch.export.export(model, (images,))),
        "ours": traced(lambda model: trace(model, images)),
    }
    print(f"\ntraced of {len(NAMES)} (torch {torch.__version__}): {found}")
    assert found["ours"] == len(NAMES) > max(found["torch.fx"], found["torch.export"])
