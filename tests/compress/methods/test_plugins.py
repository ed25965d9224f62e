"""A search method of somebody's own: on the command line, resumed, compared, refused in one line where it is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compress.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HALVING = ["--method", "example_method:Halving"]
DIGITS = ["--model", "digits-cnn", "--data", "digits", "--threads", "1"]


@pytest.fixture(autouse=True)
def in_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(EXAMPLES)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("halving") / "run"
    command = [sys.executable, "-m", "compress", "search", *HALVING, *DIGITS, "--episodes", "4", "--out", str(out)]
    subprocess.run(command, cwd=EXAMPLES, check=True, capture_output=True)
    return out


def test_a_method_of_fifteen_lines_searches_and_is_compared(whole: Path, tmp_path: Path) -> None:
    result = json.loads((whole / "result.json").read_text())
    assert result["method"] == "example_method:Halving"
    assert result["evaluations"] == 4 * 7
    assert result["best"]["energy_reduction_pct"] > 15.0
    assert "example_method:Halving" in (whole / "report.html").read_text()
    other = tmp_path / "other"
    assert run("search", *DIGITS, "--method", "random", "--episodes", "1", "--out", str(other)).exit_code == 0
    table = run("compare", str(whole), str(other), "--plot", str(tmp_path / "f.svg"), "--json", "-")
    assert table.exit_code == 0, table.output
    methods = {entry["method"]: entry for entry in json.loads(table.stdout)["methods"]}
    assert methods["example_method:Halving"]["saved_pct"] == result["best"]["energy_reduction_pct"]
    assert "Halving" in table.stderr


def test_it_resumes_to_the_same_bytes_when_its_code_is_named_again(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    program = (
        "import sys, compress.searching.loop as loop\n"
        "saved = loop.save_checkpoint\n"
        "def once(folder, content):\n"
        "    saved(folder, content)\n"
        "    if content['progress']['episode'] == 2: sys.exit(9)\n"
        "loop.save_checkpoint = once\n"
        "from compress.cli import main\n"
        "main()"
    )
    command = [sys.executable, "-c", program, "search", *HALVING, *DIGITS, "--episodes", "4", "--out", str(out)]
    assert subprocess.run(command, cwd=EXAMPLES, check=False, capture_output=True).returncode == 9
    said = refused("search", "--resume", "--out", str(out))
    assert "no file is trusted to name code; give --method example_method:Halving again" in said
    assert run("search", "--resume", "--out", str(out), *HALVING).exit_code == 0
    for name in ("policy.json", "archive.json", "episodes.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("nowhere:Method", "No module named 'nowhere'; write MODULE:CLASS"),
        ("example_method:Halvign", "has no 'Halvign', did you mean Halving?"),
        ("example_method:LayerPolicy", "has no method ask"),
        ("os.path:join", "is a function, must be a class"),
        ("halving", "unknown method 'halving'"),
        ("faulty:Half", "has no method load_state_dict; to resume it needs both"),
        ("faulty:Greedy", "asks for 'model' when it is made; there are problem, task, budget, options, seed"),
        ("faulty:Broken", "ZeroDivisionError"),
    ],
)
def test_a_wrong_method_is_one_line(method: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faulty.py").write_text(
        "class Half:\n    def ask(self): ...\n    def tell(self, *told): ...\n    def state_dict(self): ...\n"
        "class Greedy:\n    def __init__(self, model): ...\n    def ask(self): ...\n    def tell(self, *told): ...\n"
        "class Broken:\n    def __init__(self): 1 / 0\n    def ask(self): ...\n    def tell(self, *told): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "run"
    assert said in refused("search", *DIGITS, "--method", method, "--out", str(out))
    assert not out.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 3", "ask returned int, must return a compress.Policy of layers by name, or None"),
        ("return compress.Policy({'conv9': compress.LayerPolicy()})", "unknown layer in the policy 'conv9'"),
        ("raise KeyError('layer')", "ask failed with KeyError: 'layer'"),
        ("return None", "measured no policy"),
        ("raise SystemExit(0)", "ask failed with SystemExit: 0"),
        ("return compress.Policy({'conv1': 5})", "ask returned a Policy with 'conv1': int"),
    ],
)
def test_a_method_that_fails_on_the_way_is_one_line(
    body: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"failing{abs(hash(body)) % 10**6}"
    (tmp_path / f"{name}.py").write_text(
        f"import compress\nclass Method:\n    def ask(self): {body}\n    def tell(self, policy, measured): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    arguments = ["search", *DIGITS, "--method", f"{name}:Method", "--episodes", "1", "--out", str(tmp_path / "run")]
    result = run(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_options_belong_to_their_method(tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    assert "--joint-cost is an option of the method joint, and --method is random" in refused(
        "search", *DIGITS, "--method", "random", "--joint-cost", "size", "--out", out
    )
    assert "has no options" in refused("search", *DIGITS, *HALVING, "--method-option", "pace=2", "--out", out)
    assert "write NAME=VALUE" in refused("search", *DIGITS, "--method-option", "pace", "--out", out)


def test_a_methods_own_options_are_checked_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "paced.py").write_text(
        "import compress\n"
        "from hwsim.files.spec import Spec, setting\n"
        "class Paced:\n"
        "    '''Lowers all bits at a pace.'''\n"
        "    class Options(Spec):\n"
        "        pace: int = setting(1, 'Bits a step.', ge=1)\n"
        "    def __init__(self, problem, options): self.names, self.bits, self.pace = problem.names, 8, options.pace\n"
        "    def ask(self):\n"
        "        self.bits -= self.pace\n"
        "        layer = compress.LayerPolicy(bits=self.bits) if self.bits >= 4 else None\n"
        "        return layer and compress.uniform_policy(self.names, layer)\n"
        "    def tell(self, policy, measured): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    base = ["search", *DIGITS, "--method", "paced:Paced", "--episodes", "1"]
    assert "--pace is '0': input should be greater than or equal to 1" in refused(
        *base, "--method-option", "pace=0", "--out", str(tmp_path / "a")
    )
    out = tmp_path / "b"
    assert run(*base, "--method-option", "pace=2", "--out", str(out)).exit_code == 0
    result = json.loads((out / "result.json").read_text())
    assert result["evaluations"] == 2  # 6 and 4 bits, then nothing is left to ask for
    assert result["hyperparameters"]["paced:Paced"] == {"pace": 2}
    assert json.loads((out / "run.json").read_text())["search"]["method_options"] == {"pace": "2"}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("{'n': __import__('numpy').float64(1)}", "state_dict()['n'] is a float64"),
        ("{'f': lambda: 0}", "state_dict()['f'] is a function"),
        ("{1.5: 0}", "state_dict() has the key 1.5, a float"),
        ("1 / 0", "state_dict failed with ZeroDivisionError"),
    ],
)
def test_a_state_that_no_checkpoint_gives_back_is_refused_when_it_is_saved(
    state: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"kept{abs(hash(state)) % 10**6}"
    (tmp_path / f"{name}.py").write_text(
        "import compress\nclass Method:\n    def __init__(self, problem): self.names = problem.names\n"
        "    def ask(self): return compress.uniform_policy(self.names, compress.LayerPolicy(bits=7))\n"
        "    def tell(self, *told): ...\n    def load_state_dict(self, state): ...\n"
        f"    def state_dict(self): return {state}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = run("search", *DIGITS, "--method", f"{name}:Method", "--episodes", "1", "--out", str(tmp_path / "run"))
    assert result.exit_code == 1
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_a_method_without_a_state_says_so_at_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stateless.py").write_text(
        "import compress\nclass Method:\n    def __init__(self, problem): self.names = problem.names\n"
        "    def ask(self): return compress.uniform_policy(self.names, compress.LayerPolicy(bits=7))\n"
        "    def tell(self, *told): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    out = tmp_path / "run"
    method = ["--method", "stateless:Method"]
    assert run("search", *DIGITS, *method, "--episodes", "1", "--out", str(out)).exit_code == 0
    (out / "result.json").unlink()
    assert "has no state_dict and load_state_dict" in refused("search", "--resume", "--out", str(out), *method)
