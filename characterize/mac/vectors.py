"""Test vectors that prove a MAC unit: corners, every operand pair, uniform and DNN-like streams, resets in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from characterize.mac.integer_model import MacBehaviour, MacInputs
from characterize.mac.operands import Integers, integer_range
from characterize.spec import MIN_VECTORS
from hwsim.errors import InputError

COLUMNS = ("weight", "activation", "psum_in", "weight_load", "reset")
"""The streams that reach a unit's inputs."""

EXHAUSTIVE_VECTORS = 200_000
"""From this number on, every pair of operand values is among the vectors (where there are at most 2**16 pairs)."""


@dataclass(frozen=True)
class Vectors:
    """Input streams, one value a clock edge: int64[cycles] each; `segment` indexes `segment_names`.

    `weight` and `activation` are operand values in their own sign, `psum_in` is signed and meant modulo its width,
    `weight_load` and `reset` are 0 or 1.
    """

    weight: Integers
    activation: Integers
    psum_in: Integers
    weight_load: Integers
    reset: Integers
    segment: Integers
    segment_names: tuple[str, ...]

    @property
    def cycles(self) -> int:
        """Number of clock edges."""
        return int(self.weight.size)

    def edges(self) -> Iterator[MacInputs]:
        """Yield the inputs of each clock edge, as Python integers."""
        columns = (getattr(self, name).tolist() for name in COLUMNS)
        for weight, activation, psum_in, load, reset in zip(*columns, strict=True):
            yield MacInputs(weight, activation, psum_in, bool(load), bool(reset))

    def save(self, path: Path) -> None:
        """Write the streams as an .npz file that `load_vectors` reads."""
        np.savez(
            path,
            weight=self.weight,
            activation=self.activation,
            psum_in=self.psum_in,
            weight_load=self.weight_load,
            reset=self.reset,
            segment=self.segment,
            segment_names=np.array(self.segment_names),
        )


def load_vectors(path: Path) -> Vectors:
    """Read what `Vectors.save` wrote."""
    with np.load(path) as streams:
        names = tuple(str(name) for name in streams["segment_names"])
        columns = {name: streams[name] for name in (*COLUMNS, "segment")}
        return Vectors(**columns, segment_names=names)


def verification_vectors(behaviour: MacBehaviour, count: int, rng: np.random.Generator) -> Vectors:
    """Return `count` vectors or a few more: corners first, then uniform and DNN-like streams in equal parts.

    Each part begins with a reset that lasts as long as the unit is deep. Raises InputError below MIN_VECTORS.
    """
    if count < MIN_VECTORS:
        raise InputError(f"--vectors {count} is too few to prove anything; use at least {MIN_VECTORS}")
    parts: list[tuple[str, Vectors]] = [("corners", _corners(behaviour, min(count // 3, 2_000), rng))]
    pairs = 1 << (behaviour.weight_bits + behaviour.activation_bits)
    if count >= EXHAUSTIVE_VECTORS and pairs <= 1 << 16:
        parts.append(("all pairs", _all_pairs(behaviour, rng)))
    rest = max(count - sum(part.cycles for _, part in parts), 2)
    parts.append(("uniform", _uniform(behaviour, rest - rest // 2, rng)))
    parts.append(("dnn-like", _dnn_like(behaviour, rest // 2, rng)))
    reset = _reset(behaviour)
    names = tuple(name for name, _ in parts)
    pieces = [piece for _, part in parts for piece in (reset, part)]
    segment = np.repeat(np.repeat(np.arange(len(parts)), 2), [piece.cycles for piece in pieces])
    joined = {column: np.concatenate([getattr(piece, column) for piece in pieces]) for column in COLUMNS}
    return Vectors(**joined, segment=segment, segment_names=names)


def _piece(weight: Integers, activation: Integers, psum_in: Integers, load: Integers | None = None) -> Vectors:
    ones, zeros = np.ones_like(weight), np.zeros_like(weight)
    return Vectors(weight, activation, psum_in, ones if load is None else load, zeros, zeros, ())


def _reset(behaviour: MacBehaviour) -> Vectors:
    zeros = np.zeros(behaviour.depth + 1, dtype=np.int64)
    return Vectors(zeros, zeros, zeros, zeros + 1, zeros + 1, zeros, ())


def _corner_values(bits: int, signed: bool) -> Integers:
    low, high = integer_range(bits, signed)
    stripes = int("01" * bits, 2) & ((1 << bits) - 1)
    values = {low, low + 1, 0, 1, -1, 2, high - 1, high, stripes, stripes ^ ((1 << bits) - 1)}
    wrapped = {value - (1 << bits) if signed and value > high else value for value in values}
    return np.array(sorted(value for value in wrapped if low <= value <= high), dtype=np.int64)


def _corners(behaviour: MacBehaviour, count: int, rng: np.random.Generator) -> Vectors:
    weights = _corner_values(behaviour.weight_bits, behaviour.weight_signed)
    activations = _corner_values(behaviour.activation_bits, behaviour.activation_signed)
    psums = _corner_values(min(behaviour.psum_bits, 63), True)
    grid = np.stack(np.meshgrid(weights, activations, psums, indexing="ij")).reshape(3, -1)
    chosen = rng.permutation(grid.shape[1])[:count]
    return _piece(*grid[:, chosen])


def _all_pairs(behaviour: MacBehaviour, rng: np.random.Generator) -> Vectors:
    low_w, high_w = integer_range(behaviour.weight_bits, behaviour.weight_signed)
    low_a, high_a = integer_range(behaviour.activation_bits, behaviour.activation_signed)
    weight, activation = np.meshgrid(np.arange(low_w, high_w + 1), np.arange(low_a, high_a + 1), indexing="ij")
    order = rng.permutation(weight.size)
    return _piece(weight.ravel()[order], activation.ravel()[order], _psums(behaviour, weight.size, rng))


def _psums(behaviour: MacBehaviour, count: int, rng: np.random.Generator) -> Integers:
    low, high = integer_range(min(behaviour.psum_bits, 63), True)
    return rng.integers(low, high, size=count, endpoint=True)


def _uniform(behaviour: MacBehaviour, count: int, rng: np.random.Generator) -> Vectors:
    weight = rng.integers(
        *integer_range(behaviour.weight_bits, behaviour.weight_signed), size=count, endpoint=True, dtype=np.int64
    )
    activation = rng.integers(
        *integer_range(behaviour.activation_bits, behaviour.activation_signed),
        size=count,
        endpoint=True,
        dtype=np.int64,
    )
    # a load that stays away shows whether the weight is held; the weight input goes on changing meanwhile
    load = rng.integers(0, 2, size=count, dtype=np.int64)
    return _piece(weight, activation, _psums(behaviour, count, rng), load)


def _dnn_like(behaviour: MacBehaviour, count: int, rng: np.random.Generator) -> Vectors:
    hold = 16
    low_w, high_w = integer_range(behaviour.weight_bits, behaviour.weight_signed)
    low_a, high_a = integer_range(behaviour.activation_bits, behaviour.activation_signed)
    distinct = rng.laplace(0.0, high_w / 5, size=-(-count // hold))
    weight = np.clip(np.rint(np.repeat(distinct, hold)[:count]), low_w, high_w).astype(np.int64)
    magnitude = rng.exponential(high_a / 5, size=count) * (rng.random(count) > 0.45)
    activation = np.clip(np.rint(magnitude), max(low_a, 0), high_a).astype(np.int64)
    upstream = rng.integers(0, hold, size=count) * weight * activation
    load = (np.arange(count) % hold == 0).astype(np.int64)
    return _piece(weight, activation, upstream, load)
