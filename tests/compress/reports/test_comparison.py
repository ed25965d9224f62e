import json
import math
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from compress.cli import main
from compress.methods.registry import BUILT_IN
from compress.reports.comparison import plot_fronts, spreads
from compress.runs.sweep import SweepRun, command_of, read_sweep
from compress.searching.search_result import read_search
from compress.searching.spec import SearchSpec
from hwsim.errors import InputError
from tests.reference.finished_search import finished_search


def test_compare_prints_a_table_and_draws_the_front(tmp_path: Path) -> None:
    runs = [finished_search(tmp_path / f"r{i}", method, i, 30.0 + i) for i, method in enumerate(["amc", "amc", "haq"])]
    plot, table = tmp_path / "f.svg", tmp_path / "c.json"
    result = CliRunner().invoke(main, ["compare", *map(str, runs), "--plot", str(plot), "--json", str(table)])
    assert result.exit_code == 0, result.output
    assert "amc" in result.output and "haq" in result.output
    assert "<svg" in plot.read_text()
    methods = json.loads(table.read_text())["methods"]
    assert [(entry["method"], entry["runs"], entry["saved_pct"]) for entry in methods] == [
        ("amc", 2, 30.5),
        ("haq", 1, 32.0),
    ]


def test_a_run_is_not_compared_with_itself(tmp_path: Path) -> None:
    run = finished_search(tmp_path / "r", "amc", 0, 30.0)
    plot = tmp_path / "f.svg"
    for other in (run, tmp_path / "." / "r"):
        result = CliRunner().invoke(main, ["compare", str(run), str(other), "--plot", str(plot)])
        assert (result.exit_code, "name each run once" in result.stderr) == (2, True)
    assert not plot.exists()


def test_a_name_in_a_result_leads_out_of_no_folder(tmp_path: Path) -> None:
    run = finished_search(tmp_path / "r", "composite", 0, 30.0, model="../../outside")
    arguments = ["compare", str(run), "--plot", str(tmp_path / "f.svg"), "--figures", str(tmp_path / "a" / "figures")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert (tmp_path / "a" / "figures" / "policy_..-..-outside.svg").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "f.svg", "r"]


def test_many_runs_of_several_networks_leave_room_for_the_fronts(tmp_path: Path) -> None:
    """One entry a run in the legend had squeezed the axes out of the figure."""
    runs = [
        read_search(finished_search(tmp_path / f"{model}_{method}_{seed}", method, seed, 40.0 + seed, model=model))
        for model in ("resnet18", "resnet20", "vgg11")
        for method in BUILT_IN
        for seed in range(3)
    ]
    plot = tmp_path / "f.svg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_fronts(runs, plot)
    drawn = plot.read_text()
    assert drawn.count('id="axes_') == 3  # a panel a network
    assert drawn.count('id="legend_') == 1


def test_the_interval_is_students(tmp_path: Path) -> None:
    runs = [finished_search(tmp_path / str(i), "amc", i, saved) for i, saved in enumerate([10.0, 12.0, 14.0])]
    entry = spreads([read_search(run) for run in runs])[0]
    assert entry.saved_pct == 12.0
    assert entry.saved_interval_pct == pytest.approx(4.302653 * 2.0 / math.sqrt(3), rel=1e-5)
    assert entry.within_budget == 3


def test_a_loss_beyond_the_budget_on_the_test_set_is_not_called_within(tmp_path: Path) -> None:
    run = read_search(finished_search(tmp_path / "r", "amc", 0, 50.0, lost=2.5))
    assert spreads([run])[0].within_budget == 0


def test_compare_refuses_what_is_no_finished_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["compare", str(tmp_path)])
    assert result.exit_code == 2 and "no search" in result.stderr


SWEEP = """
[search]
episodes = 2
refine = 0
[grid]
model = ["digits-cnn"]
method = ["uniform", "random"]
seed = [0, 1]
[models.digits-cnn]
data = "digits"
"""


def test_a_sweep_is_the_product_of_its_grid(tmp_path: Path) -> None:
    config = tmp_path / "sweep.toml"
    config.write_text(SWEEP)
    runs = read_sweep(config, tmp_path / "out")
    assert [run.folder.name for run in runs] == [
        f"digits-cnn_{method}_seed{seed}" for method in ("uniform", "random") for seed in (0, 1)
    ]
    assert all(run.spec.data == "digits" and run.spec.episodes == 2 and run.spec.refine == 0 for run in runs)
    command = command_of(runs[3])
    assert command[command.index("--method") + 1] == "random" and command[command.index("--seed") + 1] == "1"
    assert command[command.index("--refine") + 1] == "0" and "--metric" not in command


