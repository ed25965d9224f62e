"""Energies as people read them."""

from __future__ import annotations


def energy_text(energy_pj: float) -> str:
    """Return an energy in the unit that keeps it between 1 and 1000."""
    for unit, size_pj in (("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3)):
        if energy_pj >= size_pj:
            return f"{energy_pj / size_pj:,.4g} {unit}"
    return f"{energy_pj:.4g} pJ"
