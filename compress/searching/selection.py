"""Which policy a search returns, and what its result says.

The search has looked at one sample of images, and its best policies are those that this sample flatters. Where there
are images it has not looked at, the cheapest policy is taken that keeps the accuracy budget on these, less a margin for
their number; where there are none, on the sample. Failing that, the cheapest within the budget itself; failing that,
the best rewarded, and the result says that the budget was not met.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compress.searching.archive import Archive
from compress.searching.problem import AccuracyBudget, Candidate
from hwsim.errors import RunError

_LOOKS = 20


@dataclass(frozen=True)
class Confirmation:
    """Images that the search did not look at: `loss_pct(candidate)` measures the points lost on them."""

    loss_pct: Callable[[Candidate], float]
    budget: AccuracyBudget


@dataclass(frozen=True)
class Selection:
    """The chosen candidate, whether it meets the accuracy budget on validation, the nearest ones where it does not,
    and the points it loses on the confirming images where there are any."""

    candidate: Candidate
    feasible: bool
    closest: tuple[Candidate, ...] = ()
    confirmed_loss_pct: float | None = None


def select(
    archive: Archive, budget: AccuracyBudget, confirmation: Confirmation | None = None, closest: int = 5
) -> Selection:
    """Choose from an archive; raises RunError where nothing was measured."""
    if confirmation is not None:
        confirmed = _confirmed(archive, confirmation)
        if confirmed is not None:
            return confirmed
    else:
        for allowed_pct in (budget.target_pct, budget.max_loss_pct):
            found = archive.cheapest(allowed_pct)
            if found is not None and found.cost < 1.0:
                return Selection(found, feasible=True)
    if archive.best_reward is None:
        raise RunError("the search measured no policy; give it at least one episode")
    saving = [candidate for candidate in archive.front() if candidate.cost < 1.0]
    return Selection(archive.best_reward, feasible=False, closest=tuple(saving[:closest]))


def _confirmed(archive: Archive, confirmation: Confirmation) -> Selection | None:
    """Return the cheapest contender that keeps the budget on the confirming images, as far as few looks can tell.

    From the cheapest on in even strides to the first that keeps it, then the skipped ones before that by halving. Not
    by halving alone: policies that save little may have been measured on one sample only and keep less than they say.
    """
    contenders = _undistorted(archive, confirmation.budget.max_loss_pct + 1.0)  # nothing beyond has a chance
    losses: dict[int, float] = {}

    def keeps(index: int, allowed_pct: float) -> bool:
        if index not in losses:
            losses[index] = confirmation.loss_pct(contenders[index])
        return losses[index] <= allowed_pct

    stride = max(len(contenders) // _LOOKS, 1)
    for allowed_pct in (confirmation.budget.target_pct, confirmation.budget.max_loss_pct):
        first = next((index for index in range(0, len(contenders), stride) if keeps(index, allowed_pct)), None)
        if first is None:
            continue
        low, high = max(first - stride + 1, 0), first
        while low < high:
            middle = (low + high) // 2
            if keeps(middle, allowed_pct):
                high = middle
            else:
                low = middle + 1
        return Selection(contenders[high], feasible=True, confirmed_loss_pct=losses[high])
    return None


def _undistorted(archive: Archive, allowed_pct: float) -> list[Candidate]:
    """Return the contenders within some points of loss, the cheapest first, each less distorted than all before it.

    Accuracy on one sample is luck in part, distortion hardly: a policy that saves less than another and distorts more
    only had luck, and would lead the halving astray.
    """
    chosen: list[Candidate] = []
    for known in reversed(archive.contenders()):
        within = known.cost < 1.0 and known.loss_pct <= allowed_pct
        if within and (not chosen or known.distortion < chosen[-1].distortion):
            chosen.append(known)
    return chosen
