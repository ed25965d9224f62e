"""Toggles of the compiled timed simulation beside Icarus, and what SAIF and VCD files say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from characterize.bench.simulators import HdlSimulator, MissingTools, find_simulator
from characterize.gates.activity import Activity
from characterize.gates.saif import write_saif
from characterize.gates.simulation import TimedSimulator
from characterize.gates.vcd import Window, read_vcd, read_windows, with_netlist_names
from characterize.runs.bench_activity import BenchSimulator
from characterize.runs.icarus_check import compare_toggles, compare_with_icarus
from characterize.runs.mapped_mac import MappedMac, map_mac
from characterize.streams.stimulus import OperandStream
from characterize.synthesis.multipliers import mac_design
from characterize.technology import load as technology
from hwsim.errors import RunError

CYCLES = 120


@pytest.fixture(scope="module")
def mac() -> MappedMac:
    design, interface = mac_design("native")
    return map_mac(design, interface, technology.embedded_library(), 1500.0)


@pytest.fixture(scope="module")
def stream() -> OperandStream:
    rng = np.random.default_rng(5)
    return OperandStream(
        weight=rng.integers(-128, 128, CYCLES),
        activation=rng.integers(-128, 128, CYCLES),
        psum=rng.integers(-(1 << 31), 1 << 31, CYCLES),
        load=rng.integers(0, 2, CYCLES),
    )


def activity(toggles: list[int], high_fs: list[int]) -> Activity:
    names = ("1'b0", "1'b1", "clk", "psum_in[3]", "multiplier.n7")
    return Activity(names, np.array(toggles), np.array(high_fs), 4, 1000, "test")


def test_toggles_equal_icarus_on_every_net(mac: MappedMac, stream: OperandStream, tmp_path: Path) -> None:
    found = find_simulator(HdlSimulator.ICARUS)
    if isinstance(found, MissingTools):
        pytest.skip(found.sentence())
    comparison = compare_with_icarus(mac.lowered, mac.drive, "clk", stream, tmp_path / "waves.vcd")
    assert comparison.reference_toggles > 100 * CYCLES
    assert comparison.difference_rel == 0, comparison.sentence()
    assert comparison.agrees
    # the exported dump holds the netlist's own names and the same toggles
    text = (tmp_path / "waves.vcd").read_text()
    assert "$var wire 1" in text
    assert "psum_in [3] $end" in text
    assert "net_" not in text
    names = {name for name in mac.lowered.net_names if re.fullmatch(r"\w+", name)}
    assert sum(f" {name} $end" in text for name in names) == len(names)


def test_a_difference_is_measured_and_its_worst_net_named() -> None:
    one, other = activity([0, 0, 8, 100, 50], [0] * 5), activity([0, 0, 0, 100, 52], [0] * 5)
    comparison = compare_toggles(one, other, "clk")
    assert comparison.difference_rel == pytest.approx(2 / 152)
    assert comparison.worst_net == "multiplier.n7"
    assert not comparison.agrees
    assert "1.316 % apart net by net, worst 'multiplier.n7' (50 and 52)" in comparison.sentence()
    with pytest.raises(RunError, match="same netlist over the same cycles"):
        compare_toggles(one, Activity(("a",), np.zeros(1, np.int64), np.zeros(1, np.int64), 4, 1000, "test"), "clk")


def test_saif_accounts_for_the_whole_time_of_every_net(mac: MappedMac, stream: OperandStream) -> None:
    simulated = TimedSimulator(mac.lowered, mac.drive).run([stream]).activity.with_clock("clk")
    text = write_saif(simulated, "mac")
    assert text.count("(") == text.count(")")
    stated = re.search(r"\(DURATION (\d+)\)", text)
    assert stated is not None
    duration = int(stated[1])
    assert duration == CYCLES * 1_500_000
    nets = re.findall(r"\((\S+) \(T0 (\d+)\) \(T1 (\d+)\) \(TX 0\) \(TC (\d+)\) \(IG 0\)\)", text)
    assert len(nets) == len(simulated.net_names) - 2
    assert all(int(low) + int(high) == duration for _, low, high, _ in nets)
    assert sum(int(toggles) for *_, toggles in nets) == simulated.toggles.sum()
    assert ("clk", str(duration // 2), str(duration // 2), str(2 * CYCLES)) in nets


def test_saif_escapes_names_and_refuses_contradictions() -> None:
    text = write_saif(activity([0, 0, 8, 2, 1], [0, 0, 2000, 4000, 1]), "mac")
    assert r"(psum_in\[3\] (T0 0) (T1 4000)" in text
    assert r"(multiplier\.n7 (T0 3999)" in text
    with pytest.raises(RunError, match="high for 4001 fs of 4000 fs"):
        write_saif(activity([0] * 5, [0, 0, 4001, 0, 0]))


DUMP = """$timescale 1ps $end
$scope module dut $end
$var wire 1 ! net_2 $end
$var wire 1 " net_3 $end
$var wire 4 # other $end
$enddefinitions $end
#10
$dumpvars
0!
1"
b0000 #
$end
#11
1!
#13
0!
0"
b1010 #
"""


def test_a_dump_is_counted_by_hand(tmp_path: Path) -> None:
    (tmp_path / "d.vcd").write_text(DUMP)
    counted = read_vcd(tmp_path / "d.vcd", ("0", "1", "a", "b[1]"), 5, 1000, "test")
    assert counted.toggles.tolist() == [0, 0, 2, 1]
    assert counted.high_fs.tolist() == [0, 0, 2000, 3000]
    text = with_netlist_names(DUMP, ("0", "1", "a", "b[1]"))
    assert "$var wire 1 ! a $end" in text
    assert '$var wire 1 " b [1] $end' in text
    assert "other" not in text
    assert "b1010" not in text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("net_3", "net_9"), "lacks net 'b'"),
        (('1"', 'x"'), None),
        (("$enddefinitions $end", ""), "no definitions"),
        (("$timescale 1ps $end", ""), "no time unit"),
        (("#13", "#16"), "beyond its 5 cycles"),
        (('0"', 'x"'), "net 'b' is unknown"),
    ],
)
def test_a_damaged_dump_is_refused(tmp_path: Path, change: tuple[str, str], complaint: str | None) -> None:
    (tmp_path / "d.vcd").write_text(DUMP.replace(*change))
    if complaint is None:  # unknown at first is what registers are before the first edge
        assert read_vcd(tmp_path / "d.vcd", ("0", "1", "a", "b"), 5, 1000, "test").toggles[3] == 0
        return
    with pytest.raises(RunError, match=complaint):
        read_vcd(tmp_path / "d.vcd", ("0", "1", "a", "b"), 5, 1000, "test")


def test_activity_of_the_cocotb_bench_equals_the_compiled_one(mac: MappedMac, stream: OperandStream) -> None:
    found = find_simulator(HdlSimulator.ICARUS)
    if isinstance(found, MissingTools):
        pytest.skip(found.sentence())
    short = OperandStream(*(getattr(stream, name)[:40] for name in ("weight", "activation", "psum", "load")))
    compiled = TimedSimulator(mac.lowered, mac.drive).run([short, short])
    benched = BenchSimulator(mac, HdlSimulator.ICARUS).run([short, short])
    data = np.array([name != "clk" for name in compiled.activity.net_names])
    assert np.array_equal(benched.activity.toggles[data], compiled.activity.toggles[data])
    assert np.array_equal(benched.activity.high_fs[data], compiled.activity.high_fs[data])
    # energy by mean toggle energies instead of energies by event
    ours, theirs = benched.energy_zj.mean((0, 1)).sum(), compiled.energy_zj.mean((0, 1)).sum()
    assert ours == pytest.approx(theirs, rel=0.03)


def test_a_simulator_that_is_not_there_is_named(mac: MappedMac, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = MissingTools(HdlSimulator.VERILATOR, ("g++",))
    monkeypatch.setattr("characterize.runs.bench_activity.find_simulator", lambda simulator: missing)
    with pytest.raises(RunError, match="--simulator verilator: verilator cannot run here: install g\\+\\+"):
        BenchSimulator(mac, HdlSimulator.VERILATOR)


def test_windows_of_a_dump_are_counted_apart(tmp_path: Path) -> None:
    (tmp_path / "d.vcd").write_text(DUMP)
    counts = read_windows(tmp_path / "d.vcd", ("0", "1", "a", "b"), [Window(10_000, 12_000), Window(12_500, 14_000)])
    assert counts.toggles[:, 2:].tolist() == [[1, 0], [1, 1]]
    assert counts.high_fs[:, 2:].tolist() == [[1000, 2000], [500, 500]]
