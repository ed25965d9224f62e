"""The phases of a search: a method, and the local refinement that may follow it."""

from __future__ import annotations

from dataclasses import dataclass

from compress.methods.laplace_allocation import Allocation
from compress.methods.refinement.local_search import Refinement, RefinementSpec
from compress.methods.registry import MethodEntry, build_method, method_entry, options_of
from compress.searching.archive import Archive
from compress.searching.loop import Phase
from compress.searching.method import SearchBudget
from compress.searching.setup import SearchTask
from compress.searching.spec import SearchSpec, default_refinement
from hwsim.errors import InputError
from hwsim.files.spec import Spec


@dataclass(frozen=True)
class Plan:
    """What a search will do: the method with its options, and the episodes of each phase."""

    entry: MethodEntry
    options: Spec
    episodes: int
    refine_episodes: int

    @property
    def total(self) -> int:
        """Episodes of the whole search."""
        return self.episodes + self.refine_episodes

    def phases(self, task: SearchTask, archive: Archive) -> list[Phase]:
        """Return the method, and the refinement where there is one, ready to run."""
        per_episode, spec = task.problem.depth, task.spec
        budget = SearchBudget(self.episodes, per_episode)
        method = build_method(self.entry, task, budget, self.options, spec.seed)
        phases = [Phase(method, self.episodes)]
        if self.refine_episodes:
            budget = SearchBudget(self.refine_episodes, per_episode)
            starts = Allocation(task.weights(), task.problem.actions).starts()
            refinement = Refinement(task.problem, archive, budget, RefinementSpec(), spec.seed, starts=starts)
            phases.append(Phase(refinement, self.refine_episodes))
        return phases


def plan(spec: SearchSpec) -> Plan:
    """Return what a spec asks for; raises InputError for an unknown method and options that it does not take."""
    entry = method_entry(spec.method)
    options = options_of(entry, spec.method_options)
    if entry.trains_weights and (spec.refine or spec.warm_start is not None):
        option = f"--refine {spec.refine}" if spec.refine else f"--warm-start '{spec.warm_start}'"
        raise InputError(
            f"{option}: the policies of {entry.name} hold for weights that it trains, others cannot join them;"
            " leave the option out"
        )
    if spec.refine is not None:
        return Plan(entry, options, spec.episodes, spec.refine)
    default = default_refinement(spec.episodes)
    if entry.shares_refinement:
        return Plan(entry, options, spec.episodes + default, 0)
    return Plan(entry, options, spec.episodes, default if entry.refined else 0)
