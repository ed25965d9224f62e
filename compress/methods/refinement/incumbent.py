"""Where a refinement stands: the policy it edits as two samples of images see it, and what each edit did to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from compress.searching.archive import candidate_from, candidate_state
from compress.searching.problem import Candidate


@dataclass
class Effect:
    """What an edit did when it was last measured: how much cost it saved for how much distortion.

    `sampled` and `checked`: the candidate on the sample and on the wider one, None where it was not measured there
    since the current policy last changed.
    """

    saving: float
    distortion: float
    sampled: Candidate | None = None
    checked: Candidate | None = None

    @classmethod
    def between(cls, before: Candidate, after: Candidate, sampled: Candidate, checked: Candidate | None) -> Effect:
        """Return the effect of an edit on what one and the same sample saw before and after it."""
        return cls(before.cost - after.cost, after.distortion - before.distortion, sampled, checked)

    def forget(self) -> None:
        """Keep the figures as an estimate only: the policy has changed."""
        self.sampled = self.checked = None

    def state(self) -> list[Any]:
        """Return what `effect_from` needs, as plain values."""
        known = [None if found is None else candidate_state(found) for found in (self.sampled, self.checked)]
        return [self.saving, self.distortion, *known]


def effect_from(state: list[Any]) -> Effect:
    """Return the effect that `Effect.state` described."""
    saving, distortion, *known = state
    return Effect(saving, distortion, *(found and candidate_from(found) for found in known))


@dataclass(frozen=True)
class Standing:
    """The policy that is refined, as measured on the sample and on the wider one (the same where there is only one).

    `trusted`: points of accuracy in `checked` that are expected, not measured, since the last check.
    """

    sampled: Candidate
    checked: Candidate
    trusted: float = 0.0

    def expected(self, sampled: Candidate, distortion: float, points: float) -> Standing:
        """Return what is expected after an edit that was measured on the sample and there added `distortion`, which
        costs so many points."""
        guessed = {
            "accuracy_pct": self.checked.measurement.accuracy_pct - points,
            "distortion": self.checked.distortion + distortion,
        }
        measurement = sampled.measurement.model_copy(update=guessed)
        checked = replace(sampled, measurement=measurement, loss_pct=self.checked.loss_pct + points)
        return Standing(sampled, checked, self.trusted + abs(points))


def standing_state(standing: Standing | None) -> dict[str, Any] | None:
    """Return a standing as plain values (checkpoints)."""
    if standing is None:
        return None
    both = {"sampled": candidate_state(standing.sampled), "checked": candidate_state(standing.checked)}
    return {**both, "trusted": standing.trusted}


def standing_from(state: dict[str, Any] | None) -> Standing | None:
    """Return the standing that `standing_state` described."""
    if state is None:
        return None
    return Standing(candidate_from(state["sampled"]), candidate_from(state["checked"]), state["trusted"])
