"""What every search method offers, so that one loop runs, checkpoints and resumes them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from compress.search.problem import Candidate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SearchBudget:
    """How long a method may search.

    `evaluations` is what the composite agent uses: one after each layer of each episode. Methods that measure whole
    networks get as many measurements, shared out over the same number of episodes.
    """

    episodes: int
    evaluations_per_episode: int

    @property
    def evaluations(self) -> int:
        """Measurements of the whole search."""
        return self.episodes * self.evaluations_per_episode


@dataclass(frozen=True)
class EpisodeOutcome:
    """What one episode measured: every candidate on the way, the one it ended with, and figures to plot by name."""

    candidates: tuple[Candidate, ...]
    final: Candidate
    figures: dict[str, float] = field(default_factory=dict)


class SearchMethod(Protocol):
    """A search method, driven episode by episode; between two episodes its state is complete.

    `state` holds only tensors, numbers, strings, lists and dicts, so that a checkpoint executes nothing when it is
    read.
    """

    name: str
    needs_training_data: bool

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used, for result.json."""

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Search for one episode; episodes are numbered from 0."""

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""


@runtime_checkable
class TrainingMethod(Protocol):
    """A method that changes the network's weights (needs_training_data)."""

    def trained_weights(self, candidate: Candidate) -> dict[str, Tensor]:
        """Return the state dict that a candidate was measured with."""
