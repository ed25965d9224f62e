"""What a policy.json says about the search that made it: network, data, weights, tile; options say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compress.oracle.cost_model import EnergyMode
from compress.policy import Policy
from compress.quantization.affine import ActivationScales, Clipping
from compress.quantization.arithmetic import Arithmetic
from compress.search.problem import Metric
from hwsim.errors import InputError, unknown_name

TRAINED_WEIGHTS = "trained_weights"
"""Weights that a method trained: a file beside the policy, which holds for them and not for those it began with."""

CHOICES: dict[str, tuple[str, ...]] = {
    "energy": tuple(mode.value for mode in EnergyMode),
    "metric": tuple(metric.value for metric in Metric),
    "activation_scales": tuple(scales.value for scales in ActivationScales),
    "activation_clipping": tuple(clipping.value for clipping in Clipping),
    "arithmetic": tuple(arithmetic.value for arithmetic in Arithmetic),
}
TEXTS = ("model", "data", "weights", "accelerator", "mac_table", "costs", *CHOICES)
FILES = ("weights", "mac_table")


class PolicySettings:
    """The settings of a measurement: each an option where it was given, else what the policy's file says.

    Paths in the file are as the search was given them: absolute, or relative to where it was started.
    """

    def __init__(self, policy: Policy, path: Path, options: Mapping[str, Any]) -> None:
        told = {name: value for name, value in policy.metadata.items() if value is not None}
        for name in (*TEXTS, TRAINED_WEIGHTS):
            if name in told and not isinstance(told[name], str):
                raise InputError(f"policy '{path}': '{name}' is {told[name]!r}, must be text")
        seed = told.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"policy '{path}': 'seed' is {seed!r}, must be a whole number from 0")
        for name, allowed in CHOICES.items():
            if told.get(name, allowed[0]) not in allowed:
                raise InputError(f"policy '{path}': {unknown_name(name, told[name], allowed)}")
        if TRAINED_WEIGHTS in told:
            told["weights"] = str(path.parent / told.pop(TRAINED_WEIGHTS))
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("model", told.get("model")) != told.get("model"):
            told.pop("weights", None)  # they are another network's
        self._path = path
        self._given = given
        self._told = {name: value for name, value in told.items() if name not in given}

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting. Raises InputError for a file that the policy names and that is not there."""
        if name in self._given:
            return self._given[name]
        value = self._told.get(name, default)
        if name in FILES and value is not None and not Path(value).is_file():
            raise InputError(f"'{self._path}' names {name} '{value}', which is no file here; give {_option(name)}")
        return value

    def clipping(self) -> Clipping | None:
        """Return how activations are clipped; None, the documented rule, where nothing says so."""
        named = self.get("activation_clipping")
        return None if named is None else Clipping(named)

    def needed(self, name: str) -> str:
        """Return a setting that must be there. Raises InputError where neither names it."""
        value = self.get(name)
        if not value:
            raise InputError(f"{_option(name)} is missing and '{self._path}' names none; give {_option(name)}")
        return str(value)

    def told(self, names: tuple[str, ...] = (*TEXTS, "seed")) -> str:
        """Return one line that says which of these settings the file gave; empty where it gave none."""
        found = [f"{name.replace('_', '-')} {self._told[name]}" for name in names if name in self._told]
        return f"from {self._path}: {', '.join(found)}" if found else ""


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
