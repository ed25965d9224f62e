"""What a finished search leaves: result.json, policy.json, episodes.csv and the archive of non-dominated policies."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from compress.oracle.measurement import Measurement
from compress.oracle.spec import TRAINED_WEIGHTS
from compress.policy import Policy, parse_policy
from compress.searching.problem import Candidate
from compress.searching.run_folder import RESULT_FILE, RUN_FILE
from compress.searching.spec import SearchSpec
from compress.vocabulary import EnergyMode, Metric
from hwsim.errors import InputError, RunError
from hwsim.files.document import Document
from hwsim.files.paths import exists
from hwsim.files.reading import read_text
from hwsim.files.writing import write_text

POLICY_FILE = "policy.json"
EPISODES_FILE = "episodes.csv"
ARCHIVE_FILE = "archive.json"
_DRAWN = ("episode", "reward", "best_gain_pct")
"""The columns of episodes.csv that the report draws."""
_VERSIONED = ("tilejoule", "torch", "numpy", "gymnasium", "pymoo")


class CandidateFigures(Measurement):
    """A policy on validation images: what it costs, loses and gains (in the search's metric)."""

    accuracy_loss_pct: float
    gain_pct: float

    @classmethod
    def of(cls, candidate: Candidate) -> CandidateFigures:
        """Return the figures of a candidate."""
        figures = dict(candidate.measurement.figures)
        return cls(**figures, accuracy_loss_pct=candidate.loss_pct, gain_pct=candidate.gain_pct)


class BestPolicy(Measurement):
    """The chosen policy on the test set, and what was done to each layer."""

    accuracy_loss_pct: float
    energy_reduction_pct: float
    latency_reduction_pct: float
    policy_layers: dict[str, dict[str, Any]] = Field(alias="policy")
    measured_with: dict[str, Any] = Field(
        default_factory=dict, description="The measurement that the policy was chosen by, as policy.json says it."
    )

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    @classmethod
    def of(cls, measured: Measurement, baseline: Measurement, policy: Policy) -> BestPolicy:
        """Return the chosen policy's part of the result."""
        return cls(
            **{name: getattr(measured, name) for name in Measurement.model_fields},
            accuracy_loss_pct=measured.lost_pct(baseline),
            energy_reduction_pct=measured.saved_pct(baseline),
            latency_reduction_pct=measured.saved_pct(baseline, Metric.LATENCY),
            policy_layers=policy.as_json()["layers"],
            measured_with=dict(policy.metadata),
        )

    @property
    def policy(self) -> Policy:
        """The policy as policy.json holds it: with what came of it, and the measurement that it was chosen by."""
        content = {**self.measured_with, "layers": self.policy_layers}
        return parse_policy(content, "the best policy of result.json", to_use=False)


class ValidationFigures(CandidateFigures):
    """The chosen policy on the images that the search looked at, how many there were, and what confirmed it."""

    images: int
    wider_images: int
    baseline_accuracy_pct: float
    confirming_images: int
    confirmed_loss_pct: float | None
    before_refinement: CandidateFigures | None


class LayerEnergy(BaseModel):
    """One layer's energy, dense at 8 bits and under the chosen policy."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    energy_before_pj: float
    energy_after_pj: float


class Result(Document):
    """result.json of a finished search."""

    KIND: ClassVar[str] = "the result.json of a search"

    method: str
    model: str
    data: str
    baseline: Measurement
    best: BestPolicy
    episodes: int
    evaluations: int
    wall_s: float
    seed: int
    versions: dict[str, str]
    feasible: bool
    max_loss_pct: float
    stop_at_pct: float | None = None
    margin_pct: float
    metric: Metric
    energy: EnergyMode
    accelerator: str
    validation: ValidationFigures
    layers: tuple[LayerEnergy, ...]
    closest: tuple[CandidateFigures, ...]
    overhead_pct: float
    episode_s: float
    peak_memory_mb: float
    hyperparameters: dict[str, dict[str, Any]]

    @property
    def within_budget(self) -> bool:
        """Whether the policy keeps the accuracy budget on validation images and on the test set."""
        return self.feasible and self.best.accuracy_loss_pct <= self.max_loss_pct


class ArchiveFile(Document):
    """archive.json: the non-dominated policies, measured on the validation images."""

    KIND: ClassVar[str] = "the archive.json of a finished search"
    SCHEMA: ClassVar[int] = 2
    OLDEST: ClassVar[int] = 2

    layers: tuple[str, ...]
    front: tuple[Candidate, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the content without what is not known of a layer."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def policy(self, candidate: Candidate) -> Policy:
        """Return a candidate's policy; layers beyond its choices stay dense at 8 bits."""
        return Policy(dict(zip(self.layers, candidate.choices, strict=False)))


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a result."""
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a checkout
            found[name] = "not installed"
    return found


def final_policy(spec: SearchSpec, policy: Policy, trained_weights: str | None = None) -> Policy:
    """Return the chosen policy as it is written: its metadata is what decides it (paths as given), and no clock.

    `trained_weights` names the file beside it that holds the weights it is for, where the method trained them.
    """
    told = {"method": spec.method, **spec.told()}
    if trained_weights is not None:
        told[TRAINED_WEIGHTS] = trained_weights
    return Policy(policy.layers, told)


def episodes_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return episodes.csv: one row an episode, a column left empty where a phase has no such figure."""
    table = pd.DataFrame(list(rows))
    return str(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def read_episodes(folder: Path) -> pd.DataFrame:
    """Return the rows of episodes.csv; raises InputError where it lacks a row, a column or a number of the report."""
    path = folder / EPISODES_FILE
    text = read_text(path, "the episodes.csv of a search")
    try:
        rows = pd.read_csv(io.StringIO(text))
    except ValueError as error:
        raise InputError(f"'{path}' is not the episodes.csv of a search: {error}") from None
    missing = [name for name in _DRAWN if name not in rows]
    if missing or rows.empty:
        lack = f"the column {missing[0]}" if missing else "any row"
        raise InputError(f"'{path}' is not the episodes.csv of a search: it lacks {lack}")
    for name in _DRAWN:
        numbers = pd.to_numeric(rows[name], errors="coerce").abs()
        wrong = rows[name][~(numbers < float("inf"))]
        if len(wrong):
            raise InputError(f"'{path}', row {wrong.index[0] + 1}: {name} is {wrong.iloc[0]!r}, must be a number")
    return rows


def read_archive(folder: Path, names: Sequence[str] | None = None) -> ArchiveFile:
    """Return a finished run's archive; raises InputError where it is of another network than `names`."""
    archive = ArchiveFile.read(folder / ARCHIVE_FILE)
    if names is not None and list(archive.layers) != list(names):
        raise InputError(
            f"--warm-start '{folder}' searched a network with other layers; name a run of the same network"
        )
    return archive


def read_result(folder: Path) -> Result:
    """Return a finished run's result.json; raises InputError where the run is unfinished or the folder holds none."""
    path = folder / RESULT_FILE
    if not exists(path):
        unfinished = exists(folder / RUN_FILE)
        state = "an unfinished search; continue it with --resume" if unfinished else "no search; name its --out folder"
        raise InputError(f"'{folder}' holds {state}")
    return Result.read(path)


def write_outcome(folder: Path, contents: Mapping[str, str]) -> None:
    """Write a run's files by name, each whole or not at all; result.json last, because it marks the run as finished.

    Raises RunError where the disk is full.
    """
    try:
        for name in sorted(contents, key=lambda name: name == RESULT_FILE):
            write_text(folder / name, contents[name])
    except InputError as error:
        raise RunError(f"{error}; the search is done, write its results with --resume") from None
