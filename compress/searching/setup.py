"""From a search's settings to what the methods work on: the problem measured, its reward, the bounds of a policy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import nn

from compress.evaluation.answers import Screen
from compress.images.split import Split
from compress.policy import DENSE_8BIT, LayerPolicy
from compress.pruning import SEARCH_PRUNERS
from compress.pruning.plugins import use_pruners
from compress.searching.actions import ActionSpec, policy_of
from compress.searching.problem import AccuracyBudget, Candidate, SearchProblem
from compress.searching.reward import load_reward
from compress.searching.spec import SearchSpec
from hwsim.energy.mac_table import load_mac_table

if TYPE_CHECKING:
    from compress.images.dataset import Dataset
    from compress.network.graph import NetworkGraph
    from compress.oracle.oracle import Oracle
    from compress.oracle.problem import Problem


@dataclass(frozen=True)
class SearchTask:
    """The problem that all methods share, and what those that train need besides."""

    problem: SearchProblem
    source: Problem
    oracle: Oracle
    spec: SearchSpec

    @property
    def graph(self) -> NetworkGraph:
        """The traced network."""
        return self.source.graph

    @property
    def model(self) -> nn.Module:
        """The network with its given weights."""
        return self.source.network

    @property
    def dataset(self) -> Dataset:
        """The data, training images among them."""
        return self.source.dataset

    def weights(self) -> list[NDArray[np.float32]]:
        """Return the weight of each layer, in execution order."""
        return [self.graph.weight(layer.name).detach().numpy() for layer in self.graph.layers]

    def oracle_of(self, model: nn.Module) -> Oracle:
        """Return the same oracle for the same network with other weights."""
        return _oracle(self.source, self.spec, model)

    def measure_trained(self, model: nn.Module, choices: Sequence[LayerPolicy], episode: int) -> Candidate:
        """Measure the network's choices with other weights, against the baseline of the given ones (one evaluation)."""
        start = time.perf_counter()
        measurement = self.oracle_of(model).evaluate(policy_of(self.problem.names, choices))
        self.problem.measuring_s += time.perf_counter() - start
        self.oracle.evaluations += 1
        return self.problem.candidate(choices, measurement, episode)


def check_spec(spec: SearchSpec) -> None:
    """Raise InputError for settings that no search can use, before any image is read."""
    _actions(spec)
    load_reward(spec.reward, spec.max_loss)
    table = load_mac_table(spec.mac_table)
    for bits in range(spec.min_bits, DENSE_8BIT.bits + 1):
        table.mac_energy_fj(bits, bits)  # refuses a table without a precision that the search may choose


def build_task(source: Problem, spec: SearchSpec, *, trains_weights: bool = False) -> SearchTask:
    """Measure the dense network and return the task; raises InputError naming the option that is wrong.

    `trains_weights`: the method's policies hold for weights of its own, so no other images can confirm them.
    """
    check_spec(spec)
    oracle = _oracle(source, spec, source.network)
    images = oracle.images_of(Split.VALIDATION)
    budget = AccuracyBudget(spec.max_loss, images)
    if not trains_weights and oracle.images_of(Split.UNSEEN):
        # the choice is confirmed on other images, so that the search itself need not be as careful
        budget = AccuracyBudget(spec.max_loss, images + oracle.images_of(Split.WIDER), 1.0)
    wider = oracle.images_of(Split.WIDER) / images
    reward = load_reward(spec.reward, spec.max_loss)
    return SearchTask(SearchProblem(oracle, reward, budget, _actions(spec), spec.metric, wider), source, oracle, spec)


def _oracle(source: Problem, spec: SearchSpec, network: nn.Module) -> Oracle:
    images = max(1, round(spec.subset * len(source.dataset.validation)))
    screen = None if spec.screen is None else Screen(spec.screen)
    return source.oracle(spec, network=network, images=images, screen=screen)


def _actions(spec: SearchSpec) -> ActionSpec:
    names = use_pruners(spec.pruners)
    return ActionSpec(spec.max_sparsity, spec.min_bits, pruners=names or SEARCH_PRUNERS)
