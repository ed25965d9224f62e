"""A policy's smaller network, written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from compress.deployment.channel_removal import check_multiple
from compress.deployment.compressed_module import compressed_module
from compress.deployment.files import ExportReport, check_exportable, deploy_policy, files_beside, write_export
from compress.oracle.problem import Problem
from compress.oracle.spec import MeasurementSpec
from compress.policy import Policy
from compress.runs.evaluation import measurement_of
from hwsim.errors import InputError


def export(
    policy: Policy,
    problem: Problem,
    path: str | Path,
    spec: MeasurementSpec | None = None,
    *,
    round_to: int = 1,
    check: bool = True,
    **settings: Any,
) -> ExportReport:
    """Remove what a policy prunes, quantize what is left, and write it as ONNX and as a recipe beside it.

    `round_to`: channel counts are rounded up to multiples of it. `check`: prove on the test set that onnxruntime gives
    the simulated accuracy. Raises InputError for a path that is not NAME.onnx, RunError where the accuracies differ.
    """
    target = check_path(Path(path))
    check_multiple(round_to)
    chosen = measurement_of(policy, problem, spec, settings)
    check_exportable(chosen.activation_scales)
    smaller = deploy_policy(
        problem.graph, problem.network, problem.calibration(chosen), policy, seed=chosen.seed, multiple=round_to
    )
    about = {
        "model": problem.model,
        "data": problem.data.partition(":")[0],
        "seed": chosen.seed,
        "policy": policy.as_json()["layers"],
    }
    test = problem.dataset.test if check else None
    return write_export(smaller, problem.network, files_beside(target), test, about)


def compressed(
    policy: Policy, problem: Problem, spec: MeasurementSpec | None = None, *, round_to: int = 1, **settings: Any
) -> nn.Module:
    """Return the network that a policy leaves as a module again: channels really gone, the rest in integers."""
    check_multiple(round_to)
    chosen = measurement_of(policy, problem, spec, settings)
    return compressed_module(
        problem.graph, problem.network, problem.calibration(chosen), policy, seed=chosen.seed, multiple=round_to
    )


def check_path(path: Path) -> Path:
    """Return the path of an ONNX file; raises InputError where it is none or could not be written."""
    if path.suffix != ".onnx":
        raise InputError(f"--out '{path}' must end in .onnx")
    if not path.absolute().parent.is_dir():
        raise InputError(f"--out '{path}': the folder does not exist; create it or choose another")
    return path
