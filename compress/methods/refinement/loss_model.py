"""What the distortion of the logits costs in points of accuracy, learned from everything that is measured.

Near the dense network the two grow roughly in proportion. Distortion is a mean over all logits, accuracy a count of
answers: on a few hundred images only the first says what a small edit does.
"""

from __future__ import annotations

from compress.searching.problem import Candidate

_GUESS_AT, _GUESSED_POINTS = 0.02, 1.0
"""Before anything is known, a distortion of 0.02 is taken to cost a point: a guess with the weight of one measurement,
outweighed by the first starts that are measured."""


class LossModel:
    """The points lost per distortion: the line through 0 of least squares over the candidates that lose at most
    `largest_loss_pct`.

    Squares, since the many mild candidates all share the luck of their sample and would drown out what the few harder
    ones say. Never below a tenth of the guess: a sample on which nothing seems to be lost is lucky.
    """

    def __init__(self, largest_loss_pct: float) -> None:
        self._largest_loss_pct = largest_loss_pct
        self._products, self._squares = _GUESS_AT * _GUESSED_POINTS, _GUESS_AT**2

    def note(self, candidate: Candidate) -> Candidate:
        """Learn from a measured candidate and return it."""
        if candidate.loss_pct <= self._largest_loss_pct:
            self._products += candidate.loss_pct * candidate.distortion
            self._squares += candidate.distortion**2
        return candidate

    def points(self, distortion: float) -> float:
        """Return the points of accuracy that a distortion, or a change of it, costs on average."""
        return distortion * max(self._products / self._squares, 0.1 * _GUESSED_POINTS / _GUESS_AT)

    def state(self) -> list[float]:
        """Return what `load` needs to continue exactly."""
        return [self._products, self._squares]

    def load(self, state: list[float]) -> None:
        """Continue from what `state` returned."""
        self._products, self._squares = (float(total) for total in state)
