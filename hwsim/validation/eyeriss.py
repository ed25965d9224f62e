"""The simulator beside silicon: what the Eyeriss chip measured and what the engines say for the same mappings.

Source: Chen et al., JSSC 2017, Tables V (AlexNet, batch 4) and VI (VGG16, batch 3): 65 nm, 200 MHz, 16 bit. The VGG16
figures are recalled from the publication, which does not print their mappings: those are our reading, chosen so that
psums, ifmap rows and filters fit the buffers and the active PEs come out as published, one per ofmap size.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.energy.memory_costs import NORMALIZED
from hwsim.engines.analytic import Analysis
from hwsim.engines.cycle_timeline import run_cycles
from hwsim.engines.operand_statistics import PACKET_BITS, PAIRS
from hwsim.hardware.accelerator import AcceleratorSpec, accelerator
from hwsim.mapping.mapper import best_mapping
from hwsim.mapping.mapping import Mapping
from hwsim.vocabulary import Direction, Level, Objective, Operand
from hwsim.workload.layer import ConvLayer

LATENCY_TARGET = 0.05
GLB_TARGET = 0.10


@dataclass(frozen=True)
class Measured:
    """One layer on the chip: processing and total time, active PEs, GLB and DRAM traffic, zeros in the ifmap, power."""

    layer: ConvLayer
    mapping: Mapping
    processing_ms: float
    active_pes: int
    total_ms: float | None = None
    glb_mb: float | None = None
    dram_mb: float | None = None
    zero_ifmap: float | None = None
    power_mw: float | None = None


@dataclass(frozen=True)
class Compared:
    """A measured layer and what the cycle engine says of it."""

    measured: Measured
    run: Analysis
    processing_ms: float
    total_ms: float
    glb_mb: float
    dram_mb: float | None

    @property
    def processing_error(self) -> float:
        """Relative error of the processing time."""
        return self.processing_ms / self.measured.processing_ms - 1

    @property
    def total_error(self) -> float | None:
        """Relative error of the total time, None where the chip's is not known."""
        return None if self.measured.total_ms is None else self.total_ms / self.measured.total_ms - 1

    @property
    def glb_error(self) -> float | None:
        """Relative error of the GLB traffic, None where the chip's is not known."""
        return None if self.measured.glb_mb is None else self.glb_mb / self.measured.glb_mb - 1

    @property
    def within_targets(self) -> bool:
        """Tell whether latency, PEs and GLB traffic are as close as promised."""
        close = abs(self.processing_error) <= LATENCY_TARGET and self.run.active_pes == self.measured.active_pes
        return close and (self.glb_error is None or abs(self.glb_error) <= GLB_TARGET)


@dataclass(frozen=True)
class Choice:
    """What the mapper picks for a layer, beside the chip's mapping; memory energy at the ISCA 2016 cost ratios."""

    layer: ConvLayer
    objective: Objective
    mapping: Mapping
    processing_ms: float
    memory_energy_ratio: float


ALEXNET_CONV3_RECALLED = Mapping(m=64, n=4, e=13, f=13, p=16, q=4, r=1, t=4, k=3)
"""CONV3 as recalled; it would move 69 MB through the GLB, the chip moved 50.2, which is what CONV4's mapping moves."""

_CONV4 = Mapping(m=64, n=4, e=13, f=13, p=16, q=3, r=2, t=2, k=3)


def alexnet() -> list[Measured]:
    """Return AlexNet on the chip, batch 4, in Table V's order."""
    conv1 = ConvLayer("CONV1", 3, 96, 227, 227, 11, 11, stride=4, batch=4)
    conv2 = ConvLayer("CONV2", 96, 256, 27, 27, 5, 5, padding=2, groups=2, batch=4)
    conv3 = ConvLayer("CONV3", 256, 384, 13, 13, 3, 3, padding=1, batch=4)
    conv4 = ConvLayer("CONV4", 384, 384, 13, 13, 3, 3, padding=1, groups=2, batch=4)
    conv5 = ConvLayer("CONV5", 384, 256, 13, 13, 3, 3, padding=1, groups=2, batch=4)
    first = Mapping(m=96, n=1, e=7, f=55, p=16, q=1, r=1, t=2, k=11)
    second = Mapping(m=64, n=1, e=27, f=27, p=16, q=2, r=1, t=1, k=5)
    return [
        Measured(conv1, first, 16.5, 154, 20.9, 18.5, 5.0, 0.0, 332.0),
        Measured(conv2, second, 39.2, 135, 41.9, 77.6, 4.0, 0.387, 288.0),
        Measured(conv3, _CONV4, 21.8, 156, 23.6, 50.2, 3.0, 0.725, 266.0),
        Measured(conv4, _CONV4, 16.0, 156, 18.4, 37.4, 2.1, 0.793, 235.0),
        Measured(conv5, _CONV4, 10.0, 156, 10.5, 24.9, 1.3, 0.776, 236.0),
    ]


