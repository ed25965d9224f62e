"""What one MAC costs on a tile and where the figure comes from; the costs of a tile for which none are named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hwsim.energy.cost_preset import CostPreset, CostUnit, load_costs
from hwsim.energy.mac_table import MacEnergyTable, load_mac_table
from hwsim.energy.memory_costs import MemoryCosts
from hwsim.energy.transition_model import TransitionModel, transition_model
from hwsim.errors import InputError
from hwsim.hardware.accelerator import AcceleratorSpec
from hwsim.vocabulary import NO_ZEROS_KNOWN, Precision, ZeroShares

NORMALIZED_MAC_PJ = 1.0
"""One full-precision MAC where nothing but ratios is known: energies then read as multiples of a MAC."""

TOTAL = "total"
"""The accounting that charges a MAC for all it takes, its clock and the leakage of its own period included."""

WITHOUT_CLOCK = "no-clock"
"""The accounting that leaves out what a MAC pays whatever its operands are."""


@dataclass(frozen=True)
class MacPrice:
    """Energies of a MAC on one tile: from the characterized table, or a unit of one where only ratios are asked for.

    A cost preset may ask for another accounting than the total; where the table lacks it, `source` says so. The unit
    serves normalised cost presets on a datapath that was not characterized (16 bit); it covers the full width only.
    `characterized_zero_share`: zeros among the activations that the table's figures average over; None if unrecorded.
    `given_table`: the table as it was given, under its own accounting.
    """

    table: MacEnergyTable | None
    datapath_bits: int
    full_mac_pj: float
    wanted_accounting: str | None = None
    characterized_zero_share: float | None = None
    given_table: MacEnergyTable | None = None

    @staticmethod
    def on(tile: AcceleratorSpec, table: MacEnergyTable, preset: CostPreset) -> MacPrice:
        """Return the prices on a tile; raises InputError where the table lacks the datapath's width."""
        bits = tile.word_bits
        given = table
        # a table made under a narrower accounting was asked for as such: the costs do not overrule it
        wanted = preset.mac_accounting if given.accounting == TOTAL else None
        table = given.with_accounting(wanted or given.accounting) or given
        covered = bits in table.energy_fj and bits in table.energy_fj[bits]
        if not covered and preset.unit is CostUnit.MACS_PER_WORD:
            return MacPrice(None, bits, NORMALIZED_MAC_PJ)
        full_mac_pj = table.mac_energy_fj(bits, bits) / 1000.0
        return MacPrice(table, bits, full_mac_pj, wanted, _find_share(table.provenance), given)

    @property
    def source(self) -> str:
        """One line that says what a MAC's energy rests on."""
        if self.table is None:
            return f"one {self.datapath_bits}-bit MAC = 1 (normalised: read pJ as multiples of a MAC)"
        table = self.table
        lacking = self.wanted_accounting not in {None, table.accounting}
        return (
            f"{table.technology}, {table.multiplier} multiplier, {table.dataflow}, {table.accounting} accounting,"
            f" {self.full_mac_pj * 1000:.1f} fJ at {self.datapath_bits}/{self.datapath_bits} bit"
            + (f"; the costs ask for {self.wanted_accounting} accounting, which this table lacks" if lacking else "")
        )

    def mac_pj(self, bits: Precision, zeros: ZeroShares = NO_ZEROS_KNOWN) -> float:
        """Return the mean energy of a MAC, pJ.

        A zero weight is charged at the table's zero-weight energy; an unknown share of zero activations is the one that
        the table was characterized with. Raises InputError for a precision that was not characterized.
        """
        weight_bits, activation_bits = bits
        zero_weight, zero_activation = zeros
        if self.table is None:
            if bits != (self.datapath_bits, self.datapath_bits):
                raise InputError(
                    f"no MAC energy is known for {weight_bits}-bit weights and {activation_bits}-bit activations on a"
                    f" {self.datapath_bits}-bit datapath; run `characterize run` for it and pass --mac-table"
                )
            return self.full_mac_pj
        mean_fj = self.table.mac_energy_fj(weight_bits, activation_bits)
        share = self.characterized_zero_share
        if zero_activation is not None and share is not None and weight_bits in self.table.zero_activation_fj:
            idle_fj = self.table.zero_activation_fj[weight_bits]
            busy_fj = (mean_fj - share * idle_fj) / (1.0 - share)
            mean_fj = zero_activation * idle_fj + (1.0 - zero_activation) * busy_fj
        if zero_weight:
            if activation_bits not in self.table.zero_weight_fj:
                raise InputError(
                    f"the MAC energy table ({self.table.technology}) has no zero-weight energy for"
                    f" {activation_bits}-bit activations; run `characterize run --bits 2-8` and pass its --mac-table"
                )
            mean_fj = zero_weight * self.table.zero_weight_fj[activation_bits] + (1.0 - zero_weight) * mean_fj
        return mean_fj / 1000.0

    def clock_fj(self, bits: Precision) -> float:
        """Return what the given table charges a MAC for clock and leakage, fJ; 0 where it does not tell them apart."""
        given = self.given_table
        moving = given.with_accounting(WITHOUT_CLOCK) if given else None
        if given is None or moving is None:
            return 0.0
        return given.mac_energy_fj(*bits) - moving.mac_energy_fj(*bits)

    def usable_model(self) -> TransitionModel | None:
        """Return the table's macro-model where it holds one, in the table's own accounting, for this datapath."""
        given = self.given_table
        if self.table is None or given is None or not given.transition_model:
            return None
        if given.transition_model.get("accounting") != given.accounting:
            return None
        return transition_model(given)

    def scaled_pj(self, ratio: float, bits: Precision, zero_activation: float | None = None) -> float:
        """Return the energy of a MAC, pJ, whose switching is `ratio` of the characterized mean; the clock stays."""
        mean_fj = 1000.0 * self.mac_pj(bits, ZeroShares(None, zero_activation))
        ours = self.table is not None and self.given_table is not None
        same = ours and self.table.accounting == self.given_table.accounting  # type: ignore[union-attr]
        constant_fj = self.clock_fj(bits) if same else 0.0
        return (constant_fj + (mean_fj - constant_fj) * ratio) / 1000.0

    def leakage_pj(self, pes: int, latency_ms: float, macs: int) -> float:
        """Return what leaks in all PEs over a layer's time and is not yet part of the MACs' own energy, pJ."""
        if self.table is None:
            return 0.0
        # nW * ms = pJ; nW * ps = 1e-9 pJ. Total accounting charges each MAC the leakage of its own period.
        leaked_pj = self.table.leakage_nw * pes * latency_ms
        if self.table.accounting == TOTAL:
            leaked_pj -= self.table.leakage_nw * self.table.period_ps * 1e-9 * macs
        return max(leaked_pj, 0.0)


def _find_share(provenance: dict[str, Any]) -> float | None:
    """Look for the recorded share of zero activations, in the provenance or in the tables inside it."""
    share = provenance.get("zero_activation_share")
    if isinstance(share, int | float) and 0.0 <= share < 1.0:
        return float(share)
    found = (_find_share(inner) for inner in provenance.values() if isinstance(inner, dict))
    return next((inner for inner in found if inner is not None), None)


@lru_cache(maxsize=64)
def default_memory_costs(tile: AcceleratorSpec) -> MemoryCosts:
    """Return the tile's default costs, so that one layer alone maps as it does in a simulation.

    A datapath that was not characterized counts a MAC as one; that moves no mapping for energy or latency.
    """
    preset = load_costs(tile.default_costs)
    try:
        full_mac_pj = MacPrice.on(tile, load_mac_table(), preset).full_mac_pj
    except InputError:
        full_mac_pj = NORMALIZED_MAC_PJ
    return preset.memory_costs(tile.glb_size_bytes, tile.word_bits, full_mac_pj)
