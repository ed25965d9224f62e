"""Which part of the MAC a gate belongs to, by what its fan-in cone reaches: found on the flat netlist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from characterize.gates.lowering import ADDER_GROUP, MULTIPLIER_GROUP, Gate, Register

WEIGHT, ACTIVATION, PSUM = 1, 2, 4


def gate_groups(
    gates: Sequence[Gate],
    registers: Sequence[Register],
    weight_nets: Iterable[int],
    activation_nets: Iterable[int],
    psum_nets: Iterable[int],
) -> dict[int, int]:
    """Return the group (multiplier or adder) of every gate by its output net.

    Support spreads forward from the ports, through registers too. A gate that depends on the partial sum, be it the
    psum_in port or a register that feeds itself with products of both operands (an accumulator), is the adder's;
    every other gate, the operand registers' own multiplexers included, is the multiplier's.
    """
    support: dict[int, int] = {}
    for nets, mark in ((weight_nets, WEIGHT), (activation_nets, ACTIVATION), (psum_nets, PSUM)):
        for net in nets:
            support[net] = support.get(net, 0) | mark
    _spread(gates, registers, support)
    accumulators = _accumulators(gates, registers, support)
    for net in accumulators:
        support[net] |= PSUM
    _spread(gates, registers, support)
    return {
        gate.output_net: ADDER_GROUP if support.get(gate.output_net, 0) & PSUM else MULTIPLIER_GROUP for gate in gates
    }


def _spread(gates: Sequence[Gate], registers: Sequence[Register], support: dict[int, int]) -> None:
    """Propagate marks to a fixed point, in place; gates are in topological order."""
    changed = True
    while changed:
        changed = False
        for gate in gates:
            mark = support.get(gate.output_net, 0)
            for net in gate.input_nets:
                mark |= support.get(net, 0)
            support[gate.output_net] = mark
        for register in registers:
            mark = support.get(register.output_net, 0) | support.get(register.data_net, 0)
            if mark != support.get(register.output_net, 0):
                support[register.output_net] = mark
                changed = True


def _accumulators(gates: Sequence[Gate], registers: Sequence[Register], support: dict[int, int]) -> set[int]:
    """Return the outputs of registers that reach their own data input and hold products of both operands."""
    both = WEIGHT | ACTIVATION
    found = set()
    for register in registers:
        if support.get(register.output_net, 0) & both != both:
            continue
        reached = {register.output_net}
        size = 0
        while size != len(reached):
            size = len(reached)
            reached.update(gate.output_net for gate in gates if reached.intersection(gate.input_nets))
            reached.update(other.output_net for other in registers if other.data_net in reached)
            if register.data_net in reached:
                found.add(register.output_net)
                break
    return found
