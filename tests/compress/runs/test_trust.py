"""Files are data: whatever names code in them, in whatever spelling, is refused, and nothing of it is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from compress.cli import main
from compress.searching.run_folder import write_run
from compress.searching.spec import SearchSpec

NAMES = ["trap:net", "trap-2:net", "trap:", "trap:net.x", ".:net", "trap.sub:net"]


@pytest.fixture(autouse=True)
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trap.py", "trap-2.py"):
        (tmp_path / name).write_text("from pathlib import Path\nPath('SPRUNG').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert not Path("SPRUNG").exists()
    return result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_no_file_names_code(name: str) -> None:
    Path("policy.json").write_text(json.dumps({"model": name, "data": "digits", "layers": {}}))
    for command in (["evaluate"], ["export", "--out", "m.onnx"]):
        assert f"names code ('{name}')" in refused(*command, "--policy", "policy.json")
    Path("c.toml").write_text(f'model = "{name}"\ndata = "digits"\n')
    assert f"names code ('{name}')" in refused("search", "--config", "c.toml", "--out", "run")
    Path("s.toml").write_text(f'[search]\ndata = "digits"\n[grid]\nmodel = ["{name}"]\n')
    assert f"names code ('{name}')" in refused("sweep", "s.toml", "--out", "sweep")
    Path("begun").mkdir()
    write_run(Path("begun"), SearchSpec(model=name, data="digits"))
    assert "which is code" in refused("search", "--resume", "--out", "begun")
    assert not Path("run").exists() and not Path("sweep").exists()


@pytest.mark.parametrize("name", ["trap-2:net", "trap:", ".:net", "..a:net", "trap:net.x"])
def test_code_is_named_plainly_on_the_command_line_too(name: str) -> None:
    for option in ("--model", "--method", "--pruners"):
        options = {"--model": "digits-cnn", "--data": "digits", option: name}
        arguments = [part for pair in options.items() for part in pair]
        assert f"{option} '{name}' is no " in refused("search", *arguments, "--out", "run")


@pytest.mark.parametrize("body", ["raise SystemExit(0)", "raise RuntimeError('x\\ny')", "def net(: pass", "1 / 0"])
def test_a_module_that_fails_or_exits_is_one_line(body: str, tmp_path: Path) -> None:
    (tmp_path / "faulty_module.py").write_text(body + "\n")
    said = refused("search", "--model", "faulty_module:net", "--data", "digits", "--out", "run")
    assert "--model 'faulty_module:net'" in said
