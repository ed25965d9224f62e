"""Local refinement: from the best policy so far, the edits that save most for the accuracy they cost, one by one.

It follows the agent's search and uses the same oracle. Besides what the search found it may start from policies that
need no search: uniform precisions, and whatever the caller adds. Edits of every layer at once come first, then those
of single layers. Each edit's gain is measured where it counts (lazily: an old gain is trusted until its edit comes
out on top, then it is measured again and taken if it still leads). Edits are ranked by the distortion of the logits:
a single layer's edit changes a handful of answers in a sample, which is mostly luck, but all logits. What distortion
costs in points of accuracy is learned from everything that was measured. What leads on one sample of images is still
what that sample flatters, so where there is a wider sample the policy is checked on it as well, before an edit or after
a few small ones, and it is accuracy that must stay within the budget there. Once nothing fits into it any more, edits
are traded: one layer compressed further, another relieved.

Source: the lazy greedy rule of Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from compress.methods.refinement.incumbent import Incumbent, MarginalGain, gain_from, incumbent_from, incumbent_state
from compress.methods.refinement.loss_model import LossModel
from compress.methods.refinement.moves import EVERY_LAYER, Edit, edited, relax, tighten, tighten_everywhere
from compress.policy import LayerPolicy
from compress.searching.archive import Archive, candidate_from, candidate_state
from compress.searching.generator_state import generator_state, restore_generator
from compress.searching.method import EpisodeOutcome, SearchBudget
from compress.searching.problem import Candidate, SearchProblem


@dataclass(frozen=True)
class RefinementSpec:
    """How the neighbourhood is walked; costs are relative to the dense network's metric."""

    least_saving: float = 0.001
    """An edit that lowers the cost by less is not tried."""
    start_rate: float = 0.2
    """What a point of accuracy is worth when the start is chosen: a policy that pays more for its saving is left."""
    start_checks: int = 3
    """How many of the best starts are checked on the wider sample before one is taken."""
    trade_rate: float = 0.03
    """What a point of accuracy is worth in a trade."""
    penalty: float = 0.25
    """What a point of accuracy beyond the budget costs on top."""
    everywhere_share: float = 0.5
    """Share of the accuracy budget up to which edits of every layer are taken before single layers are looked at."""
    trusted_points: float = 0.1
    """Edits that together are expected to cost less accuracy are taken without a check on the wider sample."""
    relief_share: float = 0.8
    """Share of the trades that relieve a second layer."""
    draws: int = 50
    """How often a trade is drawn again that would not save anything."""


_LOSS_SHARE = 3.0
"""Losses up to so many times the budget say what distortion costs near it."""

Key = tuple[int, int]
"""A layer's index, or EVERY_LAYER, and an edit's."""


