"""Many searches from one file: every method on every network with every seed, locally or on Ray.

The file is TOML: a table `search` with options that all runs share (as `compress search` names them, underscores for
hyphens), a table `grid` with lists of values, and optionally tables `models.NAME` with options of one network (its
data and weights) and `methods.NAME` with options of one method (its episodes). A finished run is not repeated and an
unfinished one continues, so that a sweep itself can be resumed.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.images.dataset import data_name
from compress.models.registry import model_entry
from compress.runs.plan import plan
from compress.runs.settings import own_options, settings_of
from compress.searching.run_folder import RESULT_FILE, RUN_FILE
from compress.searching.setup import check_spec
from compress.searching.spec import SearchSpec, code_options
from hwsim.errors import InputError, RunError, unknown_name
from hwsim.errors import shown as shown_value
from hwsim.files.paths import exists
from hwsim.files.reading import read_toml
from hwsim.files.spec import is_code

_TABLES = ("search", "grid", "models", "methods")
_GRID_FOLDERS = ("model", "method", "seed")


@dataclass(frozen=True)
class SweepRun:
    """One search of a sweep and its folder."""

    folder: Path
    spec: SearchSpec


def read_sweep(path: Path, out: Path, trusted: Collection[str] = ()) -> list[SweepRun]:
    """Return the searches that a sweep's file asks for.

    `trusted`: code (MODULE:NAME) that the file may name because the command line does. Raises InputError naming the
    entry that is wrong.
    """
    content = read_toml(path, "a sweep")
    for name, table in content.items():
        if name not in _TABLES:
            raise InputError(f"'{path}': {unknown_name('table', name, _TABLES)}")
        _check_table(table, f"'{path}', table {name}")
    shared = _settings(content.get("search", {}), f"'{path}', table search", trusted)
    grid = content.get("grid", {})
    _check_grid(grid, f"'{path}', table grid")
    special = {
        kind: {
            name: _settings(entries, f"'{path}', table {kind}.{name}", trusted)
            for name, entries in content.get(kind, {}).items()
        }
        for kind in ("models", "methods")
    }
    runs: dict[Path, SweepRun] = {}
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        run = _run(path, out, shared, _settings(point, f"'{path}', table grid", trusted), special)
        exists(run.folder)  # a name too long for the file system is refused
        if run.folder in runs:
            raise InputError(f"'{path}', {point}: two searches share the folder '{run.folder}'; change one value")
        runs[run.folder] = run
    return list(runs.values())


def _check_table(table: Any, source: str) -> None:
    if not isinstance(table, dict):
        raise InputError(f"{source} is {shown_value(table)}, must be a table of settings")


def _check_grid(grid: Mapping[str, Any], source: str) -> None:
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{source}: {name} is {shown_value(values)}, must be a list of at least one value")
        twice = [value for index, value in enumerate(values) if value in values[:index]]
        if twice:
            raise InputError(f"{source}: {name} holds {shown_value(twice[0])} twice; leave one out")


def _settings(table: Any, source: str, trusted: Collection[str]) -> dict[str, Any]:
    """Return the settings of a table, refused by its name where it or its options of a method are no table."""
    _check_table(table, source)
    for name in ("method_options", "method-options"):
        _check_table(table.get(name, {}), f"{source}.{name}")
    return settings_of(table, source, trusted)


def _check_named(spec: SearchSpec) -> None:
    """Raise InputError for what no search of this spec could begin with; neither weights nor images are read."""
    plan(spec)
    check_spec(spec)
    data_name(spec.needed("data"))
    spec.pricer()
    if not is_code(spec.model):
        model_entry(spec.needed("model"))


def _run(
    path: Path,
    out: Path,
    shared: Mapping[str, Any],
    point: Mapping[str, Any],
    special: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> SweepRun:
    model, method = (str(point.get(name, shared.get(name, ""))) for name in ("model", "method"))
    layers = [shared, special["models"].get(model, {}), special["methods"].get(method, {}), point]
    settings: dict[str, Any] = {}
    for layer in layers:
        settings.update({name: value for name, value in layer.items() if name != "method_options"})
    settings["method_options"] = {
        name: value for layer in layers for name, value in layer.get("method_options", {}).items()
    }
    for name in ("model", "data"):
        if name not in settings:
            raise InputError(f"'{path}': no {name} is named for {dict(point)}; add it to search, grid or models.NAME")
    try:
        spec = SearchSpec.of(own_options(settings, str(settings.get("method", "composite"))))
        _check_named(spec)
    except InputError as error:
        raise InputError(f"'{path}', {dict(point)}: {error}") from None
    return SweepRun(out / _folder_name(settings, point), spec)


def _folder_name(settings: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    named = [str(settings.get(name, "default")) for name in _GRID_FOLDERS]
    flat = {**{name: value for name, value in point.items() if name != "method_options"}}
    flat.update(point.get("method_options", {}))
    others = [f"{name}-{value}" for name, value in flat.items() if name not in _GRID_FOLDERS]
    return "_".join([named[0], named[1], *others, f"seed{named[2]}"]).replace("/", "-").replace(":", "-")


def command_of(run: SweepRun, extra: Iterable[str] = ()) -> list[str]:
    """Return the command line that starts a run, or continues it where it was begun."""
    base = [sys.executable, "-m", "compress", "search", "--out", str(run.folder), "--quiet", *extra]
    if (run.folder / RUN_FILE).exists():
        return [*base, "--resume", *code_options(run.spec)]
    defaults = SearchSpec(model=run.spec.model, data=run.spec.data).as_json()
    for name, value in run.spec.as_json().items():
        if name == "method_options":
            base += [part for key, one in value.items() for part in ("--method-option", f"{key}={one}")]
        elif value != defaults[name] or name in ("model", "data"):
            base += [SearchSpec.option(name), ",".join(value) if isinstance(value, list) else str(value)]
    return base


Report = Callable[[SweepRun, str | None], None]
"""Called after each run with None, or the line that says why it failed."""


def run_local(runs: list[SweepRun], jobs: int, report: Report) -> int:
    """Run searches as processes of their own, `jobs` at a time; return how many failed."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    failed = 0
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run_one, run, jobs): run for run in runs}
        for done in as_completed(waiting):
            problem = done.result()
            failed += problem is not None
            report(waiting[done], problem)
    return failed


