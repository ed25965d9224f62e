"""Which policy a search returns, and what its result says.

The policy is the cheapest whose loss on the validation images stays within the accuracy budget less its margin (see
AccuracyBudget). Where none does, the cheapest within the budget itself; where there is none either, the best
rewarded, and the result says that the budget was not met.
"""

from __future__ import annotations

from dataclasses import dataclass

from compress.archive import Archive
from compress.problem import AccuracyBudget, Candidate
from hwsim.errors import RunError


@dataclass(frozen=True)
class Selection:
    """The chosen candidate, whether it meets the accuracy budget on validation, and the nearest ones where it does
    not."""

    candidate: Candidate
    feasible: bool
    closest: tuple[Candidate, ...] = ()


def select(archive: Archive, budget: AccuracyBudget, closest: int = 5) -> Selection:
    """Choose from an archive; raises RunError where nothing was measured."""
    for allowed_pct in (budget.target_pct, budget.max_loss_pct):
        found = archive.cheapest(allowed_pct)
        if found is not None and found.cost < 1.0:
            return Selection(found, feasible=True)
    if archive.best_reward is None:
        raise RunError("the search measured no policy; give it at least one episode")
    saving = [candidate for candidate in archive.front() if candidate.cost < 1.0]
    return Selection(archive.best_reward, feasible=False, closest=tuple(saving[:closest]))
