"""A policy measured on the test set."""

from __future__ import annotations

from typing import Any

from compress.oracle.problem import Problem
from compress.oracle.savings import Evaluation, measure_savings
from compress.oracle.spec import TRAINED_WEIGHTS, MeasurementSpec
from compress.policy import Policy
from hwsim.errors import InputError


def evaluate(policy: Policy, problem: Problem, spec: MeasurementSpec | None = None, **settings: Any) -> Evaluation:
    """Measure a network as given, dense at 8 bits and under a policy: accuracy on the test set, energy, time and size.

    `spec` or `settings` (fields of MeasurementSpec) say with what; without them what the policy's own file says.
    Raises InputError for a layer that the network does not have, and for wrong settings.
    """
    chosen = measurement_of(policy, problem, spec, settings)
    policy.check_names(problem.names)
    oracle = problem.oracle(chosen)
    return measure_savings(oracle, problem.network, policy, chosen, problem.dataset.test)


def measurement_of(
    policy: Policy, problem: Problem, spec: MeasurementSpec | None, settings: dict[str, Any]
) -> MeasurementSpec:
    """Return the measurement of a policy of a problem: a spec, or settings over what the policy's metadata says."""
    if not isinstance(policy, Policy):
        raise InputError(
            f"the policy is {type(policy).__name__}, must be a compress.Policy; compress.read_policy reads a file"
        )
    if not isinstance(problem, Problem):
        raise InputError(f"the problem is {type(problem).__name__}, must be what compress.load returns")
    for name in ("model", "data"):
        if spec is not None and getattr(spec, name) not in (None, getattr(problem, name)):
            raise InputError(f"the spec's {name} is '{getattr(spec, name)}', the problem's '{getattr(problem, name)}'")
    trained = policy.metadata.get(TRAINED_WEIGHTS)
    if trained is not None and (problem.weights is None or problem.weights.name != trained):
        raise InputError(
            f"the policy holds for weights that its method trained ('{trained}' in the folder of its search); load the"
            " problem with them"
        )
    if spec is not None:
        return spec.replaced(**settings) if settings else spec
    known = {name: value for name, value in policy.metadata.items() if name in MeasurementSpec.model_fields}
    return MeasurementSpec.of({**known, **problem.named(), **settings})
