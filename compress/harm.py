"""What the distortion of the logits costs in points of accuracy, learned from everything that is measured.

Near the dense network the two grow roughly in proportion. Distortion is a mean over all logits, accuracy a count of
answers: on a few hundred images only the first says what a small edit does.
"""

from __future__ import annotations

from compress.problem import Candidate


class Harm:
    """The ratio of the points lost to the distortion, over the candidates that lose at most `largest_loss_pct`."""

    def __init__(self, largest_loss_pct: float) -> None:
        self._largest_loss_pct = largest_loss_pct
        self._points = self._distortion = 0.0

    def note(self, candidate: Candidate) -> Candidate:
        """Learn from a measured candidate and return it."""
        if candidate.loss_pct <= self._largest_loss_pct:
            self._points += candidate.loss_pct
            self._distortion += candidate.distortion
        return candidate

    def points(self, distortion: float) -> float:
        """Return the points of accuracy that a distortion, or a change of it, costs on average; 0 before any was
        noted."""
        return distortion * max(self._points, 0.0) / self._distortion if self._distortion > 0 else 0.0

    def state(self) -> list[float]:
        """Return what `load` needs to continue exactly."""
        return [self._points, self._distortion]

    def load(self, state: list[float]) -> None:
        """Continue from what `state` returned."""
        self._points, self._distortion = (float(total) for total in state)
