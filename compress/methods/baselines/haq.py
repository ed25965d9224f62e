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
from compress.methods.baselines.terminal_agent import TerminalAgent, TerminalMethod, TerminalSpec
from compress.policy import MAX_BITS, LayerPolicy, Policy
from compress.searching.environment import STATE_SIZE, static_features
from compress.searching.method import SearchBudget
from compress.searching.problem import Candidate, SearchProblem

REWARD_SCALE = 0.1
_REDUCED, _ACTIVATIONS, _PREVIOUS = 11, 12, 13


class HAQ(TerminalMethod):
    """The method `haq`: one evaluation an episode."""

    name = "haq"

    def __init__(self, problem: SearchProblem, budget: SearchBudget, spec: TerminalSpec, seed: int) -> None:
        last = problem.depth - 1
        # a network of one or two layers has nothing between the first and the last: all of it is searched then
        self._fixed = {0, last} if problem.depth > 2 else set[int]()
        self._lowest_bits = [
            MAX_BITS if step // 2 in self._fixed else problem.actions.min_bits for step in range(2 * problem.depth)
        ]
        tightest = problem.price(_choices(self._lowest_bits))
        agent = TerminalAgent(STATE_SIZE, spec, seed)
        super().__init__(problem, budget, agent, BudgetLadder(budget.episodes, tightest, 1.0))
        self._static = static_features(problem.oracle.layers)
        energies = np.array([layer.energy_pj for layer in problem.oracle.layers])
        self._energy = energies / energies.sum()

    @classmethod
    def build(cls, problem: SearchProblem, budget: SearchBudget, seed: int) -> HAQ:
        """Return the method with settings for so many episodes."""
        return cls(problem, budget, TerminalSpec().scaled(budget.episodes), seed)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {**self._agent.hyperparameters(), "reward_scale": REWARD_SCALE}

    def ask(self) -> Policy:
        """Return the policy of precisions chosen step by step and cut back to the budget."""
        bits: list[int] = []
        for step in range(2 * self.problem.depth):
            if step // 2 in self._fixed:
                bits.append(MAX_BITS)
                continue
            state = self._state(step, bits)
            action = self._agent.act(state, self.episode)
            bits.append(self.problem.actions.bits(action))
            self._agent.took(state, action)
        return self.problem.policy(_choices(self.within_budget(bits, self._ladder.share)))

    def reward(self, measured: Candidate) -> float:
        """Return the accuracy lost, scaled (eq. 5)."""
        return -REWARD_SCALE * measured.loss_pct

    def within_budget(self, bits: list[int], share: float) -> list[int]:
        """Return [weights, activations] of each layer in turn, lowered from the last backwards until the share is
        met."""
        lowered, lowest = list(bits), self._lowest_bits
        while self._price(lowered) > share and lowered != lowest:
            for index in reversed(range(len(lowered))):
                if lowered[index] > lowest[index]:
                    lowered[index] -= 1
                    if self._price(lowered) <= share:
                        break
        return lowered

    def _price(self, bits: list[int]) -> float:
        return self.problem.price(_choices(bits))

    def _state(self, step: int, bits: list[int]) -> NDArray[np.float32]:
        state: NDArray[np.float32] = self._static[step // 2].copy()
        chosen = np.array(bits, dtype=float) / MAX_BITS
        state[_REDUCED] = float(np.repeat(self._energy, 2)[:step] @ (1.0 - chosen)) / 2.0 if bits else 0.0
        state[_ACTIVATIONS] = float(step % 2)
        state[_PREVIOUS] = chosen[-1] if bits else 1.0
        return state


def _choices(bits: list[int]) -> list[LayerPolicy]:
    return [
        LayerPolicy(bits=weights, activation_bits=acts) for weights, acts in zip(bits[::2], bits[1::2], strict=True)
    ]