def run_one(run: SweepRun, jobs: int = 1) -> str | None:
    """Run one search to its end; return None or the line that says why it failed."""
    if (run.folder / RESULT_FILE).exists():
        return None
    extra = ("--threads", "1") if jobs > 1 else ()
    try:
        result = subprocess.run(command_of(run, extra), capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:  # a command line that is too long, no memory for a process
        return f"could not be started: {error.strerror}"
    if result.returncode == 0:
        return None if (run.folder / RESULT_FILE).exists() else f"ended without {RESULT_FILE}"
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"ended with code {result.returncode}"


def run_on_ray(runs: list[SweepRun], report: Report) -> int:
    """Run searches as tasks on a Ray cluster whose nodes share the output folder; return how many failed."""
    try:
        import ray
    except ImportError:
        raise InputError("--backend ray needs the package ray: pip install 'tilejoule[ray]'") from None
    try:
        ray.init(ignore_reinit_error=True, log_to_driver=False)
    except Exception as error:  # ray raises many types where no cluster answers
        raise RunError(f"--backend ray: no cluster could be reached or started ({error})") from None
    remote = ray.remote(num_cpus=1)(run_one)
    waiting = {remote.remote(run, 2): run for run in runs}
    failed = 0
    while waiting:
        done, _ = ray.wait(list(waiting), num_returns=1)
        problem = ray.get(done[0])
        failed += problem is not None
        report(waiting.pop(done[0]), problem)
    return failed
