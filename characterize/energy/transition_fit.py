"""Fits the transition macro-model of a MAC on gate-level energies and says how far it can be trusted.

Streams of three families excite the MAC, each with precision, alignment, dataflow, zero share, hold and chain depth
drawn at random. One row a stream (feature means, mean energy); least squares of the relative error. A family that was
left out of the fit gives the error on streams of another distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from characterize.energy.measurement import Campaign, accounted
from characterize.mac.interface import MacInterface, Role
from characterize.spec import Accounting, Alignment, Dataflow, Distribution, OperandSpec
from characterize.streams.operands import CorrelatedGaussian
from characterize.streams.stimulus import OperandStream, Pruned, StreamGenerator, stream_generator
from hwsim.energy.transition_model import TransitionModel, transition_features

STREAMS_PER_FAMILY = 200
STREAM_CYCLES = 384


class Family(str, Enum):
    """A kind of operand statistics."""

    DNN = "dnn"
    UNIFORM = "uniform"
    GAUSSIAN = "correlated-gaussian"


FITTED_FAMILIES = (Family.DNN, Family.UNIFORM)
"""What the model in the table is fitted on; the Gaussian family only tests it."""


@dataclass(frozen=True, eq=False)
class Excitation:
    """Streams of one family, reduced: `features: float64[streams, features]`, `energy_fj: float64[streams]`."""

    features: NDArray[np.float64]
    energy_fj: NDArray[np.float64]


def applicable(interface: MacInterface) -> bool:
    """Return whether the model's features describe a MAC: 8-bit operands and a partial sum that comes from outside."""
    return Role.PSUM_IN in interface.ports and interface.weight_bits == 8 and interface.activation_bits == 8


def fit_transition_model(
    campaign: Campaign, interface: MacInterface, weight_energy_fj: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Return the model and its errors as JSON values for the table; `weight_energy_fj: float64[256]`, 0 at weight 0."""
    data = {family: excite(campaign, interface, family, weight_energy_fj, seed) for family in Family}
    names = feature_names(weight_energy_fj)
    fitted = [data[family] for family in FITTED_FAMILIES]
    coefficients = least_squares(fitted)
    errors = {"held-out " + Family.GAUSSIAN.value: relative_errors(coefficients, data[Family.GAUSSIAN])}
    errors["fitted streams"] = relative_errors(coefficients, *fitted)
    for family in Family:
        others = [data[other] for other in Family if other is not family]
        errors[f"leave {family.value} out"] = relative_errors(least_squares(others), data[family])
    model = TransitionModel(
        {name: float(value) for name, value in zip(names, coefficients, strict=True)}, weight_energy_fj
    )
    return {
        **model.as_json(),
        "accounting": Accounting.TOTAL.value,
        "fitted_on": [family.value for family in FITTED_FAMILIES],
        "streams_per_family": STREAMS_PER_FAMILY,
        "mean_error_pct": errors["held-out " + Family.GAUSSIAN.value]["mean_error_pct"],
        "errors": errors,
    }


def feature_names(weight_energy_fj: NDArray[np.float64]) -> list[str]:
    """Return the names of the features in their order."""
    zero = np.zeros(1, np.int64)
    return list(transition_features(zero, zero, zero, weight_energy_fj))


def excite(
    campaign: Campaign,
    interface: MacInterface,
    family: Family,
    weight_energy_fj: NDArray[np.float64],
    seed: int,
) -> Excitation:
    """Simulate random streams of a family."""
    rng = np.random.default_rng([seed, list(Family).index(family), 1])
    streams = [random_stream(rng, index, interface, family, seed) for index in range(STREAMS_PER_FAMILY)]

    def energy(stream: OperandStream) -> float:
        return float(accounted(campaign.mean_groups_fj([stream]), Accounting.TOTAL))

    with ThreadPoolExecutor(max_workers=campaign.jobs) as pool:
        energy_fj = np.array(list(pool.map(energy, streams)))
    rows = []
    for stream in streams:
        features = transition_features(stream.weight, stream.activation, stream.psum, weight_energy_fj)
        rows.append([float(values.mean()) for values in features.values()])
    return Excitation(np.array(rows), energy_fj)


def random_stream(
    rng: np.random.Generator, index: int, interface: MacInterface, family: Family, seed: int
) -> OperandStream:
    """Draw the settings of one stream of a family, then the stream."""
    dataflow = Dataflow.ROW_STATIONARY if rng.random() < 0.35 else Dataflow.WEIGHT_STATIONARY
    spec = OperandSpec(
        operands=(Distribution.UNIFORM if family is Family.UNIFORM else Distribution.DNN).value,
        dataflow=dataflow,
        alignment=Alignment.MSB if rng.random() < 0.3 else Alignment.LSB,
        zero_activation_share=float(rng.uniform(0, 0.9)),
        hold_cycles=int(rng.choice([4, 8, 16, 32])),
        chain_depth=int(rng.integers(1, 24)),
    )
    generator: StreamGenerator = stream_generator(spec, seed, interface.activation_signed, interface.widths)
    if family is Family.GAUSSIAN:
        activations = CorrelatedGaussian(float(rng.uniform(0, 0.95)), interface.activation_signed, rectified=True)
        weights = CorrelatedGaussian(0.0, signed_port=True, rectified=False)
        generator = replace(generator, weights=weights, activations=activations)
    row = spec.chain_depth if dataflow is Dataflow.ROW_STATIONARY else 1
    generator = replace(generator, weights_per_stream=max(1, STREAM_CYCLES // (spec.hold_cycles * row)))
    pruned = list(Pruned)[int(rng.choice(4, p=[0.7, 0.1, 0.1, 0.1]))]
    weight_bits, activation_bits = (int(bits) for bits in rng.integers(2, 9, 2))
    # far from the indices that the table itself uses
    return generator.stream(1_000_000 + index, weight_bits, activation_bits, pruned)


def least_squares(data: Sequence[Excitation]) -> NDArray[np.float64]:
    """Return the coefficients that minimise the relative error over all streams, `float64[features]`."""
    features = np.concatenate([part.features for part in data])
    energy_fj = np.concatenate([part.energy_fj for part in data])
    solution: NDArray[np.float64] = np.linalg.lstsq(features / energy_fj[:, None], np.ones(len(energy_fj)), rcond=None)[
        0
    ]
    return solution


def relative_errors(coefficients: NDArray[np.float64], *data: Excitation) -> dict[str, float]:
    """Return mean absolute, 95th percentile and mean signed error of stream energies, percent."""
    errors = np.concatenate([part.features @ coefficients / part.energy_fj - 1 for part in data]) * 100
    return {
        "mean_error_pct": round(float(np.abs(errors).mean()), 3),
        "p95_error_pct": round(float(np.percentile(np.abs(errors), 95)), 3),
        "bias_pct": round(float(errors.mean()), 3),
    }
