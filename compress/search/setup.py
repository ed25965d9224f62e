"""From a search's options to what the methods work on: network, data, accelerator, oracle."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compress.policy import DENSE_8BIT, LayerPolicy
from compress.pruning import PRUNERS, SEARCH_PRUNERS
from compress.search.actions import ActionSpec, policy_of
from compress.search.problem import AccuracyBudget, Candidate, Metric, SearchProblem
from compress.search.reward import load_reward
from compress.search.spec import TRAINING_METHODS, SearchSpec
from hwsim.energy.mac_table import load_mac_table
from hwsim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from torch import nn

    from compress.images.dataset import Dataset
    from compress.network.graph import NetworkGraph
    from compress.oracle.oracle import Oracle


@dataclass(frozen=True)
class SearchTask:
    """The problem that all methods share, and what those that train need besides.

    `oracle_of(model)` is the same oracle for the same network with other weights.
    """

    problem: SearchProblem
    oracle: Oracle
    graph: NetworkGraph
    model: nn.Module
    dataset: Dataset
    oracle_of: Callable[[nn.Module], Oracle]
    proof: str | None = None  # of an arithmetic that is not exact: how far it is

    def measure_trained(self, model: nn.Module, choices: Sequence[LayerPolicy], episode: int) -> Candidate:
        """Measure the network's choices with other weights, against the baseline of the given ones (one evaluation)."""
        start = time.perf_counter()
        measured = self.oracle_of(model).evaluate(policy_of(self.problem.names, choices))
        baseline = self.oracle.baseline
        measurement = replace(measured, accuracy_loss_pct=baseline.accuracy_pct - measured.accuracy_pct)
        self.problem.measuring_s += time.perf_counter() - start
        self.oracle.evaluations += 1
        return self.problem.candidate(choices, measurement, episode)


def build_task(spec: SearchSpec) -> SearchTask:
    """Load, trace and measure what a spec names; raises InputError naming the option that is wrong."""
    actions = ActionSpec(spec.max_sparsity, spec.min_bits, pruners=_pruners(spec))
    reward = load_reward(None if spec.reward is None else Path(spec.reward), spec.max_loss)
    AccuracyBudget(spec.max_loss, 1)  # refuses a budget out of range before any work
    table = load_mac_table(None if spec.mac_table is None else Path(spec.mac_table))
    for bits in range(spec.min_bits, DENSE_8BIT.bits + 1):
        table.mac_energy_fj(bits, bits)  # refuses a table without a precision that the search may choose
    from compress.evaluation.answers import Screen
    from compress.images.dataset import load_data
    from compress.models import load_model, normalization_of
    from compress.network.trace import trace
    from compress.oracle.cost_model import EnergyMode
    from compress.oracle.oracle import OracleSpec, build_oracle, prove_arithmetic
    from compress.quantization.affine import ActivationScales, Clipping
    from compress.quantization.arithmetic import Arithmetic, computing_device

    Arithmetic(spec.arithmetic).resolved(computing_device(spec.device))  # what this machine lacks is said first
    dataset = load_data(spec.data, spec.seed, normalization=normalization_of(spec.model))
    model = load_model(spec.model, spec.weights, dataset)
    graph = trace(model, dataset.example)
    images = max(1, round(spec.subset * len(dataset.validation)))
    oracle_spec = OracleSpec(
        accelerator=spec.accelerator,
        mac_table=None if spec.mac_table is None else Path(spec.mac_table),
        costs=spec.costs,
        objective=spec.metric,
        energy=EnergyMode(spec.energy),
        validation_images=images,
        arithmetic=Arithmetic(spec.arithmetic),
        device=spec.device,
        activation_scales=ActivationScales(spec.activation_scales),
        activation_clipping=Clipping(spec.activation_clipping),
        screen=None if spec.screen is None else Screen(spec.screen),
        seed=spec.seed,
    )

    def oracle_of(weights: nn.Module) -> Oracle:
        return build_oracle(graph, weights, dataset, oracle_spec)

    oracle = oracle_of(model)
    budget = AccuracyBudget(spec.max_loss, images)
    if spec.method not in TRAINING_METHODS and oracle.images_of("unseen"):
        # the choice is confirmed on other images, so that the search itself need not be as careful
        budget = AccuracyBudget(spec.max_loss, images + oracle.images_of("wider"), 1.0)
    wider = oracle.images_of("wider") / images
    problem = SearchProblem(oracle, reward, budget, actions, Metric(spec.metric), wider)
    proof = prove_arithmetic(graph, model, dataset, oracle_spec)
    said = None if proof is None else proof.sentence(oracle_spec.arithmetic)
    return SearchTask(problem, oracle, graph, model, dataset, oracle_of, said)


def _pruners(spec: SearchSpec) -> tuple[str, ...]:
    for name in spec.pruners:
        if name not in PRUNERS:
            raise InputError(f"--pruners: {unknown_name('pruner', name, PRUNERS)}")
    return spec.pruners or SEARCH_PRUNERS
