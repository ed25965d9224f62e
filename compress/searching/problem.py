"""What every search method is given: an oracle that measures, a reward, and the bounds of the actions."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from compress.images.split import Split
from compress.oracle.measurement import Observation, Priced, metric_value
from compress.policy import LayerPolicy, Policy
from compress.searching.actions import ActionSpec, policy_of
from compress.searching.reward import RewardTable
from compress.vocabulary import Metric
from hwsim.errors import InputError
from hwsim.pricing.savings import saved_pct


class LayerFeatures(Protocol):
    """The static features of a compressible layer (paper, eq. 1)."""

    @property
    def name(self) -> str:
        """Its name in policies."""

    @property
    def kind(self) -> str:
        """conv or fc."""

    @property
    def out_channels(self) -> int:
        """C_out, or M of a fully connected layer."""

    @property
    def in_channels(self) -> int:
        """C_in, or N of a fully connected layer."""

    @property
    def in_height(self) -> int:
        """h_in."""

    @property
    def in_width(self) -> int:
        """w_in."""

    @property
    def stride(self) -> int:
        """str."""

    @property
    def kernel(self) -> int:
        """k."""

    @property
    def energy_pj(self) -> float:
        """E_t: energy of the dense layer at 8 bits."""

    @property
    def parameters(self) -> int:
        """P_t."""

    @property
    def depthwise(self) -> bool:
        """Whether each filter reads one input channel of its own."""


class SearchOracle(Protocol):
    """The one judge of all methods: accuracy on the validation split, and the accelerator's energy and latency."""

    evaluations: int

    @property
    def layers(self) -> Sequence[LayerFeatures]:
        """The compressible layers in execution order."""

    @property
    def baseline(self) -> Observation:
        """The dense network at 8 bits on the validation split."""

    def baseline_on(self, split: Split) -> Observation:
        """The dense network at 8 bits on a split."""

    def reset(self) -> None:
        """Return to the dense 8-bit network."""

    def step(self, layer_index: int, policy: LayerPolicy) -> Observation:
        """Compress one more layer and measure the network as it stands."""

    def evaluate(self, policy: Policy, split: Split = Split.VALIDATION) -> Observation:
        """Measure the network under a policy; the wider split counts for more evaluations."""

    def price(self, policy: Policy) -> Priced:
        """Return what the network costs under a policy, without looking at an image."""


@dataclass(frozen=True)
class Candidate:
    """A measured policy, as a method is told it: what it loses, costs and is worth, against the dense 8-bit network.

    `loss_pct`: points of accuracy lost on the validation images. `cost`: the search's metric relative to the dense
    network (1 is that itself), lower is better; `gain_pct` the same as percent saved. `reward`: what the reward table
    pays. `measurement`: accuracy, energy, latency, size and MACs. `choices`: what was done to the first layers; the
    rest is dense.
    """

    choices: tuple[LayerPolicy, ...]
    measurement: Observation
    loss_pct: float
    cost: float
    reward: float
    episode: int

    @property
    def distortion(self) -> float:
        """How far the logits are from the dense 8-bit network's."""
        return self.measurement.distortion

    @property
    def gain_pct(self) -> float:
        """What the metric gains against the dense 8-bit network, in percent."""
        return saved_pct(1.0, self.cost)


@dataclass(frozen=True)
class AccuracyBudget:
    """How many points of accuracy a policy may lose, and how much of that is kept back as a margin.

    The margin is `standard_errors` of a loss of `max_loss_pct` measured on `images` images: a loss of d points means
    that at least d percent of the answers changed, and the mean of n such changes spreads by sqrt(d / n). The search
    picks the luckiest of many policies on one sample, and the promise is kept or broken on another.
    """

    max_loss_pct: float
    images: int
    standard_errors: float = 2.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_loss_pct <= 100.0:
            raise InputError(f"--max-loss is {self.max_loss_pct:g}, must be points of accuracy from 0 to 100")

    @property
    def margin_pct(self) -> float:
        """Points kept back."""
        return 100.0 * self.standard_errors * math.sqrt(self.max_loss_pct / 100.0 / max(self.images, 1))

    @property
    def target_pct(self) -> float:
        """The loss on the validation images that the search may use up."""
        return max(self.max_loss_pct - self.margin_pct, 0.0)


