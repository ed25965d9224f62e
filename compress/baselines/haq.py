"""HAQ: one precision a layer by DDPG, cut back to a budget of the accelerator's energy after each episode's choices.

Source: Wang et al., "HAQ: Hardware-Aware Automated Quantization with Mixed Precision", CVPR 2019, sections 3.1 to
3.4: first and last layer stay at 8 bits; over budget, bits are taken one by one, layer after layer, from the last layer
backwards; the reward is 0.1 * (accuracy - accuracy of the original). Readings: weights and activations of a layer
share one width, as all policies here (Balaskas et al., section 4.1), so HAQ's two steps a layer are one; the budget
is bisected over the search so that the accuracy budget is met; no fine-tuning between the episodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.baselines.budget_ladder import BudgetLadder
from compress.baselines.terminal_agent import TerminalAgent, TerminalSpec
from compress.environment import STATE_SIZE, static_features
from compress.method import EpisodeOutcome, SearchBudget
from compress.policy import MAX_BITS, LayerPolicy
from compress.problem import SearchProblem

REWARD_SCALE = 0.1
_REDUCED, _PREVIOUS = 11, 13


class HAQ:
    """The method `haq`: one evaluation an episode."""

    name = "haq"
    needs_training_data = False

    def __init__(self, problem: SearchProblem, budget: SearchBudget, spec: TerminalSpec, seed: int) -> None:
        self._problem, self._budget = problem, budget
        self._static = static_features(list(problem.oracle.layers))
        energies = np.array([layer.energy_pj for layer in problem.oracle.layers])
        self._energy = energies / energies.sum()
        last = problem.depth - 1
        # a network of one or two layers has nothing between the first and the last: all of it is searched then
        self._fixed = {0, last} if problem.depth > 2 else set[int]()
        self._agent = TerminalAgent(STATE_SIZE, spec, seed)
        self._ladder = BudgetLadder(budget.episodes, self._price(self._lowest()), 1.0)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {**self._agent.hyperparameters(), "reward_scale": REWARD_SCALE}

    def run_episode(self, episode: int) -> EpisodeOutcome:
        """Choose all precisions, cut them back to the budget, then measure the network once."""
        actions = self._problem.actions
        bits: list[int] = []
        previous = 1.0
        for index in range(self._problem.depth):
            if index in self._fixed:
                bits.append(MAX_BITS)
                continue
            state = self._state(index, bits, previous)
            previous = self._agent.act(state, episode)
            bits.append(actions.bits(previous))
            self._agent.took(state, previous)
        bits = self.within_budget(bits, self._ladder.share)
        candidate = self._problem.measure([LayerPolicy(bits=width) for width in bits], episode)
        reward = -REWARD_SCALE * candidate.loss_pct
        figures = self._agent.finish(episode, reward, episode / self._budget.episodes)
        figures["budget"] = self._ladder.share
        self._ladder.finish(episode, met=candidate.loss_pct <= self._problem.budget.target_pct)
        return EpisodeOutcome((candidate,), candidate, figures)

    def within_budget(self, bits: list[int], share: float) -> list[int]:
        """Return the precisions lowered, from the last layer backwards in rounds, until the metric meets its share."""
        lowered, lowest = list(bits), self._lowest()
        while self._price(lowered) > share and lowered != lowest:
            for index in reversed(range(len(lowered))):
                if lowered[index] > lowest[index]:
                    lowered[index] -= 1
                    if self._price(lowered) <= share:
                        break
        return lowered

    def _lowest(self) -> list[int]:
        lowest = self._problem.actions.min_bits
        return [MAX_BITS if index in self._fixed else lowest for index in range(self._problem.depth)]

    def _price(self, bits: list[int]) -> float:
        return self._problem.price([LayerPolicy(bits=width) for width in bits])

    def _state(self, index: int, bits: list[int], previous: float) -> NDArray[np.float32]:
        state: NDArray[np.float32] = self._static[index].copy()
        saved = 1.0 - np.array(bits, dtype=float) / MAX_BITS
        state[_REDUCED] = float(self._energy[:index] @ saved) if bits else 0.0
        state[_PREVIOUS] = previous
        return state

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"agent": self._agent.state(), "ladder": self._ladder.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._agent.load(state["agent"])
        self._ladder.load(state["ladder"])
