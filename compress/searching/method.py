"""What every search method offers, so that one loop runs, checkpoints and resumes them all.

A method of one's own is a class with `ask` and `tell` (and `state_dict` and `load_state_dict`, so that it resumes).
Of `problem`, `budget`, `options`, `seed` and `task` it is given what its constructor names. See CONTRIBUTING.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from compress.policy import LayerPolicy, Policy
from compress.searching.problem import Candidate, SearchProblem

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
    """What one episode measured: every candidate on the way, the one it ended with (None where nothing was left to
    measure), and figures to plot by name."""

    candidates: tuple[Candidate, ...]
    final: Candidate | None
    figures: dict[str, float] = field(default_factory=dict)


class SearchMethod(Protocol):
    """A search method, driven episode by episode; between two episodes its state is complete.

    `state_dict` holds only tensors, numbers, strings, lists and dicts, so that a checkpoint executes nothing when it
    is read. `finished`: it has nothing left to ask for.
    """

    name: str
    needs_training_data: bool
    finished: bool

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used, for result.json."""

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Search for one episode; episodes are numbered from 0."""

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""


class AskTellMethod(ABC):
    """A method that asks for one measurement after the other, as optimisation libraries do; all but the refinement.

    `episode` counts from 0; `evaluations_per_episode` measurements make an episode.
    """

    name: str
    needs_training_data: bool = False

    def __init__(self, problem: SearchProblem, evaluations_per_episode: int) -> None:
        self.problem = problem
        self.evaluations_per_episode = evaluations_per_episode
        self.episode = 0
        self.finished = False

    @abstractmethod
    def ask(self) -> Policy | None:
        """Return the policy to measure next; layers that it does not name stay dense. None where nothing is left."""

    @abstractmethod
    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Take what the policy costs and loses."""

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used, for result.json."""
        return {}

    def figures(self) -> dict[str, float]:
        """Return figures of the episode that ended, by the name of their column."""
        return {}

    def measure(self, policy: Policy, episode: int) -> Candidate:
        """Measure a policy (one evaluation)."""
        return self.problem.measure(self.problem.choices(policy), episode)

    def final(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return the candidate that stands for an episode: the best rewarded."""
        return max(candidates, key=lambda candidate: candidate.reward)

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Ask, measure and tell until the episode ends."""
        self.episode = episode
        candidates: list[Candidate] = []
        while len(candidates) < self.evaluations_per_episode:
            policy = self.ask()
            if policy is None:
                self.finished = True
                break
            measured = self.measure(policy, episode)
            self.tell(policy, measured)
            candidates.append(measured)
        if not candidates:
            return EpisodeOutcome((), None)
        final = self.final(candidates)
        return EpisodeOutcome(tuple(candidates), final, {"return": final.reward, **self.figures()})

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly between two episodes."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""


@runtime_checkable
class TrainingMethod(Protocol):
    """A method that changes the network's weights (needs_training_data)."""

    def trained_weights(self, candidate: Candidate) -> dict[str, Tensor]:
        """Return the state dict that a candidate was measured with."""


def uniform(problem: SearchProblem, layer: LayerPolicy) -> Policy:
    """Return the policy that does the same to every layer of a problem."""
    return Policy(dict.fromkeys(problem.names, layer))
