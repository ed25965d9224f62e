"""The HTML report stands alone and shows what the run holds; the occupancy behind its heatmap adds up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import hwsim
from hwsim.cli import main
from hwsim.reports.html_report import html_report
from hwsim.reports.occupancy import busy_share, mapped_pes
from hwsim.simulation.simulate import simulate
from hwsim.workload.network import Network


@pytest.fixture(scope="module")
def run() -> hwsim.Run:
    return simulate("resnet20-cifar", "paper")


def test_page_is_self_contained(run: hwsim.Run) -> None:
    page = html_report(run)
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<svg") == page.count("</svg>") == 4
    outside = re.findall(r'(?:src|href)="(?!#|data:)([^"]+)"', page)
    assert outside == [], "nothing is loaded from elsewhere"
    for word in ("layer3.0.conv2", "TOPS/W", "Jouppi", "array_rows = 64", run.pricer.mac.source.split(",")[0]):
        assert word in page


def test_names_are_escaped_and_the_same_run_gives_the_same_bytes() -> None:
    layer = hwsim.ConvLayer("<b>&x", 4, 4, 6, 6, 3, 3)
    done = simulate(Network("<script>", (layer,), ((-1,),)), "paper")
    page = html_report(done)
    assert html_report(done) == page
    assert "<script>" not in page
    assert "<b>&x" not in page
    assert "&lt;b&gt;&amp;x" in page


def test_written_by_the_command(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    result = CliRunner().invoke(main, ["simulate", "alexnet", "--layer", "conv3", "--report", str(path)])
    assert (result.exit_code, f"wrote {path}" in result.output) == (0, True)
    assert "conv3" in path.read_text()


@pytest.mark.parametrize("tile", ["paper", "eyeriss-v1"])
@pytest.mark.parametrize("name", ["alexnet", "mobilenet_v2-cifar"])
def test_mapped_pes_are_the_active_ones(name: str, tile: str) -> None:
    done = simulate(name, tile)
    for one in done.runs:
        assert mapped_pes(done.tile, one.analysis).sum() == one.analysis.active_pes, one.layer.name


def test_busy_share_is_the_utilisation(run: hwsim.Run) -> None:
    work = sum(one.analysis.utilization * one.analysis.cycles for one in run.runs)
    share = busy_share(run)
    assert share.mean() == pytest.approx(work / run.cycles)
    assert 0.0 <= share.min() <= share.max() <= 1.0
