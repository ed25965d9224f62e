"""A flat, mapped netlist as a graph: nets, cells, ports; and the order in which its gates evaluate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from characterize.netlist.parser import ZERO_NET, CellInstance, ModuleRecord, Port, parse_netlist
from characterize.technology.cell_library import CellLibrary
from hwsim.errors import InputError

ONE_NET = 1
"""The constant nets: net 0 (ZERO_NET) is always low, net 1 always high."""

OUTSIDE = -1
"""The driver of a net that no cell drives: an input of the module, or a constant."""


@dataclass(frozen=True)
class Netlist:
    """A checked netlist over a library's cells.

    `net_names[n]` names net n; nets 0 and 1 are the constants. `sequential` and `combinational` hold indices into
    `cells`, the latter in an order in which every gate follows those that drive it; `driver[n]` is the index of the
    cell that drives net n, or OUTSIDE.
    """

    name: str
    ports: Mapping[str, Port]
    cells: tuple[CellInstance, ...]
    net_names: tuple[str, ...]
    library: CellLibrary
    sequential: tuple[int, ...]
    combinational: tuple[int, ...]
    driver: tuple[int, ...]

    @property
    def cell_counts(self) -> dict[str, int]:
        """Return how often each cell type is placed, by name."""
        return dict(sorted(Counter(cell.cell_type for cell in self.cells).items()))

    @property
    def area_um2(self) -> float:
        """Return the sum of the cells' areas."""
        return sum(self.library[cell.cell_type].area_um2 for cell in self.cells)

    @property
    def leakage_nw(self) -> float:
        """Return the sum of the cells' leakage powers."""
        return sum(self.library[cell.cell_type].leakage_nw for cell in self.cells)

    def loads_ff(self, wire_load_ff: float = 0.0) -> NDArray[np.float64]:
        """Return the load of each net, fF, `float64[nets]`: the input pins on it and the wire to each of them."""
        loads = np.zeros(len(self.net_names))
        for item in self.cells:
            cell = self.library[item.cell_type]
            for pin in cell.inputs:
                if pin in item.pins:
                    loads[item.pins[pin]] += cell.pins[pin].capacitance_ff + wire_load_ff
        return loads


def read_netlist(path: Path, library: CellLibrary) -> Netlist:
    """Read a structural Verilog file over the library's cells (see netlist_from_verilog)."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the netlist '{path}': {error}") from None
    return netlist_from_verilog(text, library, str(path))


def netlist_from_verilog(text: str, library: CellLibrary, source: str = "netlist") -> Netlist:
    """Build the graph of one flat structural module.

    Raises InputError for text that is no such module, cells or pins that the library lacks, nets with several drivers
    or none, and combinational loops.
    """
    module = parse_netlist(text, source)
    driver = _drivers(module, library)
    sequential = tuple(i for i, cell in enumerate(module.cells) if library[cell.cell_type].is_sequential)
    combinational = _topological(module, driver, library)
    used = library.only(sorted({cell.cell_type for cell in module.cells}))
    return Netlist(module.name, module.ports, module.cells, module.net_names, used, sequential, combinational, driver)


def _drivers(module: ModuleRecord, library: CellLibrary) -> tuple[int, ...]:
    """Return the driving cell of each net, -1 for constants and inputs; refuse several drivers and none."""
    driver = dict.fromkeys((ZERO_NET, ONE_NET), OUTSIDE)
    driver |= {net: OUTSIDE for port in module.ports.values() if port.is_input for net in port.nets}
    for index, cell in enumerate(module.cells):
        for net in _driven_nets(cell, library, module.source):
            if net in driver:
                name = module.net_names[net]
                raise InputError(f"{module.source}: net '{name}' has more than one driver, '{cell.name}' is one")
            driver[net] = index
    _refuse_undriven(module, library, driver)
    return tuple(driver.get(net, OUTSIDE) for net in range(len(module.net_names)))


def _driven_nets(cell: CellInstance, library: CellLibrary, source: str) -> list[int]:
    """Return the nets on a cell's outputs; refuse pins that it does not have."""
    library_cell = library[cell.cell_type]
    for pin in cell.pins:
        if pin not in library_cell.pins:
            raise InputError(f"{source}: '{cell.name}' connects pin '{pin}', which {cell.cell_type} does not have")
    return [cell.pins[output] for output in library_cell.outputs if output in cell.pins]


def _refuse_undriven(module: ModuleRecord, library: CellLibrary, driver: Mapping[int, int]) -> None:
    """Refuse inputs of cells that are left open, and nets that a cell or a port reads and nobody drives."""
    source = module.source
    for cell in module.cells:
        for pin in library[cell.cell_type].inputs:
            if pin not in cell.pins:
                raise InputError(f"{source}: input '{pin}' of '{cell.name}' ({cell.cell_type}) is not connected")
            if cell.pins[pin] not in driver:
                raise InputError(f"{source}: net '{module.net_names[cell.pins[pin]]}' at '{cell.name}' has no driver")
    for port in module.ports.values():
        for bit, net in enumerate(port.nets):
            if net not in driver:
                raise InputError(f"{source}: output '{port.name}[{bit}]' has no driver")


def _topological(module: ModuleRecord, driver: Sequence[int], library: CellLibrary) -> tuple[int, ...]:
    """Order the gates level by level, in netlist order within a level; refuse loops."""
    gates = [i for i, cell in enumerate(module.cells) if not library[cell.cell_type].is_sequential]
    is_gate = set(gates)
    levels: TopologicalSorter[int] = TopologicalSorter()
    for i in gates:
        cell = module.cells[i]
        inputs = [cell.pins[pin] for pin in library[cell.cell_type].inputs]
        levels.add(i, *({driver[net] for net in inputs} & is_gate))
    try:
        levels.prepare()
    except CycleError as error:
        loop = module.cells[min(error.args[1])].name
        raise InputError(f"{module.source}: combinational loop through '{loop}'; break it with a register") from None
    order: list[int] = []
    while levels.is_active():
        level = sorted(levels.get_ready())
        order += level
        levels.done(*level)
    return tuple(order)
