"""Value change dumps of a netlist's nets: read into an Activity, and given the netlist's own names for other tools."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from characterize.activity import Activity
from characterize.gate_arrays import Longs
from hwsim.errors import RunError

_VARIABLE = re.compile(r"\$var\s+\w+\s+1\s+(\S+)\s+(\S+)\s+\$end")
NET_PREFIX = "net_"
"""Dumped wires are called net_NUMBER in the generated netlists, so that any net name can be told."""


def read_vcd(path: Path, net_names: tuple[str, ...], cycles: int, period_fs: int, source: str) -> Activity:
    """Count toggles and time high, fs, of the wires net_NUMBER in a dump that covers `cycles` whole cycles.

    Time unit of the dump is 1 fs, or that of its $timescale. Raises RunError where a net is missing, changes to x or z
    after the first values, or the dump is cut short.
    """
    unit_fs, numbers, body = _head(path)
    toggles = np.zeros(len(net_names), np.int64)
    high_fs = np.zeros(len(net_names), np.int64)
    missing = set(range(2, len(net_names))) - set(numbers.values())
    if missing:
        raise RunError(f"the dump '{path.name}' lacks net '{net_names[min(missing)]}'; the simulation was cut short")
    start, level, last = _changes(body, numbers, unit_fs, toggles, high_fs)
    end = start + cycles * period_fs
    if last > end:
        raise RunError(f"the dump '{path.name}' runs {last - end} fs beyond its {cycles} cycles")
    for net, now in level.items():
        if now is None:
            raise RunError(
                f"net '{net_names[net]}' is unknown in the dump '{path.name}'; reset or load the design first"
            )
        if now:
            high_fs[net] += end
    return Activity(net_names, toggles, high_fs, cycles, period_fs, source)


def _head(path: Path) -> tuple[int, dict[str, int], Iterable[str]]:
    """Return the dump's time unit, fs, the net of each identifier, and the lines behind the definitions."""
    text = path.read_text()
    definitions, found, body = text.partition("$enddefinitions $end")
    if not found:
        raise RunError(f"the dump '{path.name}' has no definitions; the simulation was cut short")
    scale = re.search(r"\$timescale\s+(\d+)\s*(\ws|s)\s+\$end", definitions)
    if scale is None:
        raise RunError(f"the dump '{path.name}' has no time unit")
    unit_fs = int(scale.group(1)) * {"fs": 1, "ps": 10**3, "ns": 10**6, "us": 10**9}[scale.group(2)]
    numbers = {
        key: int(name[len(NET_PREFIX) :])
        for key, name in _VARIABLE.findall(definitions)
        if re.fullmatch(rf"{NET_PREFIX}\d+", name)
    }
    return unit_fs, numbers, body.splitlines()


def _changes(
    lines: Iterable[str], numbers: dict[str, int], unit_fs: int, toggles: Longs, high_fs: Longs
) -> tuple[int, dict[int, int | None], int]:
    """Add up all changes; return the dump's first time, the levels at its end (None: unknown) and its last time."""
    level: dict[int, int | None] = {}
    start: int | None = None
    now = 0
    for line in lines:
        kind = line[:1]
        if kind == "#":
            now = int(line[1:]) * unit_fs
            start = now if start is None else start
        elif kind in ("0", "1", "x", "z"):
            net = numbers.get(line[1:].strip())
            if net is None:
                continue
            value = int(kind) if kind in "01" else None
            before = level.get(net)
            if net in level and before is not None and value is not None and value != before:
                toggles[net] += 1
            if value == 1 and before != 1:
                high_fs[net] -= now
            elif before == 1 and value != 1:
                high_fs[net] += now
            level[net] = value
    return start or 0, level, now


def with_netlist_names(vcd: str, net_names: tuple[str, ...]) -> str:
    """Return a dump of the wires net_NUMBER alone, under the names that the netlist has for them."""
    definitions, found, body = vcd.partition("$enddefinitions $end\n")
    kept: set[str] = set()
    head = []
    for line in definitions.splitlines():
        variable = _VARIABLE.match(line)
        number = variable.group(2)[len(NET_PREFIX) :] if variable else ""
        if variable and variable.group(2).startswith(NET_PREFIX) and number.isdigit():
            kept.add(variable.group(1))
            head.append(f"$var wire 1 {variable.group(1)} {_vcd_name(net_names[int(number)])} $end")
        elif not line.startswith("$var"):
            head.append(line)
    changes = [line for line in body.splitlines() if line[:1] not in "01xzb" or (line[:1] != "b" and line[1:] in kept)]
    return "\n".join([*head, found.rstrip(), *changes]) + "\n"


def _vcd_name(name: str) -> str:
    """Return a bit of a bus with a blank before its index, other names as they are (blanks cannot be in them)."""
    return re.sub(r"^(\w+)(\[\d+\])$", r"\1 \2", name)
