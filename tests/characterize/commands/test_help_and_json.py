"""What all commands share: help in one style, wrong options in one line, `--json -` with nothing else beside it."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from characterize.cli import COMMANDS, main
from characterize.reports.comparison import ComparisonFile
from characterize.synthesis.multipliers import MULTIPLIERS, MultiplierList
from hwsim.energy.mac_table import SHIPPED_TABLE


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lines_are_sentences_and_whole(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help is not None, parameter.name
            text = parameter.help.split("  [default")[0]
            assert text[0].isupper(), text
            assert text.endswith("."), text
    text = CliRunner().invoke(main, ["--help"], terminal_width=120).output
    assert COMMANDS[name].help_line in text


def test_multipliers_are_listed_as_json_alone() -> None:
    result = CliRunner().invoke(main, ["multipliers", "--json", "-"])
    listed = MultiplierList.parse(json.loads(result.stdout), "the output")
    assert [one.name for one in listed.multipliers] == list(MULTIPLIERS)
    assert "booth-weight               radix-4 Booth, recodes the weight (default)" in result.stderr


def test_a_comparison_is_json_alone_or_a_file(tmp_path: Path) -> None:
    arguments = ["compare", str(SHIPPED_TABLE), "--out", str(tmp_path / "out")]
    beside = CliRunner().invoke(main, [*arguments, "--json", "-"])
    document = ComparisonFile.parse(json.loads(beside.stdout), "the output")
    assert len(document.precisions) == 49
    assert document.runs[0].energy_fj == document.precisions[-1].energy_fj
    assert "MAC characterizations" in beside.stderr
    written = CliRunner().invoke(main, [*arguments, "--json", str(tmp_path / "c.json")])
    assert f"wrote {tmp_path / 'c.json'}" in written.stdout
    assert ComparisonFile.read(tmp_path / "c.json") == document


@pytest.mark.parametrize("command", [["multipliers"], ["compare", str(SHIPPED_TABLE)], ["verify", "run"]])
def test_json_that_cannot_be_written_is_refused_before_any_work(command: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [*command, "--json", str(tmp_path / "no" / "x.json")])
    assert result.exit_code == 2
    assert "cannot write" in result.output
    assert result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vectors", "10"], "--vectors 10: must be 64 to 100000000"),
        (["--cycles", "0"], "--cycles 0: must be 1 to 10000000"),
        (["--seed", "-1"], "--seed -1: must be 0 to 9223372036854775807"),
        ([], "does not exist"),
    ],
)
def test_wrong_options_of_verify_are_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["verify", str(tmp_path / "absent"), *options])
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1