def test_a_method_has_options_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "sweep.toml"
    config.write_text(
        "[search]\ndata = 'digits'\nmodel = 'digits-cnn'\nepisodes = 40\n"
        "[grid]\nmethod = ['amc', 'random']\n[methods.amc]\nepisodes = 300\n"
    )
    runs = read_sweep(config, tmp_path / "out")
    assert {run.spec.method: run.spec.episodes for run in runs} == {"amc": 300, "random": 40}


def test_a_begun_run_of_a_sweep_continues(tmp_path: Path) -> None:
    run = SweepRun(tmp_path, SearchSpec(model="digits-cnn", data="digits"))
    (tmp_path / "run.json").write_text("{}")
    assert command_of(run)[-1] == "--resume"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (("episodes = 2", "episode = 2"), "did you mean episodes"),
        (("[grid]", "[gird]"), "did you mean grid"),
        (("seed = [0, 1]", "seed = 0"), "must be a list"),
        (('"uniform"', '"uniforn"'), "did you mean uniform"),
        (('data = "digits"', ""), "no data"),
        (("[search]", "[search"), "not TOML"),
    ],
)
def test_a_wrong_sweep_is_one_line(tmp_path: Path, edit: tuple[str, str], says: str) -> None:
    config = tmp_path / "sweep.toml"
    config.write_text(SWEEP.replace(*edit))
    with pytest.raises(InputError, match=says) as caught:
        read_sweep(config, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_sweep_on_ray_gives_what_a_local_one_gives(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    config = tmp_path / "s.toml"
    config.write_text(
        '[search]\nmodel = "digits-cnn"\ndata = "digits"\nepisodes = 1\nsubset = 0.2\n'
        '[grid]\nmethod = ["random", "uniform"]\n'
    )
    found = {}
    for backend in ("local", "ray"):
        out = tmp_path / backend
        result = CliRunner().invoke(main, ["sweep", str(config), "--out", str(out), "--backend", backend])
        assert result.exit_code == 0, result.output
        found[backend] = [file.read_bytes() for file in sorted(out.glob("*/policy.json"))]
    assert len(found["ray"]) == 2
    assert found["ray"] == found["local"]


def test_ray_is_optional_and_says_so(tmp_path: Path) -> None:
    pytest.importorskip("compress.runs.sweep")
    try:
        import ray  # noqa: F401
    except ImportError:
        config = tmp_path / "sweep.toml"
        config.write_text(SWEEP)
        result = CliRunner().invoke(main, ["sweep", str(config), "--out", str(tmp_path / "o"), "--backend", "ray"])
        assert result.exit_code == 2 and "tilejoule[ray]" in result.stderr
    else:
        pytest.skip("ray is installed here")


@pytest.mark.slow
def test_a_sweep_runs_and_is_not_repeated(tmp_path: Path) -> None:
    config = tmp_path / "sweep.toml"
    config.write_text(SWEEP)
    out = tmp_path / "out"
    first = CliRunner().invoke(main, ["sweep", str(config), "--out", str(out), "--jobs", "2"])
    assert first.exit_code == 0, first.output
    assert (out / "fronts.png").exists()
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}
    assert len(stamps) == 4
    assert CliRunner().invoke(main, ["sweep", str(config), "--out", str(out)]).exit_code == 0
    assert stamps == {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}


def test_compare_draws_the_papers_figures(tmp_path: Path) -> None:
    runs = []
    for index, method in enumerate(["composite", "nsga2", "opq"]):
        seconds = 2.0 * (index + 1)
        runs.append(finished_search(tmp_path / f"r{index}", method, 0, 30.0 + index, episode_s=seconds))
    figures = tmp_path / "figures"
    arguments = ["compare", *map(str, runs), "--plot", str(tmp_path / "f.svg"), "--figures", str(figures)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    drawn = {path.name for path in figures.iterdir()}
    assert drawn == {"methods.svg", "policy_m.svg", "nsga2_m.svg", "summary.csv", "iterations.csv"}
    iterations = (figures / "iterations.csv").read_text().splitlines()
    assert iterations[1:] == [
        "m,composite,2.000,1.00,5.61,500,5.0",
        "m,nsga2,4.000,2.00,,500,5.0",
        "m,opq,6.000,3.00,1.0,500,5.0",
    ]
    summary = (figures / "summary.csv").read_text().splitlines()
    assert summary[1] == "m,composite,1,30.00,0.00,1.00,0.00,1,53.23,0.93"
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 2 and str(figures) in refused.stderr
