"""AMC: one channel keep ratio a layer by DDPG, under a budget that the layers still to come can always meet.

Source: He et al., "AMC: AutoML for Model Compression and Acceleration on Mobile Devices", ECCV 2018, algorithm 1.
Channels are chosen by L1 norm and the rest refitted by least squares; all layers stay at 8 bits, as Balaskas et al.,
section 5.2, quantize AMC's result. Readings: the budget is of energy (AMC: FLOPs), bisected over the search so that the
accuracy budget is met; no fine-tuning between the steps; a depthwise layer follows its producer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.methods.baselines.budget_bisection import BudgetLadder
from compress.methods.baselines.terminal_agent import TerminalAgent, TerminalMethod, TerminalSpec
from compress.policy import DENSE_8BIT, LayerPolicy, Policy
from compress.searching.environment import STATE_SIZE, static_features
from compress.searching.method import SearchBudget
from compress.searching.problem import Candidate, SearchProblem

PRUNER = "fm_reconstruction"
LOWEST_KEEP = 0.2
ROUNDING = 8
_REDUCED, _REST, _PREVIOUS = 11, 12, 13


class AMC(TerminalMethod):
    """The method `amc`: one evaluation an episode."""

    name = "amc"

    def __init__(self, problem: SearchProblem, budget: SearchBudget, spec: TerminalSpec, seed: int) -> None:
        agent = TerminalAgent(STATE_SIZE, spec, seed)
        super().__init__(problem, budget, agent, BudgetLadder(budget.episodes, LOWEST_KEEP, 1.0))
        self._layers = list(problem.oracle.layers)
        self._static = static_features(self._layers)
        energies = np.array([layer.energy_pj for layer in self._layers])
        self._energy = energies / energies.sum()
        # the image's own channels are not prunable, a depthwise layer has none of its own
        self._prunable = [index > 0 and not layer.depthwise for index, layer in enumerate(self._layers)]

    @classmethod
    def build(cls, problem: SearchProblem, budget: SearchBudget, seed: int) -> AMC:
        """Return the method with settings for so many episodes."""
        return cls(problem, budget, TerminalSpec().scaled(budget.episodes), seed)

    def hyperparameters(self) -> dict[str, Any]:
        """Return every setting as it was used."""
        return {**self._agent.hyperparameters(), "lowest_keep": LOWEST_KEEP, "channel_rounding": ROUNDING}

    def ask(self) -> Policy:
        """Return the policy of keep ratios chosen layer by layer."""
        keeps: list[float] = []
        for index in range(len(self._layers)):
            if not self._prunable[index]:
                keeps.append(1.0)
                continue
            state = self._state(index, keeps)
            keep = LOWEST_KEEP + (1.0 - LOWEST_KEEP) * self._agent.act(state, self.episode)
            keep = self.rounded(index, min(keep, self.largest_keep(index, keeps)))
            keeps.append(keep)
            self._agent.took(state, (keep - LOWEST_KEEP) / (1.0 - LOWEST_KEEP))
        return self.problem.policy([_layer_policy(keep) for keep in keeps])

    def reward(self, measured: Candidate) -> float:
        """Return the accuracy, in [0, 1]."""
        return measured.measurement.accuracy_pct / 100.0

    def largest_keep(self, index: int, keeps: list[float]) -> float:
        """Return the largest keep ratio that leaves the budget reachable with all later layers at their lowest."""
        spent = float(self._energy[:index] @ np.array(keeps)) if keeps else 0.0
        lowest = np.where(self._prunable, LOWEST_KEEP, 1.0)
        rest = float(self._energy[index + 1 :] @ lowest[index + 1 :])
        return max((self._ladder.share - spent - rest) / float(self._energy[index]), LOWEST_KEEP)

    def rounded(self, index: int, keep: float) -> float:
        """Return a keep ratio that leaves a multiple of 8 channels, at least one such multiple."""
        channels = self._layers[index].in_channels
        if channels <= ROUNDING:
            return min(max(round(keep * channels), 1) / channels, 1.0)
        kept = max(round(keep * channels / ROUNDING), 1) * ROUNDING
        return min(kept / channels, 1.0)

    def _state(self, index: int, keeps: list[float]) -> NDArray[np.float32]:
        state: NDArray[np.float32] = self._static[index].copy()
        done = self._energy[:index]
        state[_REDUCED] = float(done @ (1.0 - np.array(keeps))) if keeps else 0.0
        state[_REST] = float(self._energy[index + 1 :].sum())
        state[_PREVIOUS] = keeps[-1] if keeps else 1.0
        return state


def _layer_policy(keep: float) -> LayerPolicy:
    sparsity = round(1.0 - keep, 4)
    return LayerPolicy(PRUNER, sparsity, 8) if sparsity > 0.0 else DENSE_8BIT
