"""Distributions of weights and activations on the integer grid of a precision, drawn by inverse CDF.

A distribution turns uniform numbers in [0, 1) into integers, so that every precision can be driven by the same draws
(common random numbers): differences between precisions then carry far less noise than the energies themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from characterize.mac.operands import Integers, integer_range
from hwsim.errors import InputError

Floats = NDArray[np.float64]


class Operand(Protocol):
    """One operand's statistics."""

    def draw(self, uniform: Floats, bits: int) -> Integers:
        """Turn uniform numbers (any shape; the last axis is time) into integers of `bits` bits."""


def laplace_clip(bits: int) -> float:
    """Return the clipping value alpha/b that minimises the error of a Laplace variable at `bits` bits.

    The minimum of 2 b^2 exp(-alpha/b) + alpha^2 / (3 * 4^bits) is at alpha/b = W(3 * 4^bits), W the Lambert W
    function; a one-sided variable has one bit more. Source: Banner et al., Post-training 4-bit quantization (ACIQ),
    NeurIPS 2019.
    """
    from scipy.special import lambertw

    return float(lambertw(3.0 * 4.0**bits).real)


@dataclass(frozen=True)
class LaplaceWeights:
    """Zero-mean Laplace weights, clipped by ACIQ, on signed integers."""

    def draw(self, uniform: Floats, bits: int) -> Integers:
        """Signed integers of `bits` bits; the step is 2 alpha / 2^bits."""
        step = laplace_clip(bits) / 2 ** (bits - 1)
        centred = uniform - 0.5
        value = -np.sign(centred) * np.log1p(-2 * np.abs(centred))
        quantized: Integers = np.clip(np.rint(value / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)
        return quantized


@dataclass(frozen=True)
class RectifiedActivations:
    """Half-Laplace activations behind a ReLU: a share of exact zeros, the rest exponential and clipped by ACIQ.

    On a signed port only the non-negative half of the range is used: `bits` - 1 magnitude bits.
    """

    zero_share: float
    signed_port: bool

    def draw(self, uniform: Floats, bits: int) -> Integers:
        """Non-negative integers of at most `bits` bits."""
        magnitude_bits = bits - 1 if self.signed_port else bits
        step = laplace_clip(magnitude_bits + 1) / 2**magnitude_bits
        tail = np.maximum(uniform - self.zero_share, 0.0) / (1 - self.zero_share)
        value = -np.log1p(-tail)
        quantized: Integers = np.minimum(np.rint(value / step), 2**magnitude_bits - 1).astype(np.int64)
        return quantized


@dataclass(frozen=True)
class UniformIntegers:
    """Every integer of the precision with the same probability."""

    signed: bool

    def draw(self, uniform: Floats, bits: int) -> Integers:
        """Integers over the whole range of `bits` bits."""
        value = np.floor(uniform * 2**bits).astype(np.int64)
        shifted: Integers = value - 2 ** (bits - 1) if self.signed else value
        return shifted


@dataclass(frozen=True)
class CorrelatedGaussian:
    """Gaussian values of a first-order autoregressive process along the last axis, 3 sigma at the end of the range.

    Rectified values are shifted up by half a sigma and clipped at zero; a signed port holds `bits` - 1 magnitude bits
    of them.
    """

    correlation: float
    signed_port: bool
    rectified: bool

    def draw(self, uniform: Floats, bits: int) -> Integers:
        """Integers of at most `bits` bits."""
        from scipy.special import ndtri

        value = ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
        fresh = math.sqrt(1 - self.correlation**2)
        for step in range(1, value.shape[-1]):
            value[..., step] = self.correlation * value[..., step - 1] + fresh * value[..., step]
        magnitude_bits = bits - 1 if self.signed_port else bits
        low = 0 if self.rectified else -(2**magnitude_bits)
        scaled = (value + (0.5 if self.rectified else 0.0)) * 2**magnitude_bits / 3
        quantized: Integers = np.clip(np.rint(scaled), low, 2**magnitude_bits - 1).astype(np.int64)
        return quantized


@dataclass(frozen=True)
class TensorValues:
    """Values of a real quantized tensor; runs along the last axis keep their order.

    `values[b]` is the flat tensor at b bits. A precision that the file lacks is made from the next wider one by
    scaling the range down and rounding.
    """

    values: dict[int, Integers]
    signed: bool

    def draw(self, uniform: Floats, bits: int) -> Integers:
        """Consecutive values from a random place for each run of the last axis (one value where its length is 1)."""
        flat = self.at(bits)
        start = (uniform[..., :1] * flat.size).astype(np.int64)
        runs: Integers = flat[(start + np.arange(uniform.shape[-1])) % flat.size]
        return runs

    def at(self, bits: int) -> Integers:
        """Return the flat tensor at a precision."""
        if bits in self.values:
            return self.values[bits]
        wider = min(b for b in self.values if b > bits)
        low, high = integer_range(bits, self.signed)
        narrowed: Integers = np.clip(np.rint(self.values[wider] / 2 ** (wider - bits)), low, high).astype(np.int64)
        return narrowed


class Tensors(NamedTuple):
    """Values of a quantized network."""

    weights: TensorValues
    activations: TensorValues


def read_tensors(path: Path, signed_activations: bool) -> Tensors:
    """Read weights and activations of a quantized network from an .npz.

    Integer arrays of any shape: `weights` and `activations` hold 8-bit values; `weights_4`, `activations_4` and so on
    may hold other precisions. Activations are signed where the MAC's port is, else unsigned. Raises InputError naming
    file, array and value.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except OSError as error:
        raise InputError(f"cannot read --operands '{path}': {error.strerror or error}; expected an .npz file") from None
    except (ValueError, BadZipFile, EOFError, AttributeError) as error:
        raise InputError(f"--operands '{path}' is not an .npz of plain arrays: {error}") from None
    weights = _tensor(path, arrays, "weights", signed=True)
    activations = _tensor(path, arrays, "activations", signed=signed_activations)
    return Tensors(weights, activations)


def _tensor(path: Path, arrays: dict[str, NDArray[np.generic]], name: str, signed: bool) -> TensorValues:
    found: dict[int, Integers] = {}
    for bits in range(8, 1, -1):
        key = name if bits == 8 else f"{name}_{bits}"
        if key in arrays:
            found[bits] = _checked(path, key, arrays[key], bits, signed)
    if 8 not in found:
        have = ", ".join(sorted(arrays)) or "nothing"
        raise InputError(f"--operands '{path}': array '{name}' is missing (the file holds {have})")
    return TensorValues(found, signed)


def _checked(path: Path, key: str, array: NDArray[np.generic], bits: int, signed: bool) -> Integers:
    where = f"--operands '{path}': array '{key}'"
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{where} has type {array.dtype}; give the integers of the quantized network")
    if array.size < 16:
        raise InputError(f"{where} has shape {array.shape}; give at least 16 values")
    low, high = integer_range(bits, signed)
    smallest, largest = int(array.min()), int(array.max())
    if smallest < low or largest > high:
        wrong = smallest if smallest < low else largest
        raise InputError(
            f"{where} holds {wrong}, beyond {bits} {'signed' if signed else 'unsigned'} bits ({low} to {high})"
        )
    return array.astype(np.int64).reshape(-1)
