"""The table of a run: the wide one where it fits, a narrow one with whole figures where it does not."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from hwsim.commandline.terminal import PIPE_COLUMNS, fits
from hwsim.reports.table import narrow_table, simulation_table
from hwsim.simulation.run import Run
from hwsim.simulation.simulate import simulate


@pytest.fixture(scope="module", params=["resnet152", "googlenet"])
def run(request: pytest.FixtureRequest) -> Run:
    return simulate(request.param)


def console(columns: int) -> Console:
    return Console(width=columns, file=io.StringIO(), record=True)


def test_the_narrow_table_fits_100_columns_with_whole_figures(run: Run) -> None:
    assert not fits(console(100), simulation_table(run))
    narrow = console(100)
    assert fits(narrow, narrow_table(run))
    narrow.print(narrow_table(run))
    text = narrow.export_text()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "…" not in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert rows["total"][1:3] == [f"{run.macs / 1e6:,.1f}", f"{run.cycles:,}"]
    for one in run.runs:
        assert rows[one.layer.name][2] == f"{one.cost.cycles:,}"
        shares = [float(share) for share in rows[one.layer.name][-4:] if share != "-"]
        assert sum(shares) == pytest.approx(100, abs=0.21), "all of the energy"


def test_a_pipe_keeps_types_mappings_and_all_parts(run: Run) -> None:
    pipe = console(PIPE_COLUMNS)
    assert fits(pipe, simulation_table(run))
    pipe.print(simulation_table(run))
    text = pipe.export_text()
    assert "…" not in text
    assert all(head in text for head in ("type", "mapping", "noc %", "leakage %"))