class Refinement:
    """A greedy descent and then trades, driven like a search method of L evaluations an episode.

    It starts from the dense network, the archive's policies, uniform precisions or `starts` (the mildest first),
    whichever stands best.
    """

    name = "refinement"
    needs_training_data = False
    finished = False

    def __init__(
        self,
        problem: SearchProblem,
        archive: Archive,
        budget: SearchBudget,
        spec: RefinementSpec,
        seed: int,
        *,
        starts: Sequence[tuple[LayerPolicy, ...]] = (),
    ) -> None:
        self._problem, self._archive, self._budget, self.spec = problem, archive, budget, spec
        self._rng = np.random.default_rng(seed)
        # half of the budget at most goes into knowing every layer's first gains
        affordable = max(budget.evaluations // (2 * problem.depth), 3)
        self._edits, self._relief = tighten(problem.actions)[:affordable], relax()
        self._everywhere = tighten_everywhere(problem.actions)
        self._resolution = 100.0 / problem.budget.images  # one answer: losses below it cannot be seen
        self._current: Incumbent | None = None
        self._kept: Incumbent | None = None  # the last one that a check found within the budget
        self._careful = False
        self._overspent = 0
        bits = range(problem.actions.max_bits - 1, problem.actions.min_bits - 1, -1)
        uniform = [(LayerPolicy(bits=b),) * problem.depth for b in bits]
        self._pending: list[tuple[LayerPolicy, ...]] = [*uniform, *starts]
        self._starts: list[Candidate] = []
        self._gains: dict[Key, MarginalGain] = {}
        self._useless: set[Key] = set()
        self._loss_model = LossModel(_LOSS_SHARE * problem.budget.max_loss_pct)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return asdict(self.spec)

    def score(self, candidate: Candidate) -> float:
        """Return the metric plus what the lost accuracy is worth in a trade; lower is better."""
        excess = max(candidate.loss_pct - self._problem.budget.target_pct, 0.0)
        worth = self.spec.trade_rate * self._loss_model.points(candidate.distortion)
        return candidate.cost + worth + self.spec.penalty * excess

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Measure as many policies as the budget gives an episode."""
        oracle, candidates = self._problem.oracle, list[Candidate]()
        end = oracle.evaluations + self._budget.evaluations_per_episode - self._overspent
        while oracle.evaluations < end:
            candidates += self._measure_next(episode)
        # no start is chosen before all of them were measured, which takes a shallow network several episodes
        current = self._starts[-1] if self._pending else self._incumbent(episode).checked
        self._overspent = oracle.evaluations - end  # a check counts for several
        return EpisodeOutcome(tuple(candidates), current, {"score": self.score(current)})

    def _measure_next(self, episode: int) -> list[Candidate]:
        """Measure once or check once; return what is worth archiving: what was checked, where there is a wider
        sample, because what is measured on the sample alone looks better than it is."""
        if self._pending:
            return self._measure_start(self._pending.pop(0), episode)
        if self._current is None and self._problem.wider:
            return [self._incumbent(episode).checked]
        key = self._leading_edit(self._incumbent(episode))
        current = self._incumbent(episode)  # edits that lead may have been taken
        known = None if key is None else self._gains.get(key)
        awaits_check = known is not None and known.sampled is not None
        if current.trusted and (key is None or awaits_check):
            return [self._verify(current, episode)]
        if key is None:
            return self._trade(current, episode)
        if known is not None and known.sampled is not None:
            checked = self._problem.check(known.sampled, episode)
            self._gains[key] = MarginalGain.between(current.checked, checked, known.sampled, checked)
            return [checked]
        choices = self._edited(current, key)
        assert choices is not None  # a leading edit applies
        sampled = self._loss_model.note(self._problem.measure(choices, episode))
        self._gains[key] = MarginalGain.between(
            current.sampled, sampled, sampled, None if self._problem.wider else sampled
        )
        return self._unless_wider(sampled)

    def _measure_start(self, choices: tuple[LayerPolicy, ...], episode: int) -> list[Candidate]:
        """Measure a start, and drop those that are harder in every layer where it is ruined already."""
        self._starts.append(self._loss_model.note(self._problem.measure(choices, episode)))
        if self._starts[-1].loss_pct > self._problem.budget.max_loss_pct:
            self._pending = [other for other in self._pending if not _tighter_throughout(other, choices)]
        return self._unless_wider(self._starts[-1])

    def _unless_wider(self, sampled: Candidate) -> list[Candidate]:
        return [] if self._problem.wider else [sampled]

    def _incumbent(self, episode: int) -> Incumbent:
        """Return the policy that is refined; the best start where none is yet."""
        if self._current is None:
            dense = self._problem.candidate((), self._problem.oracle.baseline, -1)
            target, rate = self._problem.budget.target_pct, self.spec.start_rate
            known = [*self._archive.front(), *self._starts]
            starts = [dense, *(start for start in known if start.loss_pct <= target)]

            def incumbent(start: Candidate) -> float:
                return start.cost + rate * self._loss_model.points(start.distortion)

            shortlist = sorted(starts, key=incumbent)[: self.spec.start_checks if self._problem.wider else 1]
            checked = [self._checked(start, episode) for start in shortlist]
            self._current = min(checked, key=lambda start: (start.checked.loss_pct > target, incumbent(start.checked)))
            self._kept = self._current
        return self._current

    def _verify(self, current: Incumbent, episode: int) -> Candidate:
        """Check a policy that was trusted; where it loses too much, go back and trust no more."""
        there = self._checked(current.sampled, episode)
        if there.checked.loss_pct <= self._problem.budget.target_pct or self._kept is None:
            self._current = self._kept = there
        else:
            self._move_to(self._kept, EVERY_LAYER)
            self._careful = True
        return there.checked

    def _checked(self, sampled: Candidate, episode: int) -> Incumbent:
        return Incumbent(sampled, self._problem.check(sampled, episode) if self._problem.wider else sampled)

    # -- greedy ------------------------------------------------------------------------------------------------

    def _leading_edit(self, current: Incumbent) -> Key | None:
        """Take the leading edits as long as enough is known of them, and return the one to measure or check next.

        Edits of every layer come first, then all; None where no edit fits into the accuracy budget.
        """
        layers = range(self._problem.depth)
        for places, share in (((EVERY_LAYER,), self.spec.everywhere_share), ((EVERY_LAYER, *layers), 1.0)):
            key, current = self._leading_among(places, share * self._problem.budget.target_pct, current)
            if key is not None:
                return key
        return None

    def _leading_among(
        self, places: Sequence[int], allowed_pct: float, current: Incumbent
    ) -> tuple[Key | None, Incumbent]:
        """Do so among the edits of `places` and up to `allowed_pct` points of loss; return the edit and the policy
        that is current then. Edits never measured come before all others."""
        while True:
            unknown = self._unknown_edit(current, places)
            if unknown is not None:
                return unknown, current
            room = allowed_pct - current.checked.loss_pct
            fitting = {
                key: gain
                for key, gain in self._gains.items()
                if key[0] in places
                and key not in self._useless
                and gain.saving >= self.spec.least_saving
                and self._loss_model.points(gain.distortion) <= room
                and (gain.checked is None or gain.checked.loss_pct <= allowed_pct)
            }
            if not fitting:
                return None, current
            key = max(fitting, key=lambda key: self._rate(fitting[key]))
            gain = fitting[key]
            after = self._after(current, gain)
            if after is not None:
                current = self._move_to(after, key[0])
            elif gain.sampled is not None or self._edited(current, key) is not None:
                return key, current
            else:
                self._useless.add(key)

    def _after(self, current: Incumbent, gain: MarginalGain) -> Incumbent | None:
        """Return the policy with an edit as far as it is known; None where it has to be measured or checked first."""
        if gain.sampled is None:
            return None
        if gain.checked is not None:
            return Incumbent(gain.sampled, gain.checked)
        after = current.expected(gain.sampled, gain.distortion, self._loss_model.points(gain.distortion))
        ruined = gain.sampled.loss_pct > self._problem.budget.max_loss_pct
        trust = 0.0 if self._careful or ruined else self.spec.trusted_points
        return after if after.trusted <= trust else None

    def _rate(self, gain: MarginalGain) -> float:
        return gain.saving / (max(self._loss_model.points(gain.distortion), 0.0) + self._resolution)

    def _unknown_edit(self, current: Incumbent, places: Sequence[int]) -> Key | None:
        """Return the first edit that applies, saves and was never measured; those that do not are set aside."""
        for layer in places:
            for number in range(len(self._edits_of(layer))):
                key = (layer, number)
                if key in self._gains or key in self._useless:
                    continue
                choices = self._edited(current, key)
                if (
                    choices is not None
                    and self._problem.price(choices) <= current.checked.cost - self.spec.least_saving
                ):
                    return key
                self._useless.add(key)
        return None

    def _edited(self, current: Incumbent, key: Key) -> tuple[LayerPolicy, ...] | None:
        edit, depth = self._edits_of(key[0])[key[1]], self._problem.depth
        return edited(current.checked.choices, key[0], edit, depth, self._problem.actions)

    def _edits_of(self, layer: int) -> tuple[Edit, ...]:
        return self._everywhere if layer == EVERY_LAYER else self._edits

    def _move_to(self, incumbent: Incumbent, *layers: int) -> Incumbent:
        """Make a policy the current one: gains become estimates, edits of changed layers are open again."""
        self._current = incumbent
        if not incumbent.trusted and incumbent.checked.loss_pct <= self._problem.budget.target_pct:
            self._kept = incumbent
        for gain in self._gains.values():
            gain.forget()
        everywhere = EVERY_LAYER in layers
        self._useless = {key for key in self._useless if not everywhere and key[0] not in (*layers, EVERY_LAYER)}
        return incumbent

    # -- trades ------------------------------------------------------------------------------------------------

    def _trade(self, current: Incumbent, episode: int) -> list[Candidate]:
        """Measure one layer compressed further and, mostly, another relieved; keep it where the score is better."""
        choices, layers = self._proposal(current.checked)
        sampled = self._loss_model.note(self._problem.measure(choices, episode))
        change = sampled.distortion - current.sampled.distortion
        expected = current.expected(sampled, change, self._loss_model.points(change))
        if self.score(expected.checked) >= self.score(current.checked):
            return self._unless_wider(sampled)
        there = self._checked(sampled, episode)
        if self.score(there.checked) < self.score(current.checked):
            self._move_to(there, *layers)
        return [there.checked]

    def _proposal(self, current: Candidate) -> tuple[tuple[LayerPolicy, ...], tuple[int, ...]]:
        """Return choices that cost less than the current ones, and the layers that differ; after many vain draws,
        whatever was drawn last."""
        depth, actions, rng = self._problem.depth, self._problem.actions, self._rng
        keys = [key for key, gain in self._gains.items() if gain.saving >= self.spec.least_saving]
        rates = np.array([min(self._rate(self._gains[key]), 1.0) for key in keys])
        choices: tuple[LayerPolicy, ...] = current.choices
        layers: tuple[int, ...] = ()
        for _ in range(self.spec.draws):
            if keys and rng.random() < 0.8:
                index, number = keys[int(rng.choice(len(keys), p=rates / rates.sum()))]
                edit = self._edits_of(index)[number]
            else:
                index, edit = int(rng.integers(depth)), self._edits[int(rng.integers(len(self._edits)))]
            drawn = edited(current.choices, index, edit, depth, actions)
            if drawn is None:
                continue
            choices, layers = drawn, (index,)
            if depth > 1 and rng.random() < self.spec.relief_share:
                other = int((index + rng.integers(1, depth)) % depth)
                relieved = edited(drawn, other, self._relief[int(rng.integers(len(self._relief)))], depth, actions)
                if relieved is None:
                    continue
                choices, layers = relieved, (index, other)
            if self._problem.price(choices) < current.cost:
                break
        return choices, layers

    # -- checkpoint --------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue exactly."""
        return {
            "generator": generator_state(self._rng),
            "current": incumbent_state(self._current),
            "kept": incumbent_state(self._kept),
            "careful": self._careful,
            "overspent": self._overspent,
            "pending": [[asdict(layer) for layer in choices] for choices in self._pending],
            "starts": [candidate_state(start) for start in self._starts],
            "gains": [[*key, *gain.state()] for key, gain in self._gains.items()],
            "useless": [list(key) for key in sorted(self._useless)],
            "harm": self._loss_model.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        restore_generator(self._rng, state["generator"])
        self._current, self._kept = incumbent_from(state["current"]), incumbent_from(state["kept"])
        self._careful = bool(state["careful"])
        self._overspent = int(state["overspent"])
        self._pending = [tuple(LayerPolicy(**layer) for layer in choices) for choices in state["pending"]]
        self._starts = [candidate_from(start) for start in state["starts"]]
        self._gains = {(layer, number): gain_from(gain) for layer, number, *gain in state["gains"]}
        self._useless = {(layer, number) for layer, number in state["useless"]}
        self._loss_model.load(state["harm"])


def _tighter_throughout(choices: Sequence[LayerPolicy], other: Sequence[LayerPolicy]) -> bool:
    """Return whether no layer of the choices keeps more bits or weights than in the other ones."""
    return all(a.bits <= b.bits and a.sparsity >= b.sparsity for a, b in zip(choices, other, strict=True))