@dataclass
class SearchProblem:
    """The oracle with the reward's and the actions' readings of it; keeps the time that measuring took.

    Loss and cost are relative to the dense 8-bit network, the cost under `metric`. `wider`: how many times as many
    images as the search looks at there are to check a policy on (the split "wider"), 0 for none.
    """

    oracle: SearchOracle
    reward_table: RewardTable
    budget: AccuracyBudget
    actions: ActionSpec = field(default_factory=ActionSpec)
    metric: Metric = Metric.ENERGY
    wider: float = 0.0

    def __post_init__(self) -> None:
        self._reference = metric_value(self.oracle.baseline, self.metric)
        self.measuring_s = 0.0

    @property
    def names(self) -> list[str]:
        """The compressible layers' names in execution order."""
        return [layer.name for layer in self.oracle.layers]

    @property
    def depth(self) -> int:
        """The number of compressible layers: the steps of an episode."""
        return len(self.oracle.layers)

    def choices(self, policy: Policy) -> list[LayerPolicy]:
        """Return what a policy does to each layer; raises InputError for a layer that the network does not have."""
        policy.check_names(self.names)
        return [policy.layer(name) for name in self.names]

    def policy(self, choices: Sequence[LayerPolicy]) -> Policy:
        """Return the policy of the first layers' choices; the rest stays dense at 8 bits."""
        return policy_of(self.names, choices)

    def cost(self, measurement: Observation | Priced) -> float:
        """Return the metric relative to the baseline."""
        return metric_value(measurement, self.metric) / self._reference

    def candidate(self, choices: Sequence[LayerPolicy], measurement: Observation, episode: int) -> Candidate:
        """Return what was measured on the validation images beside what was chosen."""
        loss_pct, cost = measurement.lost_pct(self.oracle.baseline), self.cost(measurement)
        reward = self.reward_table.lookup(loss_pct, saved_pct(1.0, cost))
        return Candidate(tuple(choices), measurement, loss_pct, cost, reward, episode)

    def step(self, layer_index: int, policy: LayerPolicy) -> Observation:
        """Compress one more layer and measure the network as it stands (one evaluation)."""
        start = time.perf_counter()
        measurement = self.oracle.step(layer_index, policy)
        self.measuring_s += time.perf_counter() - start
        return measurement

    def price(self, choices: Sequence[LayerPolicy]) -> float:
        """Return the metric of a network's choices relative to the baseline, without measuring accuracy."""
        return self.cost(self.oracle.price(policy_of(self.names, choices)))

    def measure(self, choices: Sequence[LayerPolicy], episode: int) -> Candidate:
        """Measure a whole network's choices (one evaluation)."""
        start = time.perf_counter()
        measurement = self.oracle.evaluate(policy_of(self.names, choices))
        self.measuring_s += time.perf_counter() - start
        return self.candidate(choices, measurement, episode)

    def check(self, candidate: Candidate, episode: int) -> Candidate:
        """Measure a candidate on the wider sample too and return it with accuracy and distortion over both."""
        start = time.perf_counter()
        measured = self.oracle.evaluate(policy_of(self.names, candidate.choices), split=Split.WIDER)
        self.measuring_s += time.perf_counter() - start
        share = self.wider / (1.0 + self.wider)

        def over_both(sampled: float, checked: float) -> float:
            return float(sampled + share * (checked - sampled))

        loss_pct = over_both(candidate.loss_pct, measured.lost_pct(self.oracle.baseline_on(Split.WIDER)))
        both = {
            "accuracy_pct": over_both(candidate.measurement.accuracy_pct, measured.accuracy_pct),
            "distortion": over_both(candidate.distortion, measured.distortion),
        }
        return replace(
            candidate,
            measurement=candidate.measurement.model_copy(update=both),
            loss_pct=loss_pct,
            reward=self.reward_table.lookup(loss_pct, candidate.gain_pct),
            episode=episode,
        )
