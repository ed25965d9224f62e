"""`import compress`: what the commands do, called from Python, with the same figures."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import compress
from compress.cli import main
from compress.models.digits import DigitsCNN

SETTINGS: dict[str, Any] = {"method": "random", "episodes": 2, "seed": 1, "subset": 0.3}


@pytest.fixture(scope="module")
def problem() -> compress.Problem:
    return compress.load("digits-cnn", data="digits", seed=1)


@pytest.fixture(scope="module")
def found(problem: compress.Problem, tmp_path_factory: pytest.TempPathFactory) -> compress.SearchResult:
    return compress.search(problem, out=tmp_path_factory.mktemp("api") / "run", **SETTINGS)


def test_a_problem_says_what_it_is(problem: compress.Problem) -> None:
    assert isinstance(problem.network, torch.nn.Module)
    assert problem.float_accuracy_pct > 97.0
    assert repr(problem).startswith("Problem(digits-cnn on digits: 7 layers, 9")
    again = pickle.loads(pickle.dumps(problem))
    assert again.names == problem.names
    assert again.float_accuracy_pct == problem.float_accuracy_pct


def test_a_search_gives_what_the_command_writes(found: compress.SearchResult, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    result = CliRunner().invoke(
        main, ["search", "--model", "digits-cnn", "--data", "digits", "--out", str(out), *options]
    )
    assert result.exit_code == 0, result.output
    assert found.folder is not None
    for name in ("policy.json", "archive.json", "episodes.csv"):
        assert (out / name).read_bytes() == (found.folder / name).read_bytes()


def test_results_are_typed_and_show_themselves(found: compress.SearchResult, tmp_path: Path) -> None:
    assert repr(found).count("\n") == 0 and "saves" in repr(found)
    assert "<table" in found._repr_html_()
    frame = found.to_frame()
    assert len(frame) == len(found.front)
    assert frame["loss_pct"].is_monotonic_increasing
    text = found.to_json(tmp_path / "r.json")
    assert json.loads(text) == json.loads((tmp_path / "r.json").read_text())
    policy = found.best.policy
    assert isinstance(policy, compress.Policy) and repr(policy).startswith("Policy(7 layers")
    assert "<table" in policy._repr_html_() and list(policy.to_frame()["layer"]) == list(policy.layers)
    assert found.policy(found.front[0]).layers.keys() == policy.layers.keys()


def test_without_a_folder_nothing_is_kept(problem: compress.Problem, found: compress.SearchResult) -> None:
    again = compress.search(problem, **SETTINGS)
    assert again.folder is None
    assert again.best == found.best


def test_evaluate_export_and_compressed_agree(
    problem: compress.Problem, found: compress.SearchResult, tmp_path: Path
) -> None:
    assert found.folder is not None
    policy = found.best.policy
    assert policy == compress.read_policy(found.folder / "policy.json")
    evaluation = compress.evaluate(policy, problem)
    assert evaluation.compressed.energy_pj == found.best.energy_pj
    assert evaluation.compressed.accuracy_pct == found.best.accuracy_pct
    assert evaluation.saved_pct == found.best.energy_reduction_pct
    report = compress.export(policy, problem, tmp_path / "small.onnx")
    assert report.simulated_accuracy_pct == pytest.approx(found.best.accuracy_pct, abs=0.6)
    small = compress.compressed(policy, problem)
    reloaded = compress.load_recipe(tmp_path / "small.recipe.json")
    images = problem.dataset.test.images[:50]
    assert torch.equal(small(images), reloaded(images))
    before = sum(parameter.numel() for parameter in problem.network.parameters())
    assert sum(parameter.numel() for parameter in small.parameters()) < before


def test_a_policy_of_trained_weights_is_not_measured_on_others(problem: compress.Problem) -> None:
    policy = compress.Policy({}, {"trained_weights": "weights.safetensors"})
    with pytest.raises(compress.InputError, match="holds for weights that its method trained"):
        compress.evaluate(policy, problem)


def test_a_module_of_ones_own_stays_as_it_was() -> None:
    network = DigitsCNN(10)
    network.train()
    problem = compress.load(network, data="digits")
    assert network.training and all(parameter.requires_grad for parameter in network.parameters())
    assert problem.model == "DigitsCNN" and not problem.network.training


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metod": "random"}, "unknown setting 'metod': did you mean method"),
        ({"method": "randon"}, "did you mean random"),
        ({"max_loss": -1}, "--max-loss is -1"),
        ({"metric": "power"}, "--metric: unknown value 'power'"),
        ({"pruners": ("levle",)}, "did you mean level"),
    ],
)
def test_wrong_settings_are_refused_by_name(problem: compress.Problem, settings: dict[str, object], said: str) -> None:
    with pytest.raises(compress.InputError, match=said):
        compress.search(problem, **settings)  # type: ignore[arg-type]


def _episode(env: gymnasium.Env[np.ndarray, np.ndarray]) -> list[float]:
    rng, paid = np.random.default_rng(0), []
    env.reset(seed=0)
    done = False
    while not done:
        _, reward, done, _, _ = env.step(rng.random(3).astype(np.float32))
        paid.append(float(reward))
    return paid


def test_the_environment_is_gymnasiums_by_name_and_survives_a_pickle(problem: compress.Problem) -> None:
    env = gymnasium.make("tilejoule/Compression-v0", problem=problem, subset=0.2)
    paid = _episode(env)
    assert len(paid) == 7
    assert _episode(pickle.loads(pickle.dumps(compress.make_env(problem, subset=0.2)))) == paid


def test_vectorised_environments_work(problem: compress.Problem) -> None:
    envs = gymnasium.make_vec(
        "tilejoule/Compression-v0", num_envs=2, vectorization_mode="sync", problem=problem, subset=0.2
    )
    states, _ = envs.reset(seed=0)
    assert states.shape == (2, 14)
    _, rewards, *_ = envs.step(np.full((2, 3), 0.5, np.float32))
    assert rewards[0] == rewards[1]
    envs.close()


@pytest.mark.slow
def test_vectorised_environments_work_in_processes_of_their_own(problem: compress.Problem) -> None:
    envs = gymnasium.make_vec(
        "tilejoule/Compression-v0", num_envs=2, vectorization_mode="async",
        vector_kwargs={"context": "spawn"}, problem=problem, subset=0.2,
    )  # fmt: skip
    states, _ = envs.reset(seed=0)
    assert states.shape == (2, 14)
    envs.close()


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import compress", ["torch", "gymnasium", "numba", "pandas", "scipy", "matplotlib"]),
        ("import compress.cli; compress.cli.main(['--help'], standalone_mode=False)", ["torch", "gymnasium", "pandas"]),
        ("import compress.cli; compress.cli.main(['search', '--help'], standalone_mode=False)", ["torch", "pandas"]),
        ("import compress.cli; compress.cli.main(['evaluate', '--help'], standalone_mode=False)", ["torch", "pandas"]),
    ],
)
def test_starting_is_cheap(program: str, absent: list[str]) -> None:
    check = (
        f"import sys\ntry:\n    {program}\nexcept SystemExit: pass\nprint([m for m in {absent} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_environment_is_known_whichever_is_imported_first() -> None:
    for first, second in (("compress", "gymnasium"), ("gymnasium", "compress")):
        program = (
            f"import {first}, {second}\ncompress.make_env\nprint('tilejoule/Compression-v0' in gymnasium.registry)"
        )
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "True"


@pytest.mark.parametrize("round_to", [0, -1])
def test_channels_are_rounded_to_a_whole_number(problem: compress.Problem, tmp_path: Path, round_to: int) -> None:
    said = f"--round-to is {round_to}, must be a whole number from 1"
    with pytest.raises(compress.InputError, match=said):
        compress.compressed(compress.Policy({}), problem, round_to=round_to)
    with pytest.raises(compress.InputError, match=said):
        compress.export(compress.Policy({}), problem, tmp_path / "m.onnx", round_to=round_to)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pruner", [5, ["level"], None, {}, b"level", np.ones((2, 2))])
def test_a_pruner_is_named_by_a_string(pruner: Any) -> None:
    with pytest.raises(compress.InputError, match=r"^pruner is .*, must be a pruner's name") as caught:
        compress.LayerPolicy(pruner=pruner)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("field", "value"), [("pruner", 5), ("pruner", 0), ("pruner", []), ("ran", 5)])
def test_a_policy_file_with_something_else_is_refused(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"layers": {"conv1": {field: value}}}))
    with pytest.raises(compress.InputError, match=f"layer 'conv1': {field} is {re.escape(repr(value))}, must be"):
        compress.read_policy(path)
    path.write_text(json.dumps({"layers": {"conv1": {field: None}}}))
    assert not compress.read_policy(path).layer("conv1").prunes
