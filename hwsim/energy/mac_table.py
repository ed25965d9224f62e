"""The MAC energy table: the one file that crosses from characterize to hwsim. hwsim owns its schema."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, field_validator

from hwsim.errors import InputError, check_kind
from hwsim.files.document import Document

SHIPPED_TABLE = Path(__file__).parents[1] / "data" / "mac_energy.json"
"""The table that `characterize run` wrote for this release and that hwsim uses where none is named."""

BitsTable = dict[int, dict[int, float]]
"""Weight bits, then activation bits, to a figure."""


class MacEnergyTable(Document):
    """Energy of one MAC, fJ, for each precision of weight and activation, and how it was obtained.

    `energy_fj`, `ci95_rel`, `r_q`: weight bits, then activation bits. `zero_weight_fj`: activation bits to fJ where the
    weight is zero and the rest toggles; `zero_activation_fj`: weight bits to fJ where the activation is zero.
    `p_fg`: zero-weight energy relative to an 8/8 MAC. `transition_model`: coefficients of the macro-model, empty where
    none was fitted. `provenance`: versions, hashes, seed, activity kind, verification.

    Source: Balaskas et al., IEEE TETC, section 4.3, eq. 6 (R_Q) and eq. 7 (P_FG).
    """

    # figures beside those that a price needs (other accountings, energies by weight) travel with the table
    model_config = ConfigDict(extra="allow")

    KIND: ClassVar[str] = "a MAC energy table of schema 1 as `characterize run` writes it (mac_energy.json)"

    technology: str
    multiplier: str
    dataflow: str
    alignment: str
    accounting: str
    voltage_v: float = Field(gt=0)
    period_ps: float = Field(gt=0)
    energy_fj: BitsTable
    ci95_rel: BitsTable
    zero_weight_fj: dict[int, float]
    zero_activation_fj: dict[int, float]
    leakage_nw: float = Field(ge=0)
    breakdown_fj: dict[str, Any]
    r_q: BitsTable
    p_fg: float = Field(ge=0)
    transition_model: dict[str, Any]
    provenance: dict[str, Any]

    @field_validator("energy_fj")
    @classmethod
    def _positive(cls, table: BitsTable) -> BitsTable:
        for weight_bits, row in table.items():
            for activation_bits, energy_fj in row.items():
                if not 0 < energy_fj < float("inf"):
                    raise ValueError(f"energy_fj[{weight_bits}][{activation_bits}] is {energy_fj}, must be positive")
        return table

    def with_accounting(self, name: str) -> MacEnergyTable | None:
        """Return the same table under another of its accountings.

        None where it holds no such figures, or where they do not belong to its own (a table edited by hand).
        """
        if name == self.accounting:
            return self
        accountings = (self.model_extra or {}).get("accountings", {})
        figures, own = accountings.get(name), accountings.get(self.accounting)
        if not figures or not own or _numbers(own["energy_fj"]) != self.energy_fj:
            return None
        return MacEnergyTable.model_validate({**self.model_dump(by_alias=True), **figures, "accounting": name})

    def mac_energy_fj(self, weight_bits: int, activation_bits: int) -> float:
        """Return the energy of one MAC at a precision; raises InputError where it was not characterized."""
        try:
            return self.energy_fj[weight_bits][activation_bits]
        except KeyError:
            have = sorted({(w, a) for w, row in self.energy_fj.items() for a in row})
            raise InputError(
                f"the MAC energy table ({self.technology}, {self.multiplier}) has no entry for {weight_bits}-bit"
                f" weights and {activation_bits}-bit activations (it covers {have[0][0]}/{have[0][1]} to"
                f" {have[-1][0]}/{have[-1][1]}); run `characterize run --bits 2-8` and pass its file as --mac-table"
            ) from None


def _numbers(table: dict[str, dict[str, float]]) -> BitsTable:
    return {int(weight): {int(bits): fj for bits, fj in row.items()} for weight, row in table.items()}


def load_mac_table(path: str | Path | None = None) -> MacEnergyTable:
    """Read a MAC energy table, the shipped one where no path is given; raises InputError with the first wrong field."""
    check_kind("--mac-table", path, (str, Path, type(None)), "the path of a mac_energy.json")
    return _load(SHIPPED_TABLE if path is None else Path(path))


@lru_cache(maxsize=8)
def _load(path: Path) -> MacEnergyTable:
    return MacEnergyTable.read(path)
