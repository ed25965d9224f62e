"""The search as a Gymnasium environment: one layer a step, so that anybody's agent can run on it.

Source: Balaskas et al., section 4.2, eq. 1 and 2. Readings: a_(t-1) is two numbers (ratio and precision), so the
state has 14 entries; M_t is kept for fully connected layers; E_red is the energy reduction of the network so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from compress.policy import LayerPolicy, Policy
from compress.searching.actions import policy_of
from compress.searching.problem import Candidate, LayerFeatures, SearchProblem
from compress.searching.setup import build_task
from compress.searching.spec import SearchSpec
from compress.vocabulary import RewardMode
from hwsim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from compress.oracle.problem import Problem

STATE_SIZE = 14
FLOAT_BITS = 32
_E_RED = 11
_LAST_ACTION = slice(12, 14)

State: TypeAlias = NDArray[np.float32]


def static_features(layers: Sequence[LayerFeatures]) -> NDArray[np.float32]:
    """Return float32[layers, 14]: each feature scaled to [0, 1] over the network's layers, the dynamic ones 0.

    A feature that is equal in all layers is 0.
    """
    raw = np.zeros((len(layers), STATE_SIZE))
    for index, layer in enumerate(layers):
        fully_connected = layer.kind == "fc"
        raw[index, :_E_RED] = (
            index,
            1.0 if fully_connected else 0.0,
            layer.out_channels,
            layer.in_channels,
            layer.in_height,
            layer.in_width,
            0.0 if fully_connected else layer.stride,
            1.0 if fully_connected else layer.kernel,
            layer.energy_pj,
            layer.parameters,
            layer.parameters * FLOAT_BITS,
        )
    types = raw[:, 1].copy()
    low, span = raw.min(axis=0), np.ptp(raw, axis=0)
    scaled = (raw - low) / np.where(span > 0, span, 1.0)
    scaled[:, 1] = types  # a network of one kind keeps saying which
    return np.asarray(scaled, np.float32)


class CompressionEnv(gymnasium.Env[State, NDArray[np.float32]]):
    """Compress one layer a step; the action is (ratio, precision, pruner) in [0, 1]^3, the observation eq. 1 in [0,
    1]^14.

    `info` of each step holds the `candidate` (the network with the layers so far compressed; None where the mode does
    not measure) and the `policy` chosen.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own class attribute

    def __init__(self, problem: SearchProblem, mode: RewardMode = RewardMode.STEP) -> None:
        self.problem = problem
        self.mode = mode
        self.observation_space = spaces.Box(0.0, 1.0, (STATE_SIZE,), np.float32)
        self.action_space = spaces.Box(0.0, 1.0, (3,), np.float32)
        self.episode = 0
        self._static = static_features(problem.oracle.layers)
        self._choices: list[LayerPolicy] = []
        self._action = (0.0, 0.0)
        self._state = self._static[0].copy()
        self._idle_reward = problem.reward_table.lookup(0.0, 0.0)
        self._previous_reward = self._idle_reward

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[State, dict[str, Any]]:
        """Return to the dense 8-bit network and the first layer."""
        super().reset(seed=seed, options=options)
        self.problem.oracle.reset()
        self._choices = []
        self._previous_reward = self._idle_reward
        self._state = self._static[0].copy()
        return self._state.copy(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[State, float, bool, bool, dict[str, Any]]:
        """Compress the current layer and measure the network as it stands."""
        ratio, precision, pruner = _checked(action)
        return self.compress(ratio, precision, self.problem.actions.pruner(pruner))

    def compress(self, ratio: float, precision: float, pruner: int) -> tuple[State, float, bool, bool, dict[str, Any]]:
        """Compress the current layer with a pruner given by its index; otherwise as `step`."""
        policy = self.choose(ratio, precision, pruner)
        candidate = None
        if self.measures:
            terminal = self.mode is RewardMode.TERMINAL
            choices, last = self._choices, len(self._choices) - 1
            candidate = (
                self.problem.measure(choices, self.episode)
                if terminal
                else self.problem.candidate(choices, self.problem.step(last, policy), self.episode)
            )
        state, reward, done = self.observe(candidate)
        return state, reward, done, False, {"candidate": candidate, "policy": policy}

    def choose(self, ratio: float, precision: float, pruner: int) -> LayerPolicy:
        """Decide the current layer without measuring anything; `observe` goes on to the next one."""
        if self.done:
            raise ResetNeeded("every layer of the network is decided; call reset() for the next episode")
        policy = self.problem.actions.layer_policy(ratio, precision, pruner)
        self._choices.append(policy)
        self._action = (ratio, precision)
        return policy

    @property
    def done(self) -> bool:
        """Whether every layer is decided."""
        return len(self._choices) == self.problem.depth

    @property
    def measures(self) -> bool:
        """Whether the network as it stands has to be measured: a terminal reward looks at the last layer's only."""
        return self.done or self.mode is not RewardMode.TERMINAL

    @property
    def policy(self) -> Policy:
        """The network as it stands: the layers decided so far, the rest dense."""
        return policy_of(self.problem.names, self._choices)

    def observe(self, candidate: Candidate | None) -> tuple[State, float, bool]:
        """Return the next state, what is paid and whether the episode ends; `candidate` is the network as measured,
        None where it was not: nothing is paid then, and accuracy is not looked at."""
        if candidate is None:
            energy_pj, reward = self.problem.oracle.price(self.policy).energy_pj, 0.0
        else:
            energy_pj, reward = candidate.measurement.energy_pj, self._reward(candidate.reward)
        self._state = self._next_state(energy_pj, *self._action)
        return self._state.copy(), reward, self.done

    def _next_state(self, energy_pj: float, ratio: float, precision: float) -> State:
        state: State = self._static[min(len(self._choices), self.problem.depth - 1)].copy()
        state[_E_RED] = np.clip(1.0 - energy_pj / self.problem.oracle.baseline.energy_pj, 0.0, 1.0)
        state[_LAST_ACTION] = np.clip((ratio, precision), 0.0, 1.0)
        return state

    def _reward(self, reward: float) -> float:
        if self.mode is not RewardMode.DELTA:
            return reward
        change, self._previous_reward = reward - self._previous_reward, reward
        return change

    def return_bounds(self) -> tuple[float, float]:
        """Return the smallest and largest sum of rewards that an episode can reach."""
        low, high = self.problem.reward_table.lowest, self.problem.reward_table.highest
        if self.mode is RewardMode.STEP:
            return self.problem.depth * low, self.problem.depth * high
        if self.mode is RewardMode.DELTA:  # a sum of changes, and any tail of an episode is one as well
            return low - high, high - low
        return min(low, 0.0), max(high, 0.0)


def _checked(action: Any) -> tuple[float, float, float]:
    """Return the three numbers of an action; raises InputError for anything else."""
    try:
        ratio, precision, pruner = (float(value) for value in action)
    except (TypeError, ValueError):
        raise InputError(f"the action is {action!r}, must be three numbers from 0 to 1") from None
    if not all(0.0 <= value <= 1.0 for value in (ratio, precision, pruner)):
        raise InputError(f"the action is {action!r}, must be three numbers from 0 to 1")
    return ratio, precision, pruner


class _ProblemEnv(CompressionEnv):
    """The environment of a problem and a spec, from which it is made again elsewhere: oracles are not sent around."""

    def __init__(self, source: Problem, spec: SearchSpec, mode: RewardMode) -> None:
        self._source, self._spec = source, spec
        super().__init__(build_task(source, spec).problem, mode)

    def __reduce__(self) -> tuple[Any, ...]:
        return _ProblemEnv, (self._source, self._spec, self.mode)


def make_env(problem: Problem, mode: RewardMode | str = RewardMode.STEP, **settings: Any) -> CompressionEnv:
    """Return the Gymnasium environment of a problem (`compress.load`); `settings` are fields of SearchSpec.

    It can be pickled, so that vectorised environments work; a copy begins a new episode.
    """
    if not hasattr(problem, "named"):
        raise InputError(f"the problem is {type(problem).__name__}, must be what compress.load returns")
    known = [one.value for one in RewardMode]
    if mode not in known:
        raise InputError(f"mode: {unknown_name('reward mode', str(mode), known)}")
    spec = SearchSpec.of({**problem.named(), **settings})
    return _ProblemEnv(problem, spec, RewardMode(mode))
