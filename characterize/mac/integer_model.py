"""What a MAC unit must compute, cycle by cycle, in exact integers: the one model that every check compares with."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from characterize.mac.interface import MacInterface, Role
from hwsim.errors import InputError

MAX_DELAY = 8
"""Clock edges; a deeper pipeline than this is taken for a wrong port."""


@dataclass(frozen=True)
class MacBehaviour:
    """Widths, signs and delays of a registered multiply-accumulate unit.

    A delay counts the clock edges between the one that samples an input and the one after which the input is part of
    `psum_out`: 0 is an input that the output register itself samples. `weight_held`: the weight is taken only where
    weight_load is high (a weight-stationary PE). `accumulates`: there is no psum input, the output adds to itself.
    Sums wrap at `psum_bits`, as two's complement registers do; where `wraps` is false (a MAC of somebody else's, which
    may saturate) a sum out of range is left to the design.
    """

    weight_bits: int
    activation_bits: int
    psum_bits: int
    weight_signed: bool = True
    activation_signed: bool = True
    weight_delay: int = 1
    activation_delay: int = 1
    psum_delay: int = 0
    weight_held: bool = True
    accumulates: bool = False
    wraps: bool = True

    def __post_init__(self) -> None:
        for name in ("weight_delay", "activation_delay", "psum_delay"):
            value = getattr(self, name)
            if not 0 <= value <= MAX_DELAY:
                raise InputError(f"MAC behaviour: {name} is {value}, must be 0 to {MAX_DELAY} clock edges")

    def input_bits(self, role: Role) -> int:
        """Return the width of an input port."""
        widths = {
            Role.WEIGHT: self.weight_bits,
            Role.ACTIVATION: self.activation_bits,
            Role.PSUM_IN: self.psum_bits,
        }
        return widths.get(role, 1)

    @property
    def depth(self) -> int:
        """Clock edges after which no input sampled before a reset is left in the unit."""
        return max(self.weight_delay, self.activation_delay, self.psum_delay) + 1


def behaviour_of(interface: MacInterface, wraps: bool = True) -> MacBehaviour:
    """Return what a MAC with this interface must compute."""
    return MacBehaviour(
        weight_bits=interface.weight_bits,
        activation_bits=interface.activation_bits,
        psum_bits=interface.psum_bits,
        weight_signed=interface.weight_signed,
        activation_signed=interface.activation_signed,
        weight_delay=interface.weight_delay,
        activation_delay=interface.activation_delay,
        psum_delay=interface.psum_delay,
        weight_held=Role.WEIGHT_LOAD in interface.ports,
        accumulates=interface.accumulates,
        wraps=wraps,
    )


@dataclass(frozen=True)
class MacInputs:
    """The values that one clock edge samples; operands as signed or unsigned integers, psum_in modulo its width."""

    weight: int = 0
    activation: int = 0
    psum_in: int = 0
    weight_load: bool = True
    reset: bool = False


class MacModel:
    """The exact integer model of a MAC unit, advanced one clock edge a call.

    `overflowed`: the last sum left the range of psum_out (for an accumulator: any sum since the reset).
    """

    def __init__(self, behaviour: MacBehaviour) -> None:
        self.behaviour = behaviour
        bits = behaviour.psum_bits
        self._modulus = 1 << bits
        # a sum of unsigned products is unsigned
        self._least = -(1 << (bits - 1)) if behaviour.weight_signed or behaviour.activation_signed else 0
        self.clear()

    def clear(self) -> None:
        """Forget everything, as a reset does that lasts `behaviour.depth` edges with all inputs at zero."""
        unit = self.behaviour
        self.overflowed = False
        self._held_weight = 0
        self._psum = 0
        self._weights = deque([0] * (unit.weight_delay + 1), maxlen=unit.weight_delay + 1)
        self._activations = deque([0] * (unit.activation_delay + 1), maxlen=unit.activation_delay + 1)
        self._psums = deque([0] * (unit.psum_delay + 1), maxlen=unit.psum_delay + 1)

    def edge(self, inputs: MacInputs) -> int:
        """Sample one edge's inputs and return psum_out after it, as the unsigned value of its bits."""
        if inputs.reset:
            self.clear()
            return 0
        if inputs.weight_load or not self.behaviour.weight_held:
            self._held_weight = inputs.weight
        self._weights.append(self._held_weight)
        self._activations.append(inputs.activation)
        self._psums.append(self._in_range(inputs.psum_in))
        accumulates = self.behaviour.accumulates
        total = (self._psum if accumulates else self._psums[0]) + self._weights[0] * self._activations[0]
        self._psum = self._in_range(total)
        self.overflowed = self._psum != total or (accumulates and self.overflowed)
        return self._psum % self._modulus

    def _in_range(self, value: int) -> int:
        return (value - self._least) % self._modulus + self._least
