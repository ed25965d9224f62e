"""A method of somebody's own among ours: its asks are checked, and its faults named, before anything is measured."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from compress.plugins import users_code
from compress.policy import LayerPolicy, Policy
from compress.searching.method import AskTellMethod, SearchBudget
from compress.searching.problem import Candidate, SearchProblem
from hwsim.errors import InputError, RunError
from hwsim.files.spec import Spec


class AskTell(Protocol):
    """What a method of one's own has; `state_dict` and `load_state_dict` too where it is to resume."""

    def ask(self) -> Policy | None:
        """Return the policy to measure next, None where nothing is left."""

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Take what the policy loses (`loss_pct`), saves (`gain_pct`) and is worth (`reward`)."""


class ForeignMethod(AskTellMethod):
    """Drives an object with `ask` and `tell`."""

    def __init__(self, inner: AskTell, name: str, problem: SearchProblem, budget: SearchBudget, options: Spec) -> None:
        super().__init__(problem, budget.evaluations_per_episode)
        self.name = name
        self._inner, self._options = inner, options

    def hyperparameters(self) -> dict[str, Any]:
        """Return its options."""
        return self._options.as_json()

    def ask(self) -> Policy | None:
        """Return the inner method's next policy; raises RunError where it fails or returns something else."""
        with users_code(f"--method '{self.name}': ask"):
            policy = self._inner.ask()
        if policy is None:
            return None
        layers = policy.layers if isinstance(policy, Policy) else None
        if not isinstance(layers, Mapping):
            raise RunError(
                f"--method '{self.name}': ask returned {type(policy).__name__}, must return a compress.Policy of layers"
                " by name, or None"
            )
        for name, layer in layers.items():
            if not isinstance(name, str) or not isinstance(layer, LayerPolicy):
                raise RunError(
                    f"--method '{self.name}': ask returned a Policy with {name!r}: {type(layer).__name__}, must hold a"
                    " compress.LayerPolicy for each layer's name"
                )
        return policy

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Tell the inner method; raises RunError where it fails."""
        with users_code(f"--method '{self.name}': tell"):
            self._inner.tell(policy, measured)

    def measure(self, policy: Policy, episode: int) -> Candidate:
        """Measure a policy; raises RunError where it names a layer that the network does not have."""
        try:
            return super().measure(policy, episode)
        except InputError as error:
            raise RunError(f"--method '{self.name}': {error}") from None

    def state_dict(self) -> dict[str, Any]:
        """Return the inner method's state, nothing where it has none; raises RunError for what no checkpoint holds."""
        inner: Any = self._inner
        if not hasattr(inner, "state_dict"):
            return {"inner": {}}
        with users_code(f"--method '{self.name}': state_dict"):
            state = inner.state_dict()
        found = _unkept(state, "state_dict()")
        if found is not None:
            raise RunError(
                f"--method '{self.name}': {found}; a checkpoint holds tensors, numbers, text, lists, tuples and dicts"
            )
        return {"inner": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the inner method; raises InputError where it cannot."""
        inner: Any = self._inner
        if not hasattr(inner, "load_state_dict"):
            raise InputError(
                f"--resume: the method '{self.name}' has no state_dict and load_state_dict, so it cannot continue;"
                " start a new search in another folder"
            )
        with users_code(f"--resume: load_state_dict of the method '{self.name}'", InputError):
            inner.load_state_dict(state["inner"])


_KEPT = (bool, int, float, str, type(None), Tensor)
_DEPTH = 50


def _unkept(value: Any, where: str, depth: int = 0) -> str | None:
    """Return what of a state no checkpoint would give back, None where all of it is plain."""
    if depth > _DEPTH:
        return f"{where} is nested more than {_DEPTH} deep"
    if isinstance(value, dict) and type(value) in (dict, OrderedDict):
        entries = [(f"{where}[{key!r}]", one) for key, one in value.items()]
        odd = [key for key in value if type(key) not in (str, int)]
        if odd:
            return f"{where} has the key {odd[0]!r}, a {type(odd[0]).__name__}"
    elif type(value) in (list, tuple):
        entries = [(f"{where}[{index}]", one) for index, one in enumerate(value)]
    else:
        # a NumPy number is a float too, and is not read back
        return None if type(value) in _KEPT or isinstance(value, Tensor) else f"{where} is a {type(value).__name__}"
    return next((found for place, one in entries if (found := _unkept(one, place, depth + 1)) is not None), None)
