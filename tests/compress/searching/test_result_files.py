"""Files of searches that somebody damaged: one line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compress.cli import main
from compress.searching.result_files import ArchiveFile, read_episodes, read_result
from compress.searching.run_file import RunFile
from hwsim.errors import InputError
from tests.reference.finished_search import finished_search

EPISODES = "episode,reward,best_gain_pct\n0,0.1,0\n1,0.2,5\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"schema": "1", "search": {}}, "has schema '1'"),
        ({"schema": 1, "search": 5}, "field 'search' is 5"),
        ({"schema": 1, "search": [["a", 1]]}, "field 'search'"),
        ({"schema": 1}, "field 'search' is missing"),
        ({"schema": 1, "search": {}, "serch": {}}, "unknown field 'serch'"),
        ({"search": {}}, "field 'schema' is missing"),
        ({"schema": 2, "search": {"self": 1}}, "unknown setting 'self'"),
        ({"schema": 2, "search": {"cls": 1}}, "unknown setting 'cls'"),
    ],
)
def test_a_wrong_run_is_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RunFile.parse(content, "'run.json'").spec("'run.json'")


def test_an_archive_has_a_schema() -> None:
    with pytest.raises(InputError, match="field 'schema' is missing"):
        ArchiveFile.parse({"layers": [], "front": []}, "'archive.json'")


@pytest.mark.parametrize("part", ["best", "baseline", "validation"])
def test_nested_figures_are_finite(tmp_path: Path, part: str) -> None:
    folder = finished_search(tmp_path / "run")
    content = json.loads((folder / "result.json").read_text())
    content[part]["energy_pj"] = float("nan")
    (folder / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="energy_pj is nan, must be a finite number"):
        read_result(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No columns"),
        ("\0\0", "lacks the column episode"),
        ("foo,bar\n1,2\n", "lacks the column episode"),
        ("a,b\n1\n2,3,4\n", "not the episodes.csv"),
        (EPISODES.partition("\n")[0] + "\n", "lacks any row"),
        (EPISODES.replace("0.2", "x"), "row 2: reward is 'x', must be a number"),
        (EPISODES.replace("0.2", ""), "row 2: reward is"),
        (EPISODES.replace("5", "inf"), "row 2: best_gain_pct is"),
    ],
)
def test_wrong_episodes_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "episodes.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_episodes(tmp_path)


def _no_result(folder: Path) -> None:
    (folder / "result.json").rename(folder / "run.json")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "archive.json").write_text("["), "archive.json' is not JSON"),
        (lambda folder: (folder / "episodes.csv").unlink(), "cannot read .*episodes.csv"),
        (_no_result, "holds an unfinished search; continue it with --resume"),
    ],
)
def test_the_report_of_a_damaged_search_is_refused(tmp_path: Path, damage: Callable[[Path], Any], said: str) -> None:
    folder = finished_search(tmp_path / "run")
    (folder / "episodes.csv").write_text(EPISODES)
    assert CliRunner().invoke(main, ["report", str(folder)]).exit_code == 0
    (folder / "report.html").unlink()
    damage(folder)
    refused = CliRunner().invoke(main, ["report", str(folder)])
    assert refused.exit_code == 2
    assert len(refused.stderr.splitlines()) == 1
    with pytest.raises(InputError, match=said):
        raise InputError(refused.stderr)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("value", ["nan", "0", "-1", "1e999", "101"])
def test_a_reward_for_no_budget_is_refused(tmp_path: Path, value: str) -> None:
    refused = CliRunner().invoke(main, ["reward", "--max-loss", value, "--csv", str(tmp_path / "r.csv")])
    assert (refused.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "--max-loss is" in refused.stderr


def test_a_reward_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    arguments = ["reward", "--csv", str(tmp_path / "r.csv"), "--plot", str(tmp_path / "r.gif")]
    refused = CliRunner().invoke(main, arguments)
    assert (refused.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "must end in .png, .svg or .pdf" in refused.stderr
