"""How a MAC is talked to: which port plays which role, and when an operand shows in the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Role(str, Enum):
    """What a port of a MAC is for; the values are the names in `--port ROLE=NAME` and the default port names."""

    CLOCK = "clk"
    RESET = "reset"
    WEIGHT = "weight"
    ACTIVATION = "activation"
    PSUM_IN = "psum_in"
    PSUM_OUT = "psum_out"
    WEIGHT_LOAD = "weight_load"
    ENABLE = "enable"
    CLEAR = "clear"


class PortWidths(NamedTuple):
    """Bits of a MAC's data ports."""

    weight: int = 8
    activation: int = 8
    psum: int = 32


OWN_WIDTHS = PortWidths()
"""Those of the project's own MAC."""


@dataclass(frozen=True)
class MacInterface:
    """Ports by role, widths, signs, and the timing of one MAC.

    `ports` names the port of each role that is present. Inputs of cycle n are stable before rising clock edge n, and
    out[n] is psum_out after that edge:

        out[n] = base + weight[n - weight_delay] * activation[n - activation_delay]   modulo 2^psum_bits,
        base = psum_in[n - psum_delay], or out[n - 1] where `accumulates` (no psum_in).

    With a weight_load port, weight[m] is the value at the last edge up to m at which weight_load was high. While reset
    is active (`reset_active_high`), the registers that it reaches become 0. `constants`: ports (enable, clear) that
    are held at a level while the MAC works.
    """

    ports: dict[Role, str]
    weight_bits: int
    activation_bits: int
    psum_bits: int
    weight_signed: bool = True
    activation_signed: bool = True
    accumulates: bool = False
    weight_delay: int = 1
    activation_delay: int = 1
    psum_delay: int = 0
    reset_active_high: bool = True
    constants: Mapping[str, int] = field(default_factory=dict)

    @property
    def widths(self) -> PortWidths:
        """Return the widths of the ports that operand streams drive."""
        return PortWidths(self.weight_bits, self.activation_bits, self.psum_bits)

    @property
    def latency(self) -> int:
        """Return the number of cycles after which an input no longer has any first effect on the output."""
        return max(self.weight_delay, self.activation_delay, self.psum_delay)
