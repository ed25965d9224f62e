"""Where a refinement stands: the policy it edits as two samples of images see it, and what each edit did to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from compress.searching.archive import candidate_from, candidate_state
from compress.searching.problem import Candidate


@dataclass
class MarginalGain:
    """What an edit did when it was last measured: how much cost it saved for how much distortion.

    `sampled` and `checked`: the candidate on the sample and on the wider one, None where it was not measured there
    since the current policy last changed.
    """

    saving: float
    distortion: float
    sampled: Candidate | None = None
    checked: Candidate | None = None

    @classmethod
    def between(
        cls, before: Candidate, after: Candidate, sampled: Candidate, checked: Candidate | None
    ) -> MarginalGain:
        """Return the gain of an edit on what one and the same sample saw before and after it."""
        return cls(before.cost - after.cost, after.distortion - before.distortion, sampled, checked)

    def forget(self) -> None:
        """Keep the figures as an estimate only: the policy has changed."""
        self.sampled = self.checked = None

    def state(self) -> list[Any]:
        """Return what `gain_from` needs, as plain values."""
        known = [None if found is None else candidate_state(found) for found in (self.sampled, self.checked)]
        return [self.saving, self.distortion, *known]


def gain_from(state: list[Any]) -> MarginalGain:
    """Return the gain that `MarginalGain.state` described."""
    saving, distortion, *known = state
    return MarginalGain(saving, distortion, *(found and candidate_from(found) for found in known))


@dataclass(frozen=True)
class Incumbent:
    """The policy that is refined, as measured on the sample and on the wider one (the same where there is only one).

    `trusted`: points of accuracy in `checked` that are expected, not measured, since the last check.
    """

    sampled: Candidate
    checked: Candidate
    trusted: float = 0.0

    def expected(self, sampled: Candidate, distortion: float, points: float) -> Incumbent:
        """Return what is expected after an edit that was measured on the sample and there added `distortion`, which
        costs so many points."""
        guessed = {
            "accuracy_pct": self.checked.measurement.accuracy_pct - points,
            "distortion": self.checked.distortion + distortion,
        }
        measurement = sampled.measurement.model_copy(update=guessed)
        checked = replace(sampled, measurement=measurement, loss_pct=self.checked.loss_pct + points)
        return Incumbent(sampled, checked, self.trusted + abs(points))


def incumbent_state(incumbent: Incumbent | None) -> dict[str, Any] | None:
    """Return a incumbent as plain values (checkpoints)."""
    if incumbent is None:
        return None
    both = {"sampled": candidate_state(incumbent.sampled), "checked": candidate_state(incumbent.checked)}
    return {**both, "trusted": incumbent.trusted}


def incumbent_from(state: dict[str, Any] | None) -> Incumbent | None:
    """Return the incumbent that `incumbent_state` described."""
    if state is None:
        return None
    return Incumbent(candidate_from(state["sampled"]), candidate_from(state["checked"]), state["trusted"])
