"""A method of somebody's own among ours: its asks are checked, and its faults named, before anything is measured."""

from __future__ import annotations

from typing import Any, Protocol

from compress.policy import Policy
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
        try:
            policy = self._inner.ask()
        except Exception as error:
            raise RunError(f"--method '{self.name}': ask failed with {type(error).__name__}: {error}") from error
        if policy is not None and not isinstance(policy, Policy):
            raise RunError(
                f"--method '{self.name}': ask returned {type(policy).__name__}, must return a compress.Policy or None"
            )
        return policy

    def tell(self, policy: Policy, measured: Candidate) -> None:
        """Tell the inner method; raises RunError where it fails."""
        try:
            self._inner.tell(policy, measured)
        except Exception as error:
            raise RunError(f"--method '{self.name}': tell failed with {type(error).__name__}: {error}") from error

    def measure(self, policy: Policy, episode: int) -> Candidate:
        """Measure a policy; raises RunError where it names a layer that the network does not have."""
        try:
            return super().measure(policy, episode)
        except InputError as error:
            raise RunError(f"--method '{self.name}': {error}") from None

    def state_dict(self) -> dict[str, Any]:
        """Return the inner method's state, nothing where it has none."""
        inner: Any = self._inner
        return {"inner": inner.state_dict() if hasattr(inner, "state_dict") else {}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the inner method; raises InputError where it cannot."""
        if not hasattr(self._inner, "load_state_dict"):
            raise InputError(
                f"--resume: the method '{self.name}' has no state_dict and load_state_dict, so it cannot continue;"
                " start a new search in another folder"
            )
        inner: Any = self._inner
        inner.load_state_dict(state["inner"])
