"""Candidates and finished searches made up for tests, with figures of their own choosing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compress.oracle.measurement import Measurement, Observation
from compress.policy import LayerPolicy
from compress.searching.problem import Candidate
from compress.searching.result_files import (
    ArchiveFile,
    BestPolicy,
    CandidateFigures,
    LayerEnergy,
    Result,
    ValidationFigures,
)
from compress.vocabulary import EnergyMode, Metric


def observation(accuracy_pct: float = 90.0, energy_pj: float = 1.0, distortion: float = 0.0) -> Observation:
    return Observation(
        accuracy_pct=accuracy_pct, distortion=distortion, energy_pj=energy_pj, latency_ms=1.0, size_bytes=1, macs=1
    )


def candidate(
    loss_pct: float,
    cost: float = 1.0,
    *,
    reward: float = 0.0,
    distortion: float = 0.0,
    episode: int = 0,
    choices: tuple[LayerPolicy, ...] = (),
) -> Candidate:
    return Candidate(choices, observation(90.0, cost, distortion), loss_pct, cost, reward, episode)


def result(method: str = "amc", seed: int = 0, saved: float = 30.0, lost: float = 1.0, **more: Any) -> Result:
    baseline = Measurement(accuracy_pct=90.0, energy_pj=100.0, latency_ms=1.0, size_bytes=100, macs=10)
    figures = {**dict(baseline), "accuracy_pct": 90.0 - lost, "energy_pj": 100.0 - saved}
    sample = {**figures, "accuracy_loss_pct": lost, "gain_pct": saved}
    layers = more.pop("layers", {"conv1": LayerPolicy("level", 0.4, 5, 0.39), "fc": LayerPolicy()})
    content: dict[str, Any] = {
        "method": method, "model": "m", "data": "d", "seed": seed, "baseline": baseline,
        "best": BestPolicy(
            **figures, accuracy_loss_pct=lost, energy_reduction_pct=saved, latency_reduction_pct=1.0,
            policy_layers={name: dict(vars(layer)) for name, layer in layers.items()},
        ),
        "episodes": 1, "evaluations": 10, "wall_s": 1.0, "versions": {"torch": "2"}, "feasible": True,
        "max_loss_pct": 2.0, "margin_pct": 0.1, "metric": Metric.ENERGY, "energy": EnergyMode.SIMULATED,
        "accelerator": "paper",
        "validation": ValidationFigures(
            **sample, images=10, wider_images=0, baseline_accuracy_pct=90.0, confirming_images=0,
            confirmed_loss_pct=None, before_refinement=CandidateFigures(**sample),
        ),
        "layers": tuple(LayerEnergy(name=name, energy_before_pj=2.0, energy_after_pj=1.0) for name in layers),
        "closest": (), "overhead_pct": 5.0, "episode_s": 2.0, "peak_memory_mb": 500.0, "hyperparameters": {},
    }  # fmt: skip
    return Result(**{**content, **more})


def finished_search(folder: Path, method: str = "amc", seed: int = 0, saved: float = 30.0, **more: Any) -> Path:
    """Write a finished search with a front of two policies and return its folder."""
    folder.mkdir()
    lost = float(more.get("lost", 1.0))
    result(method, seed, saved, **more).to_json(folder / "result.json")
    front = (candidate(0.0, 0.9), candidate(lost, 1 - saved / 100))
    ArchiveFile(layers=(), front=front).to_json(folder / "archive.json")
    return folder
