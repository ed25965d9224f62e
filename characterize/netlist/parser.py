"""Structural Verilog to plain records, through pyverilog's parser."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from hwsim.errors import InputError

ZERO_NET = 0
_CONSTANT = re.compile(r"(\d+)?'s?([bdho])([0-9a-fxz_]+)", re.IGNORECASE)
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}


class Bit(NamedTuple):
    """One bit of a signal; `place` is None for a scalar."""

    signal: str
    place: int | None


class BitRange(NamedTuple):
    """The bits of a bus as it is declared or selected, `[msb:lsb]`."""

    msb: int
    lsb: int

    def upward(self) -> range:
        """Return the indices from the least significant one."""
        step = 1 if self.msb >= self.lsb else -1
        return range(self.lsb, self.msb + step, step)


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
class ModuleRecord:
    """A flat module; `source` names it in errors."""

    name: str
    ports: dict[str, Port]
    cells: tuple[CellInstance, ...]
    net_names: tuple[str, ...]
    source: str


def parse_netlist(text: str, source: str) -> ModuleRecord:
    """Parse one flat structural module; raises InputError with the line where it is something else."""
    from pyverilog.vparser import ast
    from pyverilog.vparser.parser import ParseError

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            description = _parser().parse(text).description
    except ParseError as error:
        raise InputError(f"{source}: not structural Verilog: {error}") from None
    modules = [item for item in description.definitions if isinstance(item, ast.ModuleDef)]
    if len(modules) != 1:
        raise InputError(f"{source}: holds {len(modules)} modules; a flat netlist of one module is expected")
    return _Reader(source).read(modules[0])


@lru_cache(maxsize=1)
def _parser() -> Any:
    """Build the parser once a process: its tables take a second, and its files belong nowhere."""
    from pyverilog.vparser.parser import VerilogParser

    with tempfile.TemporaryDirectory(prefix="parser-") as folder, contextlib.redirect_stderr(io.StringIO()):
        return VerilogParser(outputdir=folder, debug=False)


class _Reader:
    """Walks the tree of one module and numbers its nets in order of appearance."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._widths: dict[str, BitRange | None] = {}
        self._nets: dict[Bit, int] = {}
        self._names: list[str] = ["1'b0", "1'b1"]
        self._alias: dict[int, int] = {}

    def read(self, module: Any) -> ModuleRecord:
        from pyverilog.vparser import ast

        directions: dict[str, bool] = {}
        instances, assigns = [], []
        for item in self._items(module):
            if isinstance(item, ast.Decl):
                for declared in item.list:
                    self._declare(declared, directions)
            elif isinstance(item, ast.Ioport):
                self._declare(item.first, directions)
            elif isinstance(item, ast.InstanceList):
                instances += item.instances
            elif isinstance(item, ast.Assign):
                assigns.append(item)
            else:
                raise self._error(item, f"{type(item).__name__} is not structural; a mapped netlist is expected")
        order = [port.name if isinstance(port, ast.Port) else port.first.name for port in module.portlist.ports]
        port_bits = {_plain(name): self._signal_nets(_plain(name)) for name in order}
        for item in assigns:
            self._connect(self._bits(item.left.var), self._bits(item.right.var), item)
        cells = [self._instance(item) for item in instances]
        return self._resolved(module.name, directions, port_bits, cells)

    def _items(self, module: Any) -> list[Any]:
        from pyverilog.vparser import ast

        return [port for port in module.portlist.ports if isinstance(port, ast.Ioport)] + list(module.items)

    def _error(self, node: Any, message: str) -> InputError:
        return InputError(f"{self._source}:{node.lineno}: {message}")

    def _declare(self, node: Any, directions: dict[str, bool]) -> None:
        from pyverilog.vparser import ast

        name = _plain(node.name)
        if isinstance(node, ast.Input | ast.Output):
            directions[name] = isinstance(node, ast.Input)
        elif isinstance(node, ast.Inout):
            raise self._error(node, f"port '{name}' is bidirectional; only inputs and outputs are supported")
        width = None if node.width is None else BitRange(int(node.width.msb.value), int(node.width.lsb.value))
        if self._widths.get(name) is None:
            self._widths[name] = width

    def _net(self, bit: Bit) -> int:
        if bit not in self._nets:
            self._nets[bit] = len(self._names)
            self._names.append(bit.signal if bit.place is None else f"{bit.signal}[{bit.place}]")
        return self._nets[bit]

    def _signal_nets(self, name: str) -> tuple[int, ...]:
        """Return a signal's nets, least significant first."""
        width = self._widths.get(name)
        if width is None:
            return (self._net(Bit(name, None)),)
        return tuple(self._net(Bit(name, index)) for index in width.upward())

    def _bits(self, node: Any) -> tuple[int, ...]:
        """Return the nets of an expression, least significant first."""
        from pyverilog.vparser import ast

        if isinstance(node, ast.Identifier):
            return self._signal_nets(_plain(node.name))
        if isinstance(node, ast.Pointer):
            return (self._net(Bit(_plain(node.var.name), int(node.ptr.value))),)
        if isinstance(node, ast.Partselect):
            selected = BitRange(int(node.msb.value), int(node.lsb.value))
            return tuple(self._net(Bit(_plain(node.var.name), index)) for index in selected.upward())
        if isinstance(node, ast.Concat):
            return tuple(net for part in reversed(node.list) for net in self._bits(part))
        if isinstance(node, ast.IntConst) and (match := _CONSTANT.fullmatch(node.value)):
            digits = re.sub("[xz]", "0", match[3].replace("_", "").lower())
            value = int(digits, _BASES[match[2].lower()])
            return tuple(value >> bit & 1 for bit in range(int(match[1] or 32)))
        raise self._error(node, f"{type(node).__name__} is not structural; a mapped netlist is expected")

    def _connect(self, left: tuple[int, ...], right: tuple[int, ...], node: Any) -> None:
        if len(left) != len(right):
            raise self._error(node, f"an assignment of {len(right)} bits to {len(left)}")
        for target, origin in zip(left, right, strict=True):
            if target in self._alias:
                raise self._error(node, f"net '{self._names[target]}' has more than one driver")
            self._alias[target] = origin

    def _instance(self, node: Any) -> CellInstance:
        pins = {}
        for port in node.portlist:
            if port.portname is None:
                raise self._error(node, f"'{node.name}' connects pins by position; connect them by name")
            if port.argname is None:
                continue
            nets = self._bits(port.argname)
            if len(nets) != 1:
                raise self._error(node, f"pin '{port.portname}' of '{_plain(node.name)}' gets {len(nets)} bits")
            pins[port.portname] = nets[0]
        return CellInstance(_plain(node.name), _plain(node.module), pins)

    def _root(self, net: int) -> int:
        steps = 0
        while net in self._alias:
            net = self._alias[net]
            steps += 1
            if steps > len(self._alias):
                raise InputError(f"{self._source}: net '{self._names[net]}' is assigned to itself")
        return net

    def _resolved(
        self,
        name: str,
        directions: dict[str, bool],
        port_bits: dict[str, tuple[int, ...]],
        cells: list[CellInstance],
    ) -> ModuleRecord:
        """Replace assigned nets by what drives them and number the nets that are left without gaps."""
        kept = [net for net in range(len(self._names)) if net not in self._alias]
        number = {net: index for index, net in enumerate(kept)}
        ports = {}
        for port, nets in port_bits.items():
            if port not in directions:
                raise InputError(f"{self._source}: port '{port}' has no direction")
            ports[port] = Port(port, directions[port], tuple(number[self._root(net)] for net in nets))
        resolved = tuple(
            replace(cell, pins={pin: number[self._root(net)] for pin, net in cell.pins.items()}) for cell in cells
        )
        return ModuleRecord(name, ports, resolved, tuple(self._names[net] for net in kept), self._source)


def verilog_name(name: str) -> str:
    """Return an identifier as Verilog writes it, marked as escaped where it is no plain one."""
    return name if name.replace("$", "_").isidentifier() else f"\\{name} "


def _plain(name: str) -> str:
    """Return an identifier without the mark of an escaped one."""
    return name[1:] if name.startswith("\\") else name
