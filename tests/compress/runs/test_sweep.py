"""Sweeps: what is wrong is said before the first search, in one line, and leaves no folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from compress.cli import main
from compress.runs.sweep import read_sweep, run_one
from hwsim.errors import InputError

SWEEP = """
[search]
model = "digits-cnn"
data = "digits"
episodes = 1
method = "random"
"""


def _sweep(folder: Path, text: str, *options: str) -> str:
    """Return the one line that refuses a sweep; nothing but its file is left."""
    config, out = folder / "s.toml", folder / "out"
    config.write_text(text)
    result = CliRunner().invoke(main, ["sweep", str(config), "--out", str(out), *options])
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
    assert list(folder.iterdir()) == [config]
    return result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("search = 5", "table search is 5, must be a table"),
        ("grid = 5", "table grid is 5, must be a table"),
        ("grid = [1]", "table grid is [1], must be a table"),
        ("models = 3", "table models is 3, must be a table"),
        ("models.x = 5", "table models.x is 5, must be a table"),
        ("methods = [1]", "table methods is [1], must be a table"),
        ("[search]\nmethod_options = 5", "table search.method_options is 5, must be a table"),
        ("[search]\nmethod-options = 5", "table search.method-options is 5, must be a table"),
        ("[models.x]\nmethod_options = 5", "table models.x.method_options is 5, must be a table"),
        (SWEEP + "[grid]\nmethod_options = ['ab']", "table grid.method_options is 'ab', must be a table"),
        (SWEEP + "[grid]\nmethod = [['random']]", "--method is ['random']"),
        (SWEEP + "[grid]\nseed = [0, 0]", "table grid: seed holds 0 twice"),
        (SWEEP + "[grid]\nseed = [0, '0']", "two searches share the folder"),
        (SWEEP + f"[grid]\nweights = ['{'a' * 300}']", "cannot be looked up: File name too long"),
        (SWEEP + "[grid]\ncosts = ['7nm', 'nosuch']", "unknown cost preset 'nosuch'"),
        (SWEEP + "[grid]\naccelerator = ['paper', 'papr']", "unknown accelerator 'papr'"),
        (SWEEP.replace("digits-cnn", "digits-cn"), "unknown model 'digits-cn': did you mean digits-cnn?"),
        (SWEEP.replace('"digits"', '"digit"'), "unknown data 'digit'"),
        (SWEEP.replace('"digits"', '"cifar10"'), "--data 'cifar10': a folder is missing"),
        (SWEEP.replace("digits-cnn", "a:b"), "names code ('a:b')"),
        (SWEEP + "reward = 'nosuch.csv'", "--reward: cannot read 'nosuch.csv'"),
    ],
)
def test_a_wrong_sweep_is_refused_before_the_first_search(tmp_path: Path, text: str, said: str) -> None:
    assert said in _sweep(tmp_path, text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plot", "f.gif"), "must end in .png, .svg or .pdf"),
        (("--plot", "nosuch/f.png"), "cannot write 'nosuch/f.png': no such folder"),
        (("--plot", "f.png", "--json", "f.png"), "--json and --plot both name"),
        (("--out", __file__), "is a file; name a new folder"),
        (("--out", "/proc/x"), "--out '/proc/x' cannot be written"),
    ],
)
def test_wrong_outputs_are_refused_before_the_first_search(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    assert said in _sweep(tmp_path, SWEEP, *options)


def test_code_that_the_command_line_names_may_be_a_model(tmp_path: Path) -> None:
    config = tmp_path / "s.toml"
    config.write_text(SWEEP.replace("digits-cnn", "my.own:network"))
    assert read_sweep(config, tmp_path / "out", ["my.own:network"])[0].spec.model == "my.own:network"


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [(0, "", "ended without result.json"), (2, "error: no", "error: no"), (-9, "", "ended with code -9")],
)
def test_a_search_that_leaves_no_result_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, stderr: str, said: str
) -> None:
    def ended(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, "", stderr)

    config = tmp_path / "s.toml"
    config.write_text(SWEEP)
    monkeypatch.setattr(subprocess, "run", ended)
    assert run_one(read_sweep(config, tmp_path / "out")[0]) == said
    result = CliRunner().invoke(main, ["sweep", str(config), "--out", str(tmp_path / "out")])
    assert (result.exit_code, "1 of 1 searches failed" in result.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == [config]


def test_a_process_that_cannot_start_is_a_failed_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(7, "Argument list too long")

    config = tmp_path / "s.toml"
    config.write_text(SWEEP)
    monkeypatch.setattr(subprocess, "run", refused)
    assert run_one(read_sweep(config, tmp_path / "out")[0]) == "could not be started: Argument list too long"


def test_a_refused_name_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory; expected a sweep"):
        read_sweep(tmp_path, tmp_path / "out")
