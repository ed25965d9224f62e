"""What is done to each layer: pruner, sparsity and bits; one file for search, evaluation and export."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import InputError, unknown_name
from hwsim.files.reading import read_json
from hwsim.files.writing import write_text
from hwsim.workload.policy_file import PolicyFile

if TYPE_CHECKING:
    import pandas as pd

MIN_BITS = 2
MAX_BITS = 8
NO_PRUNER = "none"


@dataclass(frozen=True)
class LayerOutcome:
    """What came of a layer's policy: the pruner that ran, the sparsity that it reached, and the shape that is left.

    `ran` differs from the policy's pruner where structure could not change, and single weights went instead; "none"
    where nothing was to go. Channels are features of a linear layer. `zero_filter`: the share of zeros among the
    weights that are left. Whoever prices a policy prices this, not what pruners by those names would do.
    """

    ran: str
    realised_sparsity: float
    in_channels: int
    out_channels: int
    zero_filter: float


@dataclass(frozen=True)
class LayerPolicy:
    """One layer's compression: which pruner, its target sparsity in [0, 1], bits of weights and activations alike.

    `activation_bits` is for methods that part the two (HAQ, ASQJ, joint); None means that `bits` holds for both.
    `realised_sparsity` and the last four are what came of it (see LayerOutcome): None before an evaluation.
    Raises InputError for a sparsity outside [0, 1] and bits outside 2..8; whether the pruner is known is asked where
    the policy is used.
    """

    pruner: str = NO_PRUNER
    sparsity: float = 0.0
    bits: int = MAX_BITS
    realised_sparsity: float | None = None
    activation_bits: int | None = None
    in_channels: int | None = None
    out_channels: int | None = None
    zero_filter: float | None = None
    ran: str | None = None

    def __post_init__(self) -> None:
        _check_pruner(self.pruner)
        if self.ran is not None and not isinstance(self.ran, str):
            raise InputError(f"ran is {self.ran!r}, must be the name of the pruner that ran")
        _check_fraction("sparsity", self.sparsity)
        for name in ("realised_sparsity", "zero_filter"):
            if getattr(self, name) is not None:
                _check_fraction(name, getattr(self, name))
        for name in ("in_channels", "out_channels"):
            _check_count(name, getattr(self, name))
        check_bits(self.bits)
        if self.activation_bits is not None:
            check_bits(self.activation_bits, "activation_bits")

    @property
    def prunes(self) -> bool:
        """Whether anything is to be removed."""
        return self.pruner != NO_PRUNER and self.sparsity > 0

    @property
    def input_bits(self) -> int:
        """Bits of the layer's ifmap."""
        return self.bits if self.activation_bits is None else self.activation_bits

    @property
    def action(self) -> tuple[str, float, int, int]:
        """What was decided, without what came of it: the key under which equal actions are equal."""
        pruned = (self.pruner, self.sparsity) if self.prunes else (NO_PRUNER, 0.0)
        return (*pruned, self.bits, self.input_bits)


