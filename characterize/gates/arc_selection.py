"""Which library arcs speak for an event: chosen by input, edges and the state of the other inputs, once a cell type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from characterize.technology.boolean import BooleanFunction
from characterize.technology.cell_library import Cell, PowerArc, Sense, TimingArc
from hwsim.errors import InputError


@dataclass(frozen=True)
class CellOutput:
    """One output of a combinational cell with its arcs chosen for every event.

    An event is (input i, state after it), numbered i * 2^k + state for k inputs. `levels[state]` is the output;
    `delays[event]` lists indices into `timing`, `energies[event]` into `power` (output toggles),
    `idle_energies[event]` into `power` (the input moves and the output stays); all arcs listed for an event count
    alike (mean).
    """

    inputs: tuple[str, ...]
    levels: tuple[int, ...]
    timing: tuple[TimingArc, ...]
    power: tuple[PowerArc, ...]
    delays: tuple[tuple[int, ...], ...]
    energies: tuple[tuple[int, ...], ...]
    idle_energies: tuple[tuple[int, ...], ...]


def select_arcs(cell: Cell, output: str) -> CellOutput:
    """Choose arcs for every event of one output; raises InputError where the library gives no delay for an input."""
    function = cell.pins[output].function
    if function is None:
        raise InputError(f"cell '{cell.name}' gives no function for output {output}; leave it out of synthesis")
    names = function.inputs
    levels = tuple(function(state) for state in range(1 << len(names)))
    timing = tuple(arc for arc in cell.timing if arc.output_pin == output and arc.input_pin in names)
    power = tuple(arc for arc in cell.power if arc.pin == output or arc.pin in names)
    delays, energies, idle = [], [], []
    for i, name in enumerate(names):
        own = [k for k, arc in enumerate(timing) if arc.input_pin == name]
        if not own and any(levels[s] != levels[s ^ 1 << i] for s in range(len(levels))):
            raise InputError(f"cell '{cell.name}' gives no delay from {name} to {output} in its library")
        driven = [k for k, arc in enumerate(power) if arc.pin == output and arc.related_pin == name]
        hidden = [k for k, arc in enumerate(power) if arc.pin == name and arc.related_pin is None]
        for state in range(len(levels)):
            rising_input, rising_output = state >> i & 1, levels[state]
            sense = Sense.POSITIVE if rising_input == rising_output else Sense.NEGATIVE
            row = dict(zip(names, ((state >> j) & 1 for j in range(len(names))), strict=True))
            row[output] = levels[state]
            matching = _matching(timing, own, row)
            fitting = [k for k in matching if timing[k].sense in (sense, Sense.NON_UNATE)]
            delays.append(tuple(fitting or matching))
            energies.append(tuple(_matching(power, driven, row)))
            follows = levels[state] != levels[state ^ 1 << i]
            idle.append(() if follows else tuple(_matching(power, hidden, row, strict=True)))
    return CellOutput(names, levels, timing, power, tuple(delays), tuple(energies), tuple(idle))


def _matching(
    arcs: Sequence[TimingArc | PowerArc], own: list[int], row: dict[str, int], strict: bool = False
) -> list[int]:
    """Return the arcs whose condition holds; else those without one; else (unless strict) all of the input's arcs."""
    holding = [k for k in own if (when := arcs[k].when) is not None and holds(when, row)]
    unconditional = [k for k in own if arcs[k].when is None]
    return holding or unconditional or ([] if strict else own)


def holds(when: BooleanFunction, levels: dict[str, int]) -> bool:
    """Return whether a condition is true for pin levels by name."""
    return bool(when(sum(levels[name] << bit for bit, name in enumerate(when.inputs))))
