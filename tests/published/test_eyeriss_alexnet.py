"""The Eyeriss chip on AlexNet: Chen et al., JSSC 2017, Table V (batch 4, 16 bit, 200 MHz)."""

from __future__ import annotations

import pytest

from hwsim.accelerator import accelerator
from hwsim.analytic import analyze
from hwsim.layer import ConvLayer
from hwsim.mapping import Mapping
from hwsim.vocabulary import Direction, Level, Operand

CONV1 = ConvLayer("CONV1", 3, 96, 227, 227, 11, 11, stride=4, batch=4)
CONV2 = ConvLayer("CONV2", 96, 256, 27, 27, 5, 5, padding=2, groups=2, batch=4)
CONV3 = ConvLayer("CONV3", 256, 384, 13, 13, 3, 3, padding=1, batch=4)
CONV4 = ConvLayer("CONV4", 384, 384, 13, 13, 3, 3, padding=1, groups=2, batch=4)
CONV5 = ConvLayer("CONV5", 384, 256, 13, 13, 3, 3, padding=1, groups=2, batch=4)
SMALL = Mapping(m=64, n=4, e=13, f=13, p=16, q=3, r=2, t=2, k=3)
CHIP = [
    # layer, mapping, processing ms, active PEs, GLB MB
    (CONV1, Mapping(m=96, n=1, e=7, f=55, p=16, q=1, r=1, t=2, k=11), 16.5, 154, 18.5),
    (CONV2, Mapping(m=64, n=1, e=27, f=27, p=16, q=2, r=1, t=1, k=5), 39.2, 135, 77.6),
    (CONV3, SMALL, 21.8, 156, 50.2),
    (CONV4, SMALL, 16.0, 156, 37.4),
    (CONV5, SMALL, 10.0, 156, 24.9),
]


@pytest.mark.parametrize(
    ("layer", "mapping", "processing_ms", "pes", "glb_mb"), CHIP, ids=lambda v: getattr(v, "name", "")
)
def test_the_chip_is_matched(layer: ConvLayer, mapping: Mapping, processing_ms: float, pes: int, glb_mb: float) -> None:
    tile = accelerator("eyeriss-v1")
    cost = analyze(layer, tile, mapping)
    assert tile.latency_ms(cost.processing_cycles) == pytest.approx(processing_ms, rel=0.05)
    assert cost.active_pes == pes
    # the chip's figure leaves out the fills from DRAM and the filters
    words = cost.accesses.get(Level.GLB, Operand.IFMAP, Direction.READ)
    words += cost.accesses.get(Level.NOC, Operand.PSUM, Direction.READ)
    words += cost.accesses.get(Level.GLB, Operand.PSUM, Direction.WRITE)
    assert words * 2 / 1e6 == pytest.approx(glb_mb, rel=0.004)
