"""What a measurement is made with: every setting once, as a field; options, files and their checks are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.policy import Policy
from compress.vocabulary import ActivationScales, Arithmetic, Clipping, Device, EnergyMode, Metric
from hwsim.errors import InputError, unknown_name
from hwsim.files.spec import LARGEST_SEED, Shown, Spec, code_in, setting, shown

if TYPE_CHECKING:
    from hwsim.pricing.layer_pricer import LayerPricer

TRAINED_WEIGHTS = "trained_weights"
"""Weights that a method trained: a file beside the policy, which holds for them and not for those it began with."""

_NETWORK, _TILE, _MEASURED = "Network and data", "Tile and prices", "Measurement"


class MeasurementSpec(Spec):
    """Network, data, tile, prices and arithmetic of a measurement."""

    model: str | None = setting(
        None, "A built-in network, or package.module:callable.", Shown(_NETWORK, names_code=True)
    )
    data: str | None = setting(
        None, "digits, cifar10:DIR, cifar100:DIR or imagefolder:DIR.", Shown(_NETWORK, metavar="NAME[:DIR]")
    )
    weights: Path | None = setting(
        None,
        "A state dict (.pt) or safetensors file; digits-cnn brings its own.",
        Shown(_NETWORK, metavar="FILE", default_text=""),
    )
    seed: int = setting(0, "The seed of everything random.", Shown(_NETWORK), ge=0, le=LARGEST_SEED)
    accelerator: str = setting("paper", "The tile: a preset or a TOML file.", Shown(_TILE, metavar="NAME|FILE"))
    mac_table: Path | None = setting(
        None, "A mac_energy.json.", Shown(_TILE, metavar="FILE", default_text="the shipped one")
    )
    costs: str | None = setting(
        None, "Memory costs: a preset or a TOML file.", Shown(_TILE, metavar="NAME|FILE", default_text="the tile's own")
    )
    energy: EnergyMode = setting(EnergyMode.SIMULATED, "The energy model that prices a policy.", Shown(_TILE))
    metric: Metric = setting(Metric.ENERGY, "What is lowered, and what layers are mapped for.", Shown(_TILE))
    activation_scales: ActivationScales = setting(
        ActivationScales.TENSOR,
        "What shares a scale of activations; channel has no ONNX form.",
        Shown(_MEASURED),
    )
    activation_clipping: Clipping | None = setting(
        None,
        "How the ranges of activations are chosen: as seen, by the paper's Laplace formula, or by least squared error.",
        Shown(_MEASURED, default_text="laplace, with channel scales minmax"),
    )
    pruners: tuple[str, ...] = setting(
        (),
        "Pruners of your own that the policy names, MODULE:CLASS, separated by commas.",
        Shown(_NETWORK, split=True, metavar="NAMES", names_code=True, recorded=False),
    )
    arithmetic: Arithmetic = setting(
        Arithmetic.AUTO,
        "How sums are computed; bf16 is not exact, and its error is measured first.",
        Shown(_MEASURED, recorded=False),
    )
    device: Device = setting(
        Device.CPU, "Where images are run; accuracies are the same.", Shown(_MEASURED, recorded=False)
    )

    def pricer(self, costs: str | None = None) -> LayerPricer:
        """Return the pricer of the tile, with other memory costs where they are given."""
        from hwsim.pricing.layer_pricer import LayerPricer

        return LayerPricer(self.accelerator, self.mac_table, costs or self.costs, self.metric.value)

    def needed(self, name: str) -> str:
        """Return a setting that must be there; raises InputError where it is not."""
        value = getattr(self, name)
        if not value:
            raise InputError(f"{self.option(name)} is missing; give {self.option(name)}")
        return str(value)

    def told(self) -> dict[str, Any]:
        """Return what a policy's file says of its measurement: what decides its figures, as plain values."""
        values = self.as_json()
        kept = {
            name: values[name]
            for name, field in MeasurementSpec.model_fields.items()
            if shown(field).recorded and values[name] is not None
        }
        if not self.arithmetic.exact:  # the others give the same figures
            kept["arithmetic"] = self.arithmetic.value
        return kept


@dataclass(frozen=True)
class PolicySpec:
    """The measurement that a policy asks for, and the settings of it that its file gave, by name."""

    spec: MeasurementSpec
    from_file: Mapping[str, Any]
    path: Path

    def sentence(self) -> str:
        """Return one line that says which settings the file gave; empty where it gave none."""
        found = [f"{name.replace('_', '-')} {value}" for name, value in self.from_file.items()]
        return f"from {self.path}: {', '.join(found)}" if found else ""


_ALSO = ("method", TRAINED_WEIGHTS)
"""What a policy's file may hold beside the settings of its measurement."""


def spec_of_policy(policy: Policy, path: Path, given: Mapping[str, Any]) -> PolicySpec:
    """Return the measurement of a policy: each setting as given, else as the policy's file says, else the default.

    Paths in the file are as the search was given them: absolute, or relative to where it was started.
    Raises InputError for an unknown or wrong entry, a file that is not there, a missing network or data, and where
    the file names code: that has to be given again.
    """
    known = (*MeasurementSpec.model_fields, *_ALSO)
    for name in policy.metadata:
        if name not in known:
            raise InputError(f"policy '{path}': {unknown_name('setting', name, known)}")
    told = {name: value for name, value in policy.metadata.items() if value is not None and name != "method"}
    if TRAINED_WEIGHTS in told:
        told["weights"] = str(path.parent / str(told.pop(TRAINED_WEIGHTS)))
    if given.get("model", told.get("model")) != told.get("model"):
        told.pop("weights", None)  # they are another network's
    told = {name: value for name, value in told.items() if name not in given}
    _check_told(told, path)
    MeasurementSpec.of(told, f"policy '{path}'")
    for name in ("model", "data"):
        if not given.get(name, told.get(name)):
            option = MeasurementSpec.option(name)
            raise InputError(f"{option} is missing and '{path}' names none; give {option}")
    return PolicySpec(MeasurementSpec.of({**told, **given}), told, path)


def _check_told(told: Mapping[str, Any], path: Path) -> None:
    for option, code in code_in(MeasurementSpec, told):
        raise InputError(
            f"'{path}' names code ('{code}'), and no file is trusted with that; give {option} {code} again"
        )
    for name, value in told.items():
        option = MeasurementSpec.option(name)
        if name in ("weights", "mac_table") and isinstance(value, str) and not Path(value).is_file():
            raise InputError(f"'{path}' names {name} '{value}', which is no file here; give {option}")
