"""The result of a simulation as its file holds it (`hwsim simulate --json`)."""

from __future__ import annotations

from typing import Any, ClassVar

from hwsim.energy.cost_preset import ZeroWeights
from hwsim.engines.counts_result import Accesses, Part
from hwsim.files.document import Document
from hwsim.mapping.mapping import Mapping
from hwsim.vocabulary import EngineName, LayerKind, Objective


class EnergyParts(Part):
    """Energy by what it is spent on, pJ."""

    mac: float
    rf: float
    noc: float
    glb: float
    dram: float
    leakage: float


class Totals(Part):
    """Sums over the layers, for the whole batch."""

    macs: int
    cycles: int
    latency_ms: float
    energy_pj: float
    energy_breakdown_pj: EnergyParts
    accesses: Accesses


class OperandBits(Part):
    """Widths of a layer's operands."""

    weight: int
    activation: int


class OperandZeros(Part):
    """Shares of zeros among a layer's operands; None where nothing was measured or stated."""

    zero_ifmap: float | None
    zero_filter: float | None


class LayerResult(Part):
    """One layer: what it moved, how long it took, what it cost.

    `stall_cycles`: what DRAM adds to the array's `processing_cycles`, by cause. `bound`: what its time is made of.
    """

    name: str
    type: LayerKind
    macs: int
    cycles: int
    processing_cycles: int
    stall_cycles: dict[str, int]
    active_pes: int
    utilization: float
    bound: str
    bits: OperandBits
    latency_ms: float
    energy_total_pj: float
    energy_pj: EnergyParts
    accesses: Accesses
    mapping: Mapping
    operands: OperandZeros


class CostsUsed(Part):
    """Cost of a bit at each level, pJ, and where the figures come from."""

    dram_pj_per_bit: float
    glb_pj_per_bit: float
    noc_pj_per_bit: float
    rf_pj_per_bit: float
    memory_scale: float
    zero_weights: ZeroWeights
    sources: dict[str, str]
    calibration: dict[str, str | float | int]


class MacUsed(Part):
    """What a MAC's energy rests on; None where no table was used, but a MAC counted as one."""

    source: str
    full_precision_fj: float
    technology: str | None
    multiplier: str | None
    accounting: str | None
    leakage_nw: float | None


class Provenance(Part):
    """What the figures rest on; `accelerator`: the tile's fields."""

    version: str
    accelerator: dict[str, Any]
    costs: CostsUsed
    mac: MacUsed


class SimulationResult(Document):
    """What a network costs on a tile.

    `mac_table`: "shipped", "given" or the file's path. `engine_wall_s`: seconds spent mapping and counting or
    executing. `notes`: what a reader must know to compare figures, a sentence each.
    """

    KIND: ClassVar[str] = "a result of `hwsim simulate --json`"

    network: str
    accelerator: str
    batch: int
    engine: EngineName
    objective: Objective
    costs: str
    mac_table: str
    engine_wall_s: float
    totals: Totals
    layers: tuple[LayerResult, ...]
    notes: tuple[str, ...]
    provenance: Provenance