def vgg16() -> list[Measured]:
    """Return VGG16's convolutions on the chip, batch 3; the layers of 5-x are equal."""
    mappings = {
        224: Mapping(m=16, n=1, e=13, f=224, p=4, q=1, r=1, t=4, k=3),
        112: Mapping(m=32, n=1, e=13, f=112, p=8, q=1, r=1, t=4, k=3),
        56: Mapping(m=64, n=1, e=13, f=56, p=16, q=2, r=1, t=4, k=3),
        28: Mapping(m=64, n=1, e=14, f=28, p=16, q=4, r=1, t=4, k=3),
        14: Mapping(m=64, n=3, e=14, f=14, p=16, q=3, r=2, t=2, k=3),
    }
    rows = [
        ("CONV1-1", 3, 64, 224, 38.0, 156),
        ("CONV1-2", 64, 64, 224, 810.6, 156),
        ("CONV2-1", 64, 128, 112, 405.3, 156),
        ("CONV2-2", 128, 128, 112, 810.8, 156),
        ("CONV3-1", 128, 256, 56, 204.0, 156),
        ("CONV3-2", 256, 256, 56, 408.1, 156),
        ("CONV4-1", 256, 512, 28, 105.1, 168),
        ("CONV4-2", 512, 512, 28, 210.0, 168),
        ("CONV5-x", 512, 512, 14, 48.3, 168),
    ]
    return [
        Measured(ConvLayer(name, c, m, size, size, 3, 3, padding=1, batch=3), mappings[size], ms, pes)
        for name, c, m, size, ms, pes in rows
    ]


def compare(measured: list[Measured], tile: AcceleratorSpec) -> list[Compared]:
    """Run each layer's mapping on the cycle engine and put it beside what the chip measured."""
    compared = []
    for index, row in enumerate(measured):
        coding = _coding(row.zero_ifmap or 0.0, tile)
        run = run_cycles(row.layer, tile, row.mapping, ifmap_coding=coding).analysis
        following = measured[min(index + 1, len(measured) - 1)].zero_ifmap
        compared.append(
            Compared(
                row,
                run,
                tile.latency_ms(run.processing_cycles),
                tile.latency_ms(run.cycles),
                glb_traffic_mb(run, tile),
                coded_dram_mb(run, tile, row.zero_ifmap, following),
            )
        )
    return compared


def glb_traffic_mb(run: Analysis, tile: AcceleratorSpec) -> float:
    """Return what the chip's table counts: psums between GLB and array, ifmap words into the array; 1e6 bytes.

    The fills from DRAM, the filters and the ofmap's way out are not in it: with them no layer comes out as printed.
    """
    get = run.accesses.get
    ifmap = get(Level.GLB, Operand.IFMAP, Direction.READ) * tile.word_bits
    psums = get(Level.NOC, Operand.PSUM, Direction.READ) + get(Level.GLB, Operand.PSUM, Direction.WRITE)
    return (ifmap + psums * tile.psum_bits) / 8e6


def coded_dram_mb(
    run: Analysis, tile: AcceleratorSpec, zero_ifmap: float | None, zero_ofmap: float | None
) -> float | None:
    """Return the DRAM traffic with activations run-length coded at published zero fractions, 1e6 bytes.

    The ofmap is taken to hold as many zeros as the next layer's ifmap (the last layer's as its own ifmap), too few
    where a pooling layer lies between: were 58 % of CONV1's ofmap zero before it is pooled (39 % are after it), its
    traffic would be the chip's 5.0 MB and not 5.6. An activation without zeros is left uncoded, as on the chip.
    """
    if zero_ifmap is None or zero_ofmap is None:
        return None
    get = run.accesses.get
    ifmap = get(Level.DRAM, Operand.IFMAP, Direction.READ) * _coding(zero_ifmap, tile)
    ofmap = get(Level.DRAM, Operand.PSUM, Direction.WRITE) * _coding(zero_ofmap, tile)
    return (ifmap + ofmap + get(Level.DRAM, Operand.FILTER, Direction.READ)) * tile.word_bits / 8e6


def _coding(zero_share: float, tile: AcceleratorSpec) -> float:
    """Return the bits of coded activations over those of their words, for long enough tensors of short enough runs."""
    return min(1.0, (1 - zero_share) * PACKET_BITS / PAIRS / tile.word_bits)


def choices(compared: list[Compared], tile: AcceleratorSpec, objective: Objective) -> list[Choice]:
    """Return what the mapper would run instead of the chip's mappings."""
    found = []
    for row in compared:
        mapping = best_mapping(row.measured.layer, tile, NORMALIZED, objective)
        run = run_cycles(row.measured.layer, tile, mapping).analysis
        energies = [sum(cost.accesses.energy(NORMALIZED, tile.word_bits, tile.psum_bits)) for cost in (run, row.run)]
        processing_ms = tile.latency_ms(run.processing_cycles)
        found.append(Choice(row.measured.layer, objective, mapping, processing_ms, energies[0] / energies[1]))
    return found


def validate_eyeriss() -> tuple[list[Compared], list[Compared]]:
    """Return AlexNet's and VGG16's layers, chip beside engine, on the preset of the chip."""
    tile = accelerator("eyeriss-v1")
    return compare(alexnet(), tile), compare(vgg16(), tile)