def check_bits(bits: int, where: str = "bits") -> int:
    """Return the bit-width when it is a whole number from 2 to 8; raises InputError otherwise."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not MIN_BITS <= bits <= MAX_BITS:
        raise InputError(f"{where} is {bits!r}, must be a whole number from {MIN_BITS} to {MAX_BITS}")
    return bits


def _check_pruner(name: object) -> None:
    if not isinstance(name, str):
        raise InputError(
            f"pruner is {' '.join(repr(name).split())[:60]}, must be a pruner's name; '{NO_PRUNER}' prunes nothing"
        )


def _check_known(name: str) -> None:
    if name == NO_PRUNER:
        return
    from compress.pruning import pruner  # it needs torch, which specs and help do without

    pruner(name)


def _check_fraction(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1 or math.isnan(value):
        raise InputError(f"{name} is {value!r}, must be a number from 0 to 1")


def _check_count(name: str, value: int | None) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InputError(f"{name} is {value!r}, must be a whole number from 1")


DENSE_8BIT = LayerPolicy()
"""The reference of every saving: nothing pruned, 8 bits."""


@dataclass(frozen=True, repr=False)
class Policy:
    """The compression of a network: layer name to LayerPolicy; a layer not named stays dense at 8 bits.

    `metadata` travels in the file beside the layers (model, data, seed) and takes no part in an evaluation.
    """

    layers: Mapping[str, LayerPolicy]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def layer(self, name: str) -> LayerPolicy:
        """Return what is done to a layer."""
        return self.layers.get(name, DENSE_8BIT)

    def check_names(self, known: Iterable[str]) -> None:
        """Raise InputError where the policy names a layer that the network does not have."""
        names = list(known)
        for name in self.layers:
            if name not in names:
                raise unknown_name("layer in the policy", name, names)

    def completed(self, outcomes: Mapping[str, LayerOutcome]) -> Policy:
        """Return the policy of every layer that has an outcome, with it."""
        layers = {name: replace(self.layer(name), **vars(outcome)) for name, outcome in outcomes.items()}
        return Policy(layers, self.metadata)

    def as_json(self) -> dict[str, Any]:
        """Return the content of policy.json."""
        layers = {name: _entry(one) for name, one in self.layers.items()}
        return PolicyFile(**self.metadata, layers=layers).as_json()

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the text of policy.json; with a path, also write it there, whole or not at all."""
        text = json.dumps(self.as_json(), indent=2, allow_nan=False) + "\n"
        if path is not None:
            write_text(Path(path), text)
        return text

    def write(self, path: Path) -> None:
        """Write policy.json atomically."""
        self.to_json(path)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a layer that the policy names."""
        import pandas as pd

        return pd.DataFrame([{"layer": name, **vars(layer)} for name, layer in self.layers.items()])

    def __repr__(self) -> str:
        """Say in a line how far the policy goes."""
        bits = [layer.bits for layer in self.layers.values()]
        mean = f", {sum(bits) / len(bits):.1f} bits on average" if bits else ""
        pruned = sum(layer.prunes for layer in self.layers.values())
        return f"Policy({len(self.layers)} layers{mean}, {pruned} pruned)"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def uniform_policy(names: Iterable[str], layer: LayerPolicy) -> Policy:
    """Return the policy that does the same to every layer."""
    return Policy(dict.fromkeys(names, layer))


def read_policy(path: str | Path) -> Policy:
    """Read policy.json; raises InputError naming the layer and field that is wrong."""
    path = Path(path)
    return parse_policy(read_json(path, PolicyFile.KIND), f"policy '{path}'")


def parse_policy(content: Any, source: str = "the policy", *, to_use: bool = True) -> Policy:
    """Build a policy from the JSON content; `source` names it in errors.

    `to_use`: its pruners must be known; a report shows what a run with somebody's own pruner found without it.
    """
    if not isinstance(content, dict) or not isinstance(content.get("layers"), dict):
        raise InputError(f"{source} has no table 'layers' of layer name to pruner, sparsity and bits")
    file = PolicyFile.parse(content, source)
    layers = {name: _parse_layer(entry, f"{source}, layer '{name}'", to_use) for name, entry in file.layers.items()}
    return Policy(layers, file.model_extra or {})


_ALWAYS = ("pruner", "sparsity", "realised_sparsity", "bits")
"""Fields that policy.json holds for every layer; the others only where they say something."""


def _entry(layer: LayerPolicy) -> dict[str, Any]:
    values = vars(layer)
    return {name: value for name, value in values.items() if name in _ALWAYS or value is not None}


def _parse_layer(entry: Any, where: str, to_use: bool) -> LayerPolicy:
    allowed = [field.name for field in fields(LayerPolicy)]
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be a table with {', '.join(allowed)}")
    for key in entry:
        if key not in allowed:
            raise InputError(f"{where}: {unknown_name('field', key, allowed)}")
    try:
        named = entry.get("pruner")  # null, as older files have it, prunes nothing
        layer = LayerPolicy(**{**entry, "pruner": NO_PRUNER if named is None else named})
        if to_use:
            _check_known(layer.pruner)
        return layer
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
