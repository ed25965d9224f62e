"""Energy of a MAC by what its operands do from one operation to the next: the table's transition macro-model.

A linear model over features of successive (weight, activation, psum) triples, fitted by `characterize run` on
gate-level energies. It prices a given sequence of operands where the table by precision only knows an average over
its own streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.energy.mac_table import MacEnergyTable
from hwsim.errors import InputError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

OPERAND_BITS, PRODUCT_BITS, PSUM_BITS = 8, 16, 32


def transition_features(
    weight: Integers, activation: Integers, psum: Integers, weight_energy_fj: Floats
) -> dict[str, Floats]:
    """Return the features of every operation of a sequence, each `float64[operations]`.

    `weight`, `activation`, `psum` (the partial sum that enters): `int64[operations]` as they stand on the ports; the
    sequence is taken as circular. `weight_energy_fj: float64[256]` is the energy that holding weight w - 128 adds to
    holding 0. "hd" is the Hamming distance to the operation before, in two's complement.
    """
    before_w, before_a, before_p = (np.roll(values, 1) for values in (weight, activation, psum))
    product, before_product = weight * activation, before_w * before_a
    total, before_total = psum + product, before_p + before_product
    carries, before_carries = total ^ psum ^ product, before_total ^ before_p ^ before_product
    weight_hd = _ones(np.bitwise_xor(weight, before_w), OPERAND_BITS)
    activation_hd = _ones(np.bitwise_xor(activation, before_a), OPERAND_BITS)
    weight_moves, activation_moves = _indicator(weight_hd > 0), _indicator(activation_hd > 0)
    held = weight_energy_fj[weight + 128]
    weight_ones, digits = _ones(weight, OPERAND_BITS), _booth_digits(weight)
    return {
        "constant": np.ones(weight.size),
        "activation_hd": activation_hd,
        "weight_hd": weight_hd,
        "psum_hd": _ones(np.bitwise_xor(psum, before_p), PSUM_BITS),
        "product_hd": _ones(np.bitwise_xor(product, before_product), PRODUCT_BITS),
        "sum_hd": _ones(np.bitwise_xor(total, before_total), PSUM_BITS),
        "carry_hd": _ones(np.bitwise_xor(carries, before_carries), PSUM_BITS),
        "partial_product_hd": _partial_products(weight, activation, before_w, before_a),
        "activation_moves": activation_moves,
        "weight_moves": weight_moves,
        "weight_energy": held,
        "activation_hd_x_weight_energy": activation_hd * held,
        "activation_moves_x_weight_energy": activation_moves * held,
        "weight_moves_x_weight_energies": weight_moves * (held + np.roll(held, 1)),
        "product_sign_flips": _indicator((product < 0) != (before_product < 0)),
        "psum_sign_flips": _indicator((psum < 0) != (before_p < 0)),
        "sum_sign_flips": _indicator((total < 0) != (before_total < 0)),
        "log_product_step": np.log2(1.0 + np.abs(product - before_product)),
        "log_psum_step": np.log2(1.0 + np.abs(psum - before_p)),
        "log_sum_step": np.log2(1.0 + np.abs(total - before_total)),
        "weight_hd_x_log_activation": weight_hd * np.log2(1.0 + np.abs(activation)),
        "weight_moves_x_activation_ones": weight_moves * _ones(np.abs(activation), OPERAND_BITS),
        "activation_hd_x_booth_digits": activation_hd * digits,
        "activation_moves_x_booth_digits": activation_moves * digits,
        "activation_hd_x_weight_ones": activation_hd * weight_ones,
    }


def _indicator(condition: NDArray[np.bool_]) -> Floats:
    return condition.astype(np.float64)


def _ones(values: Integers, bits: int) -> Floats:
    """Return the one bits among the lowest `bits` of each value."""
    words = (values & ((np.int64(1) << np.int64(bits)) - 1)).astype("<u4")
    count: Floats = np.unpackbits(words.view(np.uint8).reshape(-1, 4), axis=1).sum(1).astype(np.float64)
    return count


def _partial_products(weight: Integers, activation: Integers, before_w: Integers, before_a: Integers) -> Floats:
    """Return how many of the 64 bit products w_i and a_j change."""
    now = _ones(weight, 8) * _ones(activation, 8)
    then = _ones(before_w, 8) * _ones(before_a, 8)
    return now + then - 2 * _ones(weight & before_w, 8) * _ones(activation & before_a, 8)


def _booth_digits(weight: Integers) -> Floats:
    """Return the number of non-zero radix-4 Booth digits of 8-bit weights."""
    bits = (np.concatenate([np.zeros((weight.size, 1), np.int64), (weight[:, None] >> np.arange(8)) & 1], axis=1)).T
    digits = bits[0:8:2] + bits[1:9:2] - 2 * bits[2:9:2]
    count: Floats = (digits != 0).sum(0).astype(np.float64)
    return count


@dataclass(frozen=True, eq=False)
class TransitionModel:
    """Coefficients (fJ per unit of a feature) and the weight energies that the features use."""

    coefficients_fj: Mapping[str, float]
    weight_energy_fj: Floats

    def energy_fj(self, weight: Integers, activation: Integers, psum: Integers) -> Floats:
        """Return the energy of every operation, fJ, `float64[operations]`; see transition_features."""
        features = transition_features(weight, activation, psum, self.weight_energy_fj)
        total = np.zeros(weight.size)
        for name, coefficient_fj in self.coefficients_fj.items():
            total += coefficient_fj * features[name]
        return total

    def as_json(self) -> dict[str, Any]:
        """Return the model as the table holds it."""
        return {
            "kind": "linear",
            "coefficients_fj": dict(self.coefficients_fj),
            "weight_energy_fj": [round(float(value), 4) for value in self.weight_energy_fj],
        }


def transition_model(table: MacEnergyTable) -> TransitionModel:
    """Return the macro-model of a table; raises InputError where it holds none or one of another kind."""
    content = table.transition_model
    zero = np.zeros(1, np.int64)
    known = transition_features(zero, zero, zero, np.zeros(256))
    coefficients = content.get("coefficients_fj", {})
    weight_energy_fj = content.get("weight_energy_fj", ())
    if content.get("kind") != "linear" or set(coefficients) - set(known) or len(weight_energy_fj) != 256:
        raise InputError(
            f"the MAC energy table ({table.technology}, {table.multiplier}) holds no transition model that this version"
            " reads; write one with `characterize run` on an 8-bit MAC with a psum_in port"
        )
    return TransitionModel(coefficients, np.array(weight_energy_fj, np.float64))
