"""Search, per layer, a pruner, a sparsity and a precision; priced by hwsim, judged on validation images.

import compress
problem = compress.load("digits-cnn", data="digits")
run = compress.search(problem, method="composite", episodes=60, out="run")
compress.export(run.best.policy, problem, "small.onnx")
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compress.deployment.files import ExportReport
    from compress.deployment.recipe import load as load_recipe
    from compress.models.training_spec import TrainingSpec
    from compress.oracle.measurement import Measurement
    from compress.oracle.problem import Problem, load
    from compress.oracle.savings import Evaluation
    from compress.oracle.spec import MeasurementSpec
    from compress.policy import LayerPolicy, Policy, read_policy, uniform_policy
    from compress.pruning.registry import register as register_pruner
    from compress.reports.comparison import Comparison, compare
    from compress.runs.evaluation import evaluate
    from compress.runs.export import compressed, export
    from compress.runs.search_run import search
    from compress.runs.training import TrainedWeights, train
    from compress.searching.environment import CompressionEnv, make_env
    from compress.searching.problem import Candidate
    from compress.searching.search_result import SearchResult, read_search
    from compress.searching.spec import SearchSpec
    from hwsim.errors import InputError, RunError

_HOMES = {
    "compress.deployment.files": ("ExportReport",),
    "compress.deployment.recipe": ("load_recipe",),
    "compress.models.training_spec": ("TrainingSpec",),
    "compress.oracle.measurement": ("Measurement",),
    "compress.oracle.problem": ("Problem", "load"),
    "compress.oracle.savings": ("Evaluation",),
    "compress.oracle.spec": ("MeasurementSpec",),
    "compress.policy": ("LayerPolicy", "Policy", "read_policy", "uniform_policy"),
    "compress.reports.comparison": ("Comparison", "compare"),
    "compress.runs.evaluation": ("evaluate",),
    "compress.runs.export": ("compressed", "export"),
    "compress.runs.search_run": ("search",),
    "compress.runs.training": ("TrainedWeights", "train"),
    "compress.searching.environment": ("CompressionEnv", "make_env"),
    "compress.searching.search_result": ("SearchResult", "read_search"),
    "compress.searching.problem": ("Candidate",),
    "compress.searching.spec": ("SearchSpec",),
    "compress.pruning.registry": ("register_pruner",),
    "hwsim.errors": ("InputError", "RunError"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
_NAMED_THERE = {"load_recipe": "load", "register_pruner": "register"}

__all__ = [
    "Candidate",
    "Comparison",
    "CompressionEnv",
    "Evaluation",
    "ExportReport",
    "InputError",
    "LayerPolicy",
    "Measurement",
    "MeasurementSpec",
    "Policy",
    "Problem",
    "RunError",
    "SearchResult",
    "SearchSpec",
    "TrainedWeights",
    "TrainingSpec",
    "compare",
    "compressed",
    "evaluate",
    "export",
    "load",
    "load_recipe",
    "make_env",
    "read_policy",
    "read_search",
    "register_pruner",
    "search",
    "train",
    "uniform_policy",
]

ENVIRONMENT = "tilejoule/Compression-v0"


_WITH_TORCH = ("Problem", "load", "make_env", "search")
"""Names whose import takes so long that Gymnasium's adds little."""


def _register_environment(*, now: bool = False) -> None:
    """Make the environment known to Gymnasium by name, once that is imported; `now` imports it."""
    gymnasium = importlib.import_module("gymnasium") if now else sys.modules.get("gymnasium")
    if gymnasium is not None and hasattr(gymnasium, "register") and ENVIRONMENT not in gymnasium.registry:
        gymnasium.register(ENVIRONMENT, entry_point="compress.searching.environment:make_env")


_register_environment()


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import compress` stays cheap (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'compress' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME_OF[name]), _NAMED_THERE.get(name, name))
    globals()[name] = value
    _register_environment(now=name in _WITH_TORCH)
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
