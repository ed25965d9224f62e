"""Operand streams: what dataflow, alignment, chain and pruned operands do to the ports."""

from __future__ import annotations

import numpy as np
import pytest

from characterize.mac.interface import PortWidths
from characterize.spec import Alignment, Dataflow, OperandSpec
from characterize.streams.port_drive import PortDrive
from characterize.streams.stimulus import Pruned, bit_columns, stream_generator

WS = OperandSpec(hold_cycles=8, chain_depth=4)
RS = WS.replaced(dataflow=Dataflow.ROW_STATIONARY)


def test_weight_stationary_holds_and_loads() -> None:
    stream = stream_generator(WS, 3, True).stream(0, 8, 8)
    held = stream.weight.reshape(-1, 8)
    assert (held == held[:, :1]).all()
    assert stream.load.reshape(-1, 8).tolist() == [[1, 0, 0, 0, 0, 0, 0, 0]] * 12


def test_psum_grows_along_the_chain() -> None:
    generator = stream_generator(WS.replaced(operands="uniform"), 3, True)
    squares = np.zeros(4)
    for index in range(40):
        psum = generator.stream(index, 8, 8).psum.reshape(3, 4, 8).astype(float)
        squares += (psum**2).mean((0, 2))
    assert squares[0] == 0  # the first PE of the chain starts from nothing
    assert squares[1] > 0
    assert squares[2] / squares[1] == pytest.approx(2, rel=0.4)
    assert squares[3] / squares[1] == pytest.approx(3, rel=0.4)


def test_row_stationary_adds_up_its_own_products() -> None:
    stream = stream_generator(RS, 3, True).stream(1, 8, 8)
    products = (stream.weight * stream.activation).reshape(-1, 4)
    psum = stream.psum.reshape(-1, 4)
    assert (psum[:, 0] == 0).all()
    assert (psum[:, 1:] == np.cumsum(products, axis=1)[:, :-1]).all()
    assert stream.load.all()


@pytest.mark.parametrize("spec", [WS, RS])
def test_msb_alignment_shifts_operands_and_sums(spec: OperandSpec) -> None:
    low = stream_generator(spec, 5, True).stream(0, 3, 5)
    high = stream_generator(spec.replaced(alignment=Alignment.MSB), 5, True).stream(0, 3, 5)
    assert (high.weight == low.weight << 5).all()
    assert (high.activation == low.activation << 3).all()
    assert (high.psum == low.psum << 8).all()


def test_pruned_operands_leave_the_rest_alone() -> None:
    generator = stream_generator(WS, 5, True)
    dense = generator.stream(2, 8, 8)
    zero = generator.stream(2, 8, 8, Pruned.WEIGHT)
    assert not zero.weight.any()
    assert (zero.activation == dense.activation).all() and (zero.psum == dense.psum).all()
    idle = generator.stream(2, 8, 8, Pruned.ACTIVATION)
    assert not idle.activation.any() and (idle.weight == dense.weight).all()
    half = generator.stream(2, 8, 8, Pruned.HALF_WEIGHTS)
    kept = half.weight != 0
    assert (half.weight[kept] == dense.weight[kept]).all() and 0 < kept.mean() < 1


def test_streams_differ_by_index_and_repeat_by_seed() -> None:
    first, again, other = (stream_generator(WS, seed, True).stream(0, 8, 8) for seed in (9, 9, 10))
    assert (first.activation == again.activation).all()
    assert (first.activation != other.activation).any()
    assert (stream_generator(WS, 9, True).stream(1, 8, 8).activation != first.activation).any()


def test_a_narrow_psum_port_wraps() -> None:
    generator = stream_generator(WS.replaced(operands="uniform"), 1, True, PortWidths(psum=12))
    psum = generator.stream(0, 8, 8).psum
    wide = stream_generator(WS.replaced(operands="uniform"), 1, True).stream(0, 8, 8).psum
    assert psum.min() >= -2048 and psum.max() < 2048
    assert ((psum - wide) % 4096 == 0).all()


def test_bits_are_twos_complement_lsb_first() -> None:
    assert bit_columns(np.array([-2, 5]), 4).tolist() == [[0, 1, 1, 1], [1, 0, 1, 0]]


def test_warm_up_replays_the_end_and_resets_first() -> None:
    drive = PortDrive(
        {"w": 8, "a": 8, "p": 32, "ld": 1, "rst": 1}, "w", "a", "p", "ld", "rst", reset_active=0, psum_lag=1
    )
    stream = stream_generator(WS, 5, True).stream(0, 8, 8)
    columns = drive.columns(stream, 6)
    assert columns.shape == (6 + stream.cycles, 50)
    weights = columns[:, :8] @ (1 << np.arange(8)) & 255
    assert (weights[:6] == stream.weight[-6:] & 255).all()
    psum = columns[6:, 16:48].astype(np.int64) @ (1 << np.arange(32)) & 0xFFFFFFFF
    assert (psum == np.roll(stream.psum, 1) & 0xFFFFFFFF).all()
    assert columns[:6, 48].all()
    assert columns[:, 49].tolist() == [0, 0, 0] + [1] * (3 + stream.cycles)
