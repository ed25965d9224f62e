"""The cycle engine on real tensors: exact integer results, the traffic and time of the nest, what the operands were."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.engines.analytic import Analysis
from hwsim.engines.cycle_timeline import run_cycles
from hwsim.engines.ifmap_plane import Words, padded_plane, under_tap
from hwsim.engines.operand_statistics import OperandStatistics, measure_operands, run_length_bits
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec, Overflow
from hwsim.kernels.convolution import FILTERS, convolve, convolve_few
from hwsim.kernels.tuples import NestMap, NestShape
from hwsim.mapping.lowering import lower_layer
from hwsim.mapping.mapping import Mapping
from hwsim.vocabulary import Objective
from hwsim.workload.layer import ConvLayer, Layer, PoolLayer

FEW_POSITIONS = 8
"""Up to so many ofmap positions (fully connected layers have one) the sum over channels is the loop to vectorise."""


@dataclass(frozen=True, eq=False, repr=False)
class Execution(Analysis):
    """An Analysis of executed data, with the results.

    `ofmap`: int32[N, M, E, F] (int64 where psums are wider than 32 bits). `overflows`: psums that left the range of
    psum_bits when a pass handed them to the GLB, and were wrapped or saturated as the spec says. `operands`: None for
    layers without filters.
    """

    ofmap: NDArray[Any] = None  # type: ignore[assignment]
    overflows: int = 0
    operands: OperandStatistics | None = None


class _Psums(NamedTuple):
    """Sums as psum_bits hold them, and how many were beyond."""

    psums: NDArray[Any]
    overflows: int


def execute(
    layer: Layer,
    tile: AcceleratorSpec,
    ifmap: NDArray[Any],
    filters: NDArray[Any] | None = None,
    mapping: Mapping | None = None,
    *,
    objective: Objective | str = Objective.ENERGY,
) -> Execution:
    """Run a layer on data: convolutions exactly, pooling as maximum, elementwise layers as sum.

    ifmap int8[N, C, H, W] (elementwise: int8[operands, N, C, H, W]), filters int8[M, C/groups, R, S]; int16 on tiles
    of 16-bit words. Psums grow pass by pass in the order of the mapping: a PE chain adds exactly, the psum that reaches
    the GLB wraps or saturates at psum_bits. Raises InputError for a wrong shape, type or range, and where no mapping
    exists.
    """
    shape = lower_layer(layer)
    x = _checked(layer, "ifmap", ifmap, layer.ifmap_shape, tile.word_bits)
    if isinstance(layer, ConvLayer):
        if filters is None:
            raise InputError(f"layer '{layer.name}': filters are missing; give int8[M, C/groups, R, S]")
        w = _checked(layer, "filters", filters, layer.filter_shape, tile.word_bits)
    elif filters is not None:
        raise InputError(f"layer '{layer.name}': a {layer.kind} layer has no filters; pass None")
    coded = None
    if isinstance(layer, ConvLayer) and tile.dram_run_length_coded:
        coded = run_length_bits(x, tile.word_bits)
    # a tensor with too few zeros is left as it is
    coding = 1.0 if coded is None else min(1.0, coded / (x.size * tile.word_bits))
    analysis = run_cycles(layer, tile, mapping, objective, ifmap_coding=coding).analysis
    fields = {name: getattr(analysis, name) for name in Analysis.__dataclass_fields__}
    nest = analysis.mapping.lowered()
    operands = None
    if isinstance(layer, ConvLayer):
        padded = padded_plane(x, shape, 0)
        sums = _convolve(padded, w, shape, nest, tile)
        operands = measure_operands(padded, w, shape, nest, tile.word_bits)
        gated = round(operands.zero_ifmap * operands.macs) if tile.zero_gating else 0
        operands = replace(operands, gated_macs=gated, ifmap_coded_bits=coded)
    elif isinstance(layer, PoolLayer):
        sums = _Psums(_maximum(padded_plane(x, shape, np.iinfo(np.int16).min), shape), 0)
    else:
        sums = _limited(x.sum(axis=0, dtype=np.int64), tile)
    kept = np.int64 if tile.psum_bits > 32 else np.int32
    ofmap = sums.psums.astype(kept, copy=False)
    return Execution(**fields, ofmap=ofmap, overflows=sums.overflows, operands=operands)


def _checked(layer: Layer, what: str, words: Any, shape: tuple[int, ...], word_bits: int) -> Words:
    allowed = "int8" if word_bits <= 8 else "int8 or int16"
    if not isinstance(words, np.ndarray) or words.dtype not in (np.dtype(np.int8), np.dtype(np.int16)):
        kind = words.dtype if isinstance(words, np.ndarray) else type(words).__name__
        raise InputError(f"layer '{layer.name}': {what} is {kind}, must be a NumPy array of {allowed}")
    if words.shape != shape:
        raise InputError(f"layer '{layer.name}': {what} has shape {words.shape}, must be {shape}")
    low, high = -(2 ** (word_bits - 1)), 2 ** (word_bits - 1) - 1
    if words.size and (int(words.min()) < low or int(words.max()) > high):
        raise InputError(
            f"layer '{layer.name}': {what} holds {int(words.min())} to {int(words.max())},"
            f" a {word_bits}-bit word holds {low} to {high}; scale it or give {allowed}"
        )
    return words.astype(np.int16)


def _convolve(padded: Words, w: Words, sh: NestShape, mp: NestMap, tile: AcceleratorSpec) -> _Psums:
    """Return the ofmap [N, M, E, F]."""
    planes, width = _phases(padded, sh)
    stored = -(-sh.filters // FILTERS) * FILTERS
    weights = np.zeros((sh.groups, stored, sh.channels, sh.taps_v, sh.taps_h), np.int16)
    weights[:, : sh.filters] = w.reshape(sh.groups, sh.filters, *w.shape[1:])
    positions = (sh.rows - 1) * width + sh.columns
    largest = int(np.abs(padded.astype(np.int32)).max(initial=0)) * int(np.abs(w.astype(np.int32)).max(initial=0))
    largest *= sh.channels * sh.taps_v * sh.taps_h
    # where no sum can reach the limit, the order of the additions cannot be seen and one sweep does
    safe = largest < 2 ** (min(tile.psum_bits, 32) - 1)
    out = np.zeros((sh.batch, sh.groups * stored, sh.rows * width), np.int32 if safe else np.int64)
    overflows = 0
    stages = [(0, sh.channels)]
    folds = [(0, sh.taps_v)]
    if not safe:
        stage = mp.q * mp.r
        stages = [(low, min(low + stage, sh.channels)) for low in range(0, sh.channels, stage)]
        folds = [(low, min(low + mp.k, sh.taps_v)) for low in range(0, sh.taps_v, mp.k)]
    for first, last in stages:
        for top, bottom in folds:
            part = np.ascontiguousarray(weights[:, :, :, top:bottom]).reshape(sh.groups * stored, sh.channels, -1)
            taps = _taps(sh, width, top, bottom)
            kernel = convolve if positions > FEW_POSITIONS else convolve_few
            kernel(planes, part, taps, np.array([sh.groups, stored, first, last, positions]), out)
            if not safe:
                limited = _limited(out, tile, lambda a: _cropped(a, sh, stored, width))
                out, overflows = limited.psums, overflows + limited.overflows
    return _Psums(np.ascontiguousarray(_cropped(out, sh, stored, width)), overflows)


def _cropped(out: NDArray[Any], sh: NestShape, stored: int, width: int) -> NDArray[Any]:
    shaped = out.reshape(sh.batch, sh.groups, stored, sh.rows, width)[:, :, : sh.filters, :, : sh.columns]
    return shaped.reshape(sh.batch, sh.groups * sh.filters, sh.rows, sh.columns)


def _phases(padded: Words, sh: NestShape) -> tuple[Words, int]:
    """Split planes by stride phase: int16[N, phases, C, words], and the words of a row."""
    n, c, rows, columns = padded.shape
    height, width = -(-rows // sh.stride_v), -(-columns // sh.stride_h)
    whole = np.zeros((n, c, height * sh.stride_v, width * sh.stride_h), np.int16)
    whole[:, :, :rows, :columns] = padded
    split = whole.reshape(n, c, height, sh.stride_v, width, sh.stride_h).transpose(0, 3, 5, 1, 2, 4)
    return np.ascontiguousarray(split).reshape(n, sh.stride_v * sh.stride_h, c, height * width), width


def _taps(sh: NestShape, width: int, top: int, bottom: int) -> NDArray[np.int64]:
    """Return phase and offset of each tap of the filter rows top to bottom - 1."""
    taps = []
    for j in range(top, bottom):
        for s in range(sh.taps_h):
            y, x = j * sh.dilation_v, s * sh.dilation_h
            phase = y % sh.stride_v * sh.stride_h + x % sh.stride_h
            taps.append((phase, y // sh.stride_v * width + x // sh.stride_h))
    return np.array(taps, np.int64)


def _limited(sums: NDArray[Any], tile: AcceleratorSpec, real: Any = None) -> _Psums:
    """Wrap or saturate at psum_bits and count what had to be; `real` picks the sums that are psums."""
    half = 2 ** (tile.psum_bits - 1)
    if tile.overflow == Overflow.SATURATE:
        kept = np.clip(sums, -half, half - 1)
    elif tile.psum_bits < 64:
        kept = ((sums + half) & (2 * half - 1)) - half
    else:
        kept = sums
    changed = kept != sums
    return _Psums(kept, int(np.count_nonzero(real(changed) if real else changed)))


def _maximum(padded: Words, sh: NestShape) -> NDArray[np.int32]:
    out = np.full((sh.batch, sh.groups, sh.rows, sh.columns), np.iinfo(np.int16).min, np.int16)
    for j in range(sh.taps_v):
        for s in range(sh.taps_h):
            np.maximum(out, under_tap(padded, sh, j, s), out=out)
    return out.astype(np.int32)
