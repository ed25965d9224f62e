"""What a finished search leaves: result.json, policy.json, episodes.csv and the archive of non-dominated policies."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from compress.policy import Policy
from compress.search.archive import candidate_from, candidate_state
from compress.search.problem import Candidate, Measurement
from compress.search.spec import SearchSpec
from hwsim.errors import InputError, RunError
from hwsim.files.reading import read_json
from hwsim.files.writing import write_json, write_text

RESULT_FILE = "result.json"
POLICY_FILE = "policy.json"
EPISODES_FILE = "episodes.csv"
ARCHIVE_FILE = "archive.json"
_VERSIONED = ("tilejoule", "torch", "numpy", "gymnasium", "pymoo")


@dataclass(frozen=True)
class TestFigures:
    """The dense 8-bit network and the chosen policy on the test set, measured once, after the search."""

    __test__ = False  # not a test class, whatever its name suggests to a test runner

    baseline: Measurement
    best: Measurement

    @property
    def loss_pct(self) -> float:
        """Points of test accuracy that the policy loses."""
        return self.baseline.accuracy_pct - self.best.accuracy_pct

    @property
    def energy_reduction_pct(self) -> float:
        """Energy that the policy saves."""
        return 100.0 * (1.0 - self.best.energy_pj / self.baseline.energy_pj)

    @property
    def latency_reduction_pct(self) -> float:
        """Time that the policy saves."""
        return 100.0 * (1.0 - self.best.latency_ms / self.baseline.latency_ms)


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a result."""
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a checkout
            found[name] = "not installed"
    return found


_RECORDED = (
    "model",
    "data",
    "weights",
    "method",
    "seed",
    "accelerator",
    "mac_table",
    "costs",
    "energy",
    "metric",
    "activation_scales",
    "activation_clipping",
)


def final_policy(spec: SearchSpec, policy: Policy, trained_weights: str | None = None) -> Policy:
    """Return the chosen policy as it is written: its metadata is what decides it (paths as given), and no clock.

    `trained_weights` names the file beside it that holds the weights it is for, where the method trained them.
    """
    told = {name: getattr(spec, name) for name in _RECORDED if getattr(spec, name) is not None}
    if spec.arithmetic == "bf16":  # the others give the same figures
        told["arithmetic"] = spec.arithmetic
    if trained_weights is not None:
        told["trained_weights"] = trained_weights
    return Policy(policy.layers, told)


def best_content(figures: TestFigures, policy: Policy) -> dict[str, Any]:
    """Return the `best` part of result.json."""
    return {
        "accuracy_pct": figures.best.accuracy_pct,
        "accuracy_loss_pct": figures.loss_pct,
        "energy_pj": figures.best.energy_pj,
        "energy_reduction_pct": figures.energy_reduction_pct,
        "latency_ms": figures.best.latency_ms,
        "latency_reduction_pct": figures.latency_reduction_pct,
        "policy": policy.as_json()["layers"],
    }


def baseline_content(figures: TestFigures) -> dict[str, Any]:
    """Return the `baseline` part of result.json: the dense network at 8 bits."""
    baseline = figures.baseline
    return {
        "accuracy_pct": baseline.accuracy_pct,
        "energy_pj": baseline.energy_pj,
        "latency_ms": baseline.latency_ms,
    }


def episodes_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return episodes.csv: one row an episode, a column left empty where a phase has no such figure."""
    columns: list[str] = []
    for row in rows:
        columns += [name for name in row if name not in columns]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return stream.getvalue()


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def archive_content(names: Sequence[str], front: Sequence[Candidate]) -> dict[str, Any]:
    """Return archive.json: the non-dominated policies, measured on the validation images."""
    return {"schema": 1, "layers": list(names), "front": [candidate_state(candidate) for candidate in front]}


def read_archive(folder: Path, names: Sequence[str]) -> list[Candidate]:
    """Return the candidates of a finished run's archive; raises InputError where it is of another network."""
    content = read_json(folder / ARCHIVE_FILE, "the archive.json of a finished search")
    try:
        if list(content["layers"]) != list(names):
            raise InputError(
                f"--warm-start '{folder}' searched a network with other layers; name a run of the same network"
            )
        return [candidate_from(entry) for entry in content["front"]]
    except (KeyError, TypeError):
        raise InputError(f"'{folder / ARCHIVE_FILE}' is not the archive of a search") from None


def read_result(folder: Path) -> dict[str, Any]:
    """Return a finished run's result.json; raises InputError where the run is unfinished or the folder holds none."""
    path = folder / RESULT_FILE
    if not path.exists():
        state = "an unfinished search; continue it with --resume" if (folder / "run.json").exists() else "no search"
        raise InputError(f"'{folder}' holds {state}")
    content = read_json(path, "the result.json of a search")
    if not isinstance(content, dict) or "best" not in content or "baseline" not in content:
        raise InputError(f"'{path}' is not the result.json of a search")
    return content


def write_outcome(folder: Path, contents: Mapping[str, Any]) -> None:
    """Write a run's files by name, each whole or not at all; result.json last, because it marks the run as finished.

    Raises RunError where the disk is full.
    """
    order = sorted(contents, key=lambda name: name == RESULT_FILE)
    try:
        for name in order:
            if isinstance(contents[name], str):
                write_text(folder / name, contents[name])
            else:
                write_json(folder / name, contents[name])
    except InputError as error:
        raise RunError(f"{error}; the search is done, write its results with --resume") from None


def read_episodes(folder: Path) -> list[dict[str, str]]:
    """Return the rows of episodes.csv as text."""
    try:
        return list(csv.DictReader(io.StringIO((folder / EPISODES_FILE).read_text())))
    except OSError as error:
        raise InputError(f"cannot read '{folder / EPISODES_FILE}': {error.strerror}") from None


def plain(content: Any) -> Any:
    """Return content as JSON would read it back (tuples as lists), so that equal results compare equal."""
    return json.loads(json.dumps(content))
