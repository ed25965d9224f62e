"""The comparison with the Eyeriss chip as its file holds it (`hwsim validate eyeriss --json`)."""

from __future__ import annotations

from typing import ClassVar

from hwsim.engines.counts_result import Part
from hwsim.files.document import Document
from hwsim.validation.eyeriss import Compared


class LayerOnChip(Part):
    """One layer, ours and the chip's; errors are relative to the chip, %. None: not modelled here or not published."""

    name: str
    processing_ms: float
    chip_processing_ms: float
    processing_error_pct: float
    total_ms: float
    chip_total_ms: float | None
    total_error_pct: float | None
    active_pes: int
    chip_active_pes: int
    glb_mb: float
    chip_glb_mb: float | None
    glb_error_pct: float | None
    dram_mb: float | None
    chip_dram_mb: float | None
    power_mw: float | None = None
    chip_power_mw: float | None = None
    power_error_pct: float | None = None

    @staticmethod
    def of(row: Compared) -> LayerOnChip:
        """Return a compared layer as the file holds it."""
        chip = row.measured
        return LayerOnChip(
            name=chip.layer.name,
            processing_ms=row.processing_ms,
            chip_processing_ms=chip.processing_ms,
            processing_error_pct=100 * row.processing_error,
            total_ms=row.total_ms,
            chip_total_ms=chip.total_ms,
            total_error_pct=None if row.total_error is None else 100 * row.total_error,
            active_pes=row.run.active_pes,
            chip_active_pes=chip.active_pes,
            glb_mb=row.glb_mb,
            chip_glb_mb=chip.glb_mb,
            glb_error_pct=None if row.glb_error is None else 100 * row.glb_error,
            dram_mb=row.dram_mb,
            chip_dram_mb=chip.dram_mb,
            chip_power_mw=chip.power_mw,
        )


class EyerissValidation(Document):
    """AlexNet and VGG16, chip beside engine; `fig10`, energies by part, is empty: the chip's are not modelled yet."""

    KIND: ClassVar[str] = "a comparison with the Eyeriss chip"

    alexnet: tuple[LayerOnChip, ...]
    vgg16: tuple[LayerOnChip, ...]
    fig10: tuple[()] = ()

    @staticmethod
    def of(alexnet: list[Compared], vgg16: list[Compared]) -> EyerissValidation:
        """Return compared layers as the file holds them."""
        return EyerissValidation(
            alexnet=tuple(LayerOnChip.of(row) for row in alexnet), vgg16=tuple(LayerOnChip.of(row) for row in vgg16)
        )
