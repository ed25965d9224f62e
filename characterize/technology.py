"""The cell figures a run uses: the embedded compact table, or the user's Liberty files."""

from __future__ import annotations

from characterize.cell_library import (
    Cell,
    CellLibrary,
    FlipFlop,
    Pin,
    PinDirection,
    PowerArc,
    Sense,
    Table,
    TimingArc,
)
from characterize.liberty_cells import read_liberty
from characterize.liberty_writer import write_liberty

__all__ = [
    "Cell",
    "CellLibrary",
    "FlipFlop",
    "Pin",
    "PinDirection",
    "PowerArc",
    "Sense",
    "Table",
    "TimingArc",
    "read_liberty",
    "write_liberty",
]
