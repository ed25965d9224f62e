"""The multiplier architectures of the project's own MAC, each a choice of Verilog files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from characterize.mac.interface import MacInterface, Role
from characterize.synthesis.yosys import Design
from hwsim.errors import unknown_name
from hwsim.files.document import Document

TOP = "mac"
UNSIGNED_SUFFIX = "-unsigned"
OWN_ROLES = (Role.CLOCK, Role.WEIGHT_LOAD, Role.WEIGHT, Role.ACTIVATION, Role.PSUM_IN, Role.PSUM_OUT)
DEFAULT_MULTIPLIER = "booth-weight"


@dataclass(frozen=True)
class Multiplier:
    """A multiplier architecture: `files` in rtl/ beside mac.v and adder.v; the operands' signs."""

    name: str
    description: str
    files: tuple[str, ...]
    activation_signed: bool = True


_TREE = ("carry_save_adder.v", "carry_save_tree.v")
_ARCHITECTURES = (
    Multiplier("native", "the product operator, built by the synthesis tool", ("multiplier_native.v",)),
    Multiplier(
        "array",
        "Baugh-Wooley partial products, added row by row",
        ("multiplier_array.v", "baugh_wooley_rows.v", "carry_save_adder.v"),
    ),
    Multiplier(
        "wallace",
        "Baugh-Wooley partial products, Wallace tree",
        ("multiplier_wallace.v", "baugh_wooley_rows.v", *_TREE),
    ),
    Multiplier(
        "booth-weight",
        "radix-4 Booth, recodes the weight",
        ("multiplier_booth_weight.v", "booth_multiplier.v", *_TREE),
    ),
    Multiplier(
        "booth-activation",
        "radix-4 Booth, recodes the activation",
        ("multiplier_booth_activation.v", "booth_multiplier.v", *_TREE),
    ),
)

MULTIPLIERS: dict[str, Multiplier] = {
    m.name: m
    for base in _ARCHITECTURES
    for m in (
        base,
        Multiplier(base.name + UNSIGNED_SUFFIX, f"{base.description}; unsigned activations", base.files, False),
    )
}
"""Every architecture by name: weights are signed; activations are signed, or unsigned with the suffix `-unsigned`."""


class MultiplierEntry(BaseModel):
    """One architecture as `characterize multipliers --json` lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    activation_signed: bool


class MultiplierList(Document):
    """What `characterize multipliers --json` writes."""

    KIND: ClassVar[str] = "a list of multipliers"

    default: str
    multipliers: tuple[MultiplierEntry, ...]


def multiplier_list() -> MultiplierList:
    """Return every built-in architecture."""
    entries = tuple(
        MultiplierEntry(name=one.name, description=one.description, activation_signed=one.activation_signed)
        for one in MULTIPLIERS.values()
    )
    return MultiplierList(default=DEFAULT_MULTIPLIER, multipliers=entries)


def rtl_folder() -> Path:
    """Return the folder of the project's Verilog: inside an installed package, beside it in a checkout."""
    inside = Path(__file__).parents[1] / "rtl"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "rtl"


def mac_design(
    multiplier: str, weight_bits: int = 8, activation_bits: int = 8, psum_bits: int = 32, keep_blocks: bool = True
) -> tuple[Design, MacInterface]:
    """Return what to synthesize for a multiplier's name and how the MAC is driven; raises InputError if unknown."""
    if multiplier not in MULTIPLIERS:
        raise unknown_name("multiplier", multiplier, MULTIPLIERS)
    chosen = MULTIPLIERS[multiplier]
    files = tuple(rtl_folder() / name for name in ("mac.v", "adder.v", *chosen.files))
    parameters = {
        "WEIGHT_BITS": weight_bits,
        "ACTIVATION_BITS": activation_bits,
        "PSUM_BITS": psum_bits,
        "ACTIVATION_SIGNED": int(chosen.activation_signed),
    }
    ports: dict[Role, str] = {role: role.value for role in OWN_ROLES}
    interface = MacInterface(ports, weight_bits, activation_bits, psum_bits, True, chosen.activation_signed)
    return Design(files, TOP, parameters, keep_blocks), interface
