"""`compress search` as a user runs it, on the embedded digits: results, kill -9, Ctrl-C, wrong options."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from compress.cli import main
from hwsim.energy.mac_table import SHIPPED_TABLE

BASE = ["search", "--model", "digits-cnn", "--data", "digits", "--seed", "3", "--threads", "1"]


def _compress(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([sys.executable, "-m", "compress", *arguments], capture_output=True, text=True, check=False)
    if check:
        assert result.returncode == 0, result.stderr
    return result


def _search(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _compress(*BASE, "--out", str(out), *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("session") / "run"
    _search(out, "--method", "composite", "--episodes", "4", "--refine", "2")
    return out


def test_a_search_leaves_what_the_interfaces_promise(finished: Path) -> None:
    result = json.loads((finished / "result.json").read_text())
    assert result["schema"] == 1
    assert (result["method"], result["model"], result["data"]) == ("composite", "digits-cnn", "digits")
    assert set(result["baseline"]) >= {"accuracy_pct", "energy_pj", "latency_ms"}
    best = result["best"]
    assert set(best) >= {"accuracy_pct", "accuracy_loss_pct", "energy_pj", "energy_reduction_pct", "policy"}
    assert best["accuracy_loss_pct"] == pytest.approx(result["baseline"]["accuracy_pct"] - best["accuracy_pct"])
    saved = 100 * (1 - best["energy_pj"] / result["baseline"]["energy_pj"])
    assert best["energy_reduction_pct"] == pytest.approx(saved)
    assert result["evaluations"] >= 6 * len(best["policy"])
    assert result["episodes"] == 4 and result["seed"] == 3 and result["wall_s"] > 0 and result["versions"]["torch"]
    policy = json.loads((finished / "policy.json").read_text())
    assert policy["layers"] == best["policy"]
    for layer in policy["layers"].values():
        decided = {"pruner", "sparsity", "realised_sparsity", "bits"}
        assert set(layer) == decided | {"in_channels", "out_channels", "zero_filter", "ran"}
    rows = (finished / "episodes.csv").read_text().splitlines()
    assert len(rows) == 7
    assert list(finished.glob("events.out.tfevents.*"))
    assert (finished / "checkpoint.pt").exists()
    energies = {layer["name"]: layer for layer in result["layers"]}
    assert sum(layer["energy_after_pj"] for layer in energies.values()) == pytest.approx(best["energy_pj"])


def test_the_report_needs_nothing_from_outside(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org)|@import|url\(", page)
    assert page.count("<svg") >= 4 and "data-policy" in page
    for name in json.loads((finished / "policy.json").read_text())["layers"]:
        assert name in page


def test_the_report_is_written_again(finished: Path) -> None:
    before = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    assert CliRunner().invoke(main, ["report", str(finished)]).exit_code == 0
    assert (finished / "report.html").read_bytes() == before


def test_a_search_starts_warm_from_another_ones_archive(finished: Path, tmp_path: Path) -> None:
    """For another accuracy budget: the policies known are measured first, and the choice is no worse than they are."""
    out = tmp_path / "warm"
    options = ["--method", "random", "--episodes", "1", "--refine", "0", "--warm-start", str(finished)]
    _search(out, *options, "--max-loss", "8")
    known = json.loads((finished / "archive.json").read_text())["front"]
    front = json.loads((out / "archive.json").read_text())["front"]
    result = json.loads((out / "result.json").read_text())
    assert result["evaluations"] == len(known) + len(result["best"]["policy"])
    for before in known:  # what was known is there, or something that beats it
        assert any(now["loss_pct"] <= before["loss_pct"] and now["cost"] <= before["cost"] for now in front)
    wrong = CliRunner().invoke(main, [*BASE, "--out", str(tmp_path / "x"), "--warm-start", str(tmp_path)])
    assert wrong.exit_code == 2 and str(tmp_path) in wrong.stderr and not (tmp_path / "x").exists()


def test_a_killed_search_resumes_to_the_same_policy(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "compress", *BASE, "--out", str(out), "--episodes", "4", "--refine", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _wait_for(out / "checkpoint.previous.pt", process)
    process.send_signal(signal.SIGSTOP)  # holds its lock, and cannot finish before it is killed
    second = CliRunner().invoke(main, ["search", "--resume", "--out", str(out)])
    assert second.exit_code == 2 and "in use by another search" in second.stderr
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "result.json").exists()
    _compress("search", "--resume", "--out", str(out))
    assert (out / "policy.json").read_bytes() == (finished / "policy.json").read_bytes()
    assert (out / "episodes.csv").read_bytes() == (finished / "episodes.csv").read_bytes()
    assert (out / "archive.json").read_bytes() == (finished / "archive.json").read_bytes()


def test_ctrl_c_is_one_line_and_says_how_to_continue(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    # a suite that runs in the background hands on that Ctrl-C is ignored
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import compress.__main__"
    command = [sys.executable, "-c", program, *BASE, "--out", str(out), "--episodes", "500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for(out / "checkpoint.pt", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.count("\n") == 1 and "--resume" in errors
    assert not (out / "result.json").exists()


def _wait_for(path: Path, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if path.exists():
            return
        assert process.poll() is None, process.stderr
        time.sleep(0.05)
    raise AssertionError(f"{path} never appeared")


def test_a_search_stops_once_enough_is_saved(tmp_path: Path) -> None:
    out = tmp_path / "enough"
    result = CliRunner().invoke(
        main, [*BASE, "--out", str(out), "--method", "uniform", "--max-loss", "8", "--stop-at", "3"]
    )
    assert result.exit_code == 0 and "saves 3 % or more" in result.stdout, result.output
    content = json.loads((out / "result.json").read_text())
    rows = (out / "episodes.csv").read_text().splitlines()
    assert content["episodes"] == len(rows) - 1 < 1100
    assert content["validation"]["gain_pct"] >= 3.0 and "--stop-at" not in result.stdout


def test_a_search_that_does_not_save_enough_says_so(tmp_path: Path) -> None:
    out = tmp_path / "missed"
    options = ["--method", "uniform", "--episodes", "2", "--max-loss", "8", "--stop-at", "99"]
    result = CliRunner().invoke(main, [*BASE, "--out", str(out), *options])
    assert result.exit_code == 0 and "less than --stop-at 99" in result.stdout, result.output


def test_an_infeasible_budget_shows_the_closest(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ["--out", str(out), "--method", "random", "--episodes", "1", "--refine", "0", "--max-loss", "0"]
    result = CliRunner().invoke(main, [*BASE, *arguments])
    content = json.loads((out / "result.json").read_text())
    assert not content["feasible"] and content["closest"]
    assert "warning: no policy" in result.stdout and "closest" in result.stdout
    assert 'class="warn"' in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--method", "compositr"], "did you mean composite"),
        (["--metric", "power"], "--metric"),
        (["--energy", "simulate"], "simulated"),
        (["--episodes", "0"], "--episodes"),
        (["--max-loss", "-1"], "--max-loss"),
        (["--stop-at", "100"], "--stop-at is 100"),
        (["--pruners", "levle"], "did you mean level"),
        (["--min-bits", "9"], "--min-bits"),
        (["--reward", "absent.csv"], "--reward"),
        (["--subset", "0"], "--subset"),
        (["--method", "asqj", "--refine", "2"], "--refine 2"),
        (["--method", "joint", "--warm-start", "elsewhere"], "--warm-start 'elsewhere'"),
        (["--screen", "1"], "--screen"),
        (["--model", "digits-cn"], "digits-cnn"),
        (["--data", "cifar10:/nowhere"], "/nowhere"),
        (["--accelerator", "papper"], "paper"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, [*BASE, "--out", str(tmp_path / "run"), *arguments])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and says in result.stderr


def test_a_folder_that_holds_a_run_is_refused_with_the_remedy(finished: Path, tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == 2 and result.stderr.count("\n") == 1
        return result.stderr

    assert "finished search" in refused(*BASE, "--out", str(finished))
    other = tmp_path / "other"
    other.mkdir()
    (other / "something").touch()
    assert "not empty" in refused(*BASE, "--out", str(other))
    assert "no search" in refused("search", "--resume", "--out", str(other))
    assert "--seed" in refused("search", "--resume", "--out", str(finished), "--seed", "4")


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/tilejoule")
    else:
        target = tmp_path / "locked" / "run"
        target.parent.mkdir(mode=0o500)
    result = CliRunner().invoke(main, [*BASE, "--out", str(target), "--episodes", "1"])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1


def test_a_search_that_cannot_begin_leaves_no_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    table = json.loads(SHIPPED_TABLE.read_text())
    (tmp_path / "narrow.json").write_text(json.dumps({**table, "energy_fj": {"8": {"8": 236.0}}}))
    for wrong in (
        ["--model", "resnet20-cifar"],
        ["--data", f"cifar10:{tmp_path}"],
        ["--weights", __file__],
        ["--mac-table", str(tmp_path / "narrow.json")],
    ):
        result = CliRunner().invoke(main, [*BASE, "--out", str(out), *wrong])
        assert result.exit_code == 2 and result.stderr.count("error:") == 1
        assert not out.exists()


def test_a_kill_between_result_and_page_is_mended(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "report.html").unlink()
    (out / ".result.json.abc").touch()
    assert CliRunner().invoke(main, ["search", "--resume", "--out", str(out)]).exit_code == 0
    assert (out / "report.html").read_bytes() == (finished / "report.html").read_bytes()
    assert not (out / ".result.json.abc").exists()


def test_a_kill_before_run_json_leaves_the_folder_free(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in (".lock", ".run.json.abc"):
        (out / name).touch()
    options = ["--method", "random", "--episodes", "1", "--out", str(out)]
    assert CliRunner().invoke(main, [*BASE, *options]).exit_code == 0
    assert not (out / ".run.json.abc").exists()


def test_a_folder_of_the_users_stays_when_a_search_cannot_begin(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    result = CliRunner().invoke(main, [*BASE, "--out", str(out), "--warm-start", str(tmp_path)])
    assert result.exit_code == 2
    assert out.is_dir() and not list(out.iterdir())
