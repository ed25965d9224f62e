"""A flat, mapped netlist as a graph: nets, cells, ports; and the order in which its gates evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from characterize.netlist.parser import ZERO_NET, parse_netlist
from characterize.technology.cell_library import CellLibrary, PinDirection
from hwsim.errors import InputError

ONE_NET = 1
"""The constant nets: net 0 (ZERO_NET) is always low, net 1 always high."""


@dataclass(frozen=True)
class Port:
    """A port of the module; `nets` are its bits, least significant first."""

    name: str
    is_input: bool
    nets: tuple[int, ...]


@dataclass(frozen=True)
class CellInstance:
    """One placed cell; `pins` maps each connected pin to a net."""

    name: str
    cell_type: str
    pins: Mapping[str, int]

    @property
    def block(self) -> str:
        """Return the block the cell belongs to: the outermost instance in its name, empty at the top."""
        return self.name.partition(".")[0] if "." in self.name else ""


@dataclass(frozen=True)
class Netlist:
    """A checked netlist over a library's cells.

    `net_names[n]` names net n; nets 0 and 1 are the constants. `sequential` and `combinational` hold indices into
    `cells`, the latter in an order in which every gate follows those that drive it; `driver[n]` is the index of the
    cell that drives net n, or -1 for inputs and constants.
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
        counts: dict[str, int] = {}
        for cell in self.cells:
            counts[cell.cell_type] = counts.get(cell.cell_type, 0) + 1
        return dict(sorted(counts.items()))

    @property
    def area_um2(self) -> float:
        """Return the sum of the cells' areas."""
        return sum(self.library[cell.cell_type].area_um2 for cell in self.cells)

    @property
    def leakage_nw(self) -> float:
        """Return the sum of the cells' leakage powers."""
        return sum(self.library[cell.cell_type].leakage_nw for cell in self.cells)

    @cached_property
    def loads_ff(self) -> tuple[float, ...]:
        """Return the capacitance of the input pins on each net, fF."""
        loads = [0.0] * len(self.net_names)
        for cell in self.cells:
            library_cell = self.library[cell.cell_type]
            for pin, net in cell.pins.items():
                loads[net] += library_cell.pins[pin].capacitance_ff
        return tuple(loads)


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
    cells = tuple(CellInstance(name, kind, pins) for name, kind, pins in module.cells)
    ports = {name: Port(name, is_input, nets) for name, (is_input, nets) in module.ports.items()}
    driver = _drivers(cells, ports, module.net_names, library, source)
    sequential = tuple(i for i, cell in enumerate(cells) if library[cell.cell_type].is_sequential)
    combinational = _topological(cells, driver, library, source)
    used = library.only(sorted({cell.cell_type for cell in cells}))
    return Netlist(module.name, ports, cells, module.net_names, used, sequential, combinational, tuple(driver))


def _drivers(
    cells: tuple[CellInstance, ...],
    ports: Mapping[str, Port],
    net_names: tuple[str, ...],
    library: CellLibrary,
    source: str,
) -> list[int]:
    """Return the driving cell of each net, -1 for constants and inputs; refuse several drivers and none."""
    nobody, outside = -2, -1
    driver = [nobody] * len(net_names)
    driver[ZERO_NET] = driver[ONE_NET] = outside
    for port in ports.values():
        if port.is_input:
            for net in port.nets:
                driver[net] = outside
    for index, cell in enumerate(cells):
        library_cell = library[cell.cell_type]
        for pin in cell.pins:
            if pin not in library_cell.pins:
                raise InputError(f"{source}: '{cell.name}' connects pin '{pin}', which {cell.cell_type} does not have")
        for output in library_cell.outputs:
            if output not in cell.pins:
                continue
            net = cell.pins[output]
            if driver[net] != nobody:
                raise InputError(f"{source}: net '{net_names[net]}' has more than one driver, '{cell.name}' is one")
            driver[net] = index
    for cell in cells:
        for pin in library[cell.cell_type].inputs:
            source_net = cell.pins.get(pin)
            if source_net is None:
                raise InputError(f"{source}: input '{pin}' of '{cell.name}' ({cell.cell_type}) is not connected")
            if driver[source_net] == nobody:
                raise InputError(f"{source}: net '{net_names[source_net]}' at '{cell.name}' has no driver")
    for port in ports.values():
        for bit, net in enumerate(port.nets):
            if driver[net] == nobody:
                raise InputError(f"{source}: output '{port.name}[{bit}]' has no driver")
    return [outside if index == nobody else index for index in driver]


def _topological(
    cells: tuple[CellInstance, ...], driver: list[int], library: CellLibrary, source: str
) -> tuple[int, ...]:
    """Order the gates by Kahn's algorithm, in netlist order where free; refuse loops."""
    gates = [i for i, cell in enumerate(cells) if not library[cell.cell_type].is_sequential]
    is_gate = set(gates)
    waiting = {}
    followers: dict[int, list[int]] = {i: [] for i in gates}
    for i in gates:
        kinds = library[cells[i].cell_type].pins
        inputs = [net for pin, net in cells[i].pins.items() if kinds[pin].direction is PinDirection.INPUT]
        sources = {driver[net] for net in inputs} & is_gate
        waiting[i] = len(sources)
        for j in sources:
            followers[j].append(i)
    order: list[int] = []
    level = [i for i in gates if waiting[i] == 0]
    while level:
        order += level
        following = []
        for i in level:
            for j in followers[i]:
                waiting[j] -= 1
                if waiting[j] == 0:
                    following.append(j)
        level = sorted(following)
    if len(order) != len(gates):
        loop = next(cells[i].name for i in gates if waiting[i] > 0)
        raise InputError(f"{source}: combinational loop through '{loop}'; break it with a register")
    return tuple(order)
