"""HAQ: weight and activation bits of each layer by DDPG, cut back to a budget after each episode's choices.

Source: Wang et al., "HAQ: Hardware-Aware Automated Quantization with Mixed Precision", CVPR 2019, sections 3.1 to 3.4:
two steps a layer, first and last layer at 8 bits; over budget, bits are taken one by one from the last layer backwards;
the reward is 0.1 * (accuracy - accuracy of the original). Readings: the budget is of the search's metric on the tile,
bisected over the search so that the accuracy budget is met; no fine-tuning between the episodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.baselines.budget_bisection import BudgetLadder
from compress.methods.baselines.terminal_agent import TerminalAgent, TerminalSpec
from compress.policy import MAX_BITS, LayerPolicy
from compress.search.environment import STATE_SIZE, static_features
from compress.search.method import EpisodeOutcome, SearchBudget
from compress.search.problem import SearchProblem

REWARD_SCALE = 0.1
_REDUCED, _ACTIVATIONS, _PREVIOUS = 11, 12, 13


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
        bits: list[int] = []
        for step in range(2 * self._problem.depth):
            if step // 2 in self._fixed:
                bits.append(MAX_BITS)
                continue
            state = self._state(step, bits)
            action = self._agent.act(state, episode)
            bits.append(self._problem.actions.bits(action))
            self._agent.took(state, action)
        bits = self.within_budget(bits, self._ladder.share)
        candidate = self._problem.measure(_choices(bits), episode)
        reward = -REWARD_SCALE * candidate.loss_pct
        figures = self._agent.finish(episode, reward, episode / self._budget.episodes)
        figures["budget"] = self._ladder.share
        self._ladder.finish(episode, met=candidate.loss_pct <= self._problem.budget.target_pct)
        return EpisodeOutcome((candidate,), candidate, figures)

    def within_budget(self, bits: list[int], share: float) -> list[int]:
        """Return [weights, activations] of each layer in turn, lowered from the last backwards until the share is
        met."""
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
        return [MAX_BITS if step // 2 in self._fixed else lowest for step in range(2 * self._problem.depth)]

    def _price(self, bits: list[int]) -> float:
        return self._problem.price(_choices(bits))

    def _state(self, step: int, bits: list[int]) -> NDArray[np.float32]:
        state: NDArray[np.float32] = self._static[step // 2].copy()
        chosen = np.array(bits, dtype=float) / MAX_BITS
        state[_REDUCED] = float(np.repeat(self._energy, 2)[:step] @ (1.0 - chosen)) / 2.0 if bits else 0.0
        state[_ACTIVATIONS] = float(step % 2)
        state[_PREVIOUS] = chosen[-1] if bits else 1.0
        return state

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to continue exactly."""
        return {"agent": self._agent.state(), "ladder": self._ladder.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._agent.load(state["agent"])
        self._ladder.load(state["ladder"])


def _choices(bits: list[int]) -> list[LayerPolicy]:
    return [
        LayerPolicy(bits=weights, activation_bits=acts) for weights, acts in zip(bits[::2], bits[1::2], strict=True)
    ]
