"""What is done to each layer: pruner, sparsity and bits; one file for search, evaluation and export."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hwsim.errors import InputError, unknown_name
from hwsim.files.reading import read_json
from hwsim.files.writing import write_json

MIN_BITS = 2
MAX_BITS = 8
NO_PRUNER = "none"


@dataclass(frozen=True)
class LayerPolicy:
    """One layer's compression: which pruner, its target sparsity in [0, 1], bits of weights and activations alike.

    `activation_bits` is for methods that part the two (HAQ, ASQJ, joint); None means that `bits` holds for both.
    `realised_sparsity` is what the pruner reached, filled in by an evaluation; None before.
    Raises InputError for an unknown pruner, a sparsity outside [0, 1], bits outside 2..8.
    """

    pruner: str = NO_PRUNER
    sparsity: float = 0.0
    bits: int = MAX_BITS
    realised_sparsity: float | None = None
    activation_bits: int | None = None

    def __post_init__(self) -> None:
        from compress.pruning import PRUNERS  # the registry imports this module's siblings

        if self.pruner != NO_PRUNER and self.pruner not in PRUNERS:
            raise unknown_name("pruner", self.pruner, [NO_PRUNER, *PRUNERS])
        _check_fraction("sparsity", self.sparsity)
        if self.realised_sparsity is not None:
            _check_fraction("realised_sparsity", self.realised_sparsity)
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


def _check_fraction(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1 or math.isnan(value):
        raise InputError(f"{name} is {value!r}, must be a number from 0 to 1")


DENSE_8BIT = LayerPolicy()
"""The reference of every saving: nothing pruned, 8 bits."""


@dataclass(frozen=True)
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

    def with_realised(self, realised: Mapping[str, float]) -> Policy:
        """Return the same policy with the sparsities that an evaluation reached."""
        layers = {
            name: replace(layer, realised_sparsity=realised.get(name, layer.realised_sparsity))
            for name, layer in self.layers.items()
        }
        return Policy(layers, self.metadata)

    def as_json(self) -> dict[str, Any]:
        """Return the content of policy.json."""
        layers = {
            name: {
                "pruner": layer.pruner,
                "sparsity": layer.sparsity,
                "realised_sparsity": layer.realised_sparsity,
                "bits": layer.bits,
                # only where it says something, so that files of the other methods stay as promised
                **({} if layer.activation_bits is None else {"activation_bits": layer.activation_bits}),
            }
            for name, layer in self.layers.items()
        }
        return {**self.metadata, "layers": layers}

    def write(self, path: Path) -> None:
        """Write policy.json atomically."""
        write_json(path, self.as_json())


def uniform_policy(names: Iterable[str], layer: LayerPolicy) -> Policy:
    """Return the policy that does the same to every layer."""
    return Policy(dict.fromkeys(names, layer))


def read_policy(path: Path) -> Policy:
    """Read policy.json; raises InputError naming the layer and field that is wrong."""
    return parse_policy(read_json(path, "a policy as `compress search` writes it (policy.json)"), f"policy '{path}'")


def parse_policy(content: Any, source: str = "the policy") -> Policy:
    """Build a policy from the JSON content; `source` names it in errors."""
    if not isinstance(content, dict) or not isinstance(content.get("layers"), dict):
        raise InputError(f"{source} has no table 'layers' of layer name to pruner, sparsity and bits")
    layers = {name: _parse_layer(entry, f"{source}, layer '{name}'") for name, entry in content["layers"].items()}
    return Policy(layers, {key: value for key, value in content.items() if key != "layers"})


def _parse_layer(entry: Any, where: str) -> LayerPolicy:
    allowed = ("pruner", "sparsity", "realised_sparsity", "bits", "activation_bits")
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be a table with {', '.join(allowed)}")
    for key in entry:
        if key not in allowed:
            raise InputError(f"{where}: {unknown_name('field', key, allowed)}")
    try:
        return LayerPolicy(
            pruner=entry.get("pruner") or NO_PRUNER,
            sparsity=entry.get("sparsity", 0.0),
            bits=entry.get("bits", MAX_BITS),
            realised_sparsity=entry.get("realised_sparsity"),
            activation_bits=entry.get("activation_bits"),
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
