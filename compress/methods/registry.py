"""Search methods by name; each is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from compress.search.method import SearchBudget, SearchMethod
from compress.search.spec import METHODS, SearchSpec
from hwsim.errors import unknown_name

if TYPE_CHECKING:
    from compress.search.setup import SearchTask

Builder = Callable[["SearchTask", SearchBudget, SearchSpec], SearchMethod]


def build_method(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    """Return the method that a spec names, seeded by it."""
    builders: dict[str, Builder] = {
        "composite": _composite,
        "amc": _amc,
        "haq": _haq,
        "asqj": _asqj,
        "joint": _joint,
        "opq": _opq,
        "nsga2": _nsga2,
        "uniform": _uniform,
        "random": _random,
    }
    if spec.method not in builders:
        raise unknown_name("method", spec.method, METHODS)
    return builders[spec.method](task, budget, spec)


def _composite(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from dataclasses import replace

    from compress.methods.composite.agent import CompositeAgent, CompositeSpec
    from compress.search.environment import RewardMode

    settings = replace(CompositeSpec(), mode=RewardMode(spec.reward_mode))
    # an actor ten times as fast as its critic ended in a corner (2 bits everywhere) on a table of ResNet20's layer
    # effects, before the critic knew one action from another
    if spec.rates == "amc":
        settings = replace(settings, ddpg=replace(settings.ddpg, actor_rate=1e-4, critic_rate=1e-3))
    settings = settings.scaled(budget.episodes)
    return CompositeAgent(task.problem, budget, settings, spec.seed)


def _amc(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.amc import AMC
    from compress.methods.baselines.terminal_agent import TerminalSpec

    return AMC(task.problem, budget, TerminalSpec().scaled(budget.episodes), spec.seed)


def _haq(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.haq import HAQ
    from compress.methods.baselines.terminal_agent import TerminalSpec

    return HAQ(task.problem, budget, TerminalSpec().scaled(budget.episodes), spec.seed)


def _asqj(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.asqj import ASQJ, ASQJSpec

    return ASQJ(task, budget, ASQJSpec(), spec.seed)


def _joint(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.joint import JointSearch, JointSpec

    return JointSearch(task, budget, spec.joint_cost, JointSpec(), spec.seed)


def _opq(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.opq import OPQ

    weights = [task.graph.weight(layer.name).detach().numpy() for layer in task.graph.layers]
    return OPQ(task.problem, budget, weights)


def _nsga2(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.nsga2 import NSGA2Search, Objectives

    return NSGA2Search(task.problem, budget, Objectives(spec.nsga2_objectives), spec.seed)


def _uniform(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.uniform import UniformGrid

    return UniformGrid(task.problem, budget)


def _random(task: SearchTask, budget: SearchBudget, spec: SearchSpec) -> SearchMethod:
    from compress.methods.baselines.random_search import RandomSearch

    return RandomSearch(task.problem, budget, spec.seed)
