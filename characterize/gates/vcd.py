"""Value change dumps of a netlist's nets: read into an Activity, and given the netlist's own names for other tools."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from characterize.gates.activity import Activity
from characterize.gates.arrays import Longs
from hwsim.errors import RunError

_VARIABLE = re.compile(r"\$var\s+\w+\s+1\s+(\S+)\s+(\S+)\s+\$end")
_KNOWN = ("0", "1")
_LEVELS = ("0", "1", "x", "z")
NET_PREFIX = "net_"
"""Dumped wires are called net_NUMBER in the generated netlists, so that any net name can be told."""


class Window(NamedTuple):
    """A span of time, fs, its end left out."""

    start_fs: int
    end_fs: int


@dataclass(frozen=True, eq=False)
class WindowCounts:
    """Toggles and time high, fs, of every net in each time window: int64[windows, nets]."""

    toggles: Longs
    high_fs: Longs


def read_vcd(path: Path, net_names: tuple[str, ...], cycles: int, period_fs: int, source: str) -> Activity:
    """Count toggles and time high of the wires net_NUMBER in a dump that covers `cycles` whole cycles.

    Raises RunError where a net is missing, unknown (x, z) at the end, or the dump is cut short or too long.
    """
    dump = _read(path, net_names)
    end = dump.first_fs + cycles * period_fs
    last = max((int(line[1:]) for line in dump.lines if line.startswith("#")), default=0) * dump.unit_fs
    if last > end:
        raise RunError(f"the dump '{path.name}' runs {last - end} fs beyond its {cycles} cycles")
    counts = _count(dump, [Window(dump.first_fs, end)], net_names)
    return Activity(net_names, counts.toggles[0], counts.high_fs[0], cycles, period_fs, source)


def read_windows(path: Path, net_names: tuple[str, ...], windows: Sequence[Window]) -> WindowCounts:
    """Count toggles and time high in windows that follow each other; errors as of read_vcd."""
    return _count(_read(path, net_names), windows, net_names)


@dataclass(frozen=True, eq=False)
class _Dump:
    """A dump: its name, time unit, nets of each identifier (aliases share one), first time and body lines."""

    name: str
    unit_fs: int
    nets: dict[str, list[int]]
    first_fs: int
    lines: list[str]


def _read(path: Path, net_names: tuple[str, ...]) -> _Dump:
    definitions, found, body = path.read_text().partition("$enddefinitions $end")
    if not found:
        raise RunError(f"the dump '{path.name}' has no definitions; the simulation was cut short")
    scale = re.search(r"\$timescale\s+(\d+)\s*(\ws|s)\s+\$end", definitions)
    if scale is None:
        raise RunError(f"the dump '{path.name}' has no time unit")
    unit_fs = int(scale.group(1)) * {"fs": 1, "ps": 10**3, "ns": 10**6, "us": 10**9}[scale.group(2)]
    nets: dict[str, list[int]] = {}
    for key, name in _VARIABLE.findall(definitions):
        if re.fullmatch(rf"{NET_PREFIX}\d+", name):
            nets.setdefault(key, []).append(int(name[len(NET_PREFIX) :]))
    missing = set(range(2, len(net_names))) - {net for shared in nets.values() for net in shared}
    if missing:
        raise RunError(f"the dump '{path.name}' lacks net '{net_names[min(missing)]}'; the simulation was cut short")
    lines = body.splitlines()
    first = next((int(line[1:]) for line in lines if line.startswith("#")), 0)
    return _Dump(path.name, unit_fs, nets, first * unit_fs, lines)


def _count(dump: _Dump, windows: Sequence[Window], net_names: tuple[str, ...]) -> WindowCounts:
    wires = {key: number for number, key in enumerate(dump.nets)}
    counter = _Counter(windows, len(wires))
    unknown = _Level("x", 0)
    level: dict[str, _Level] = {}
    now = 0
    for line in dump.lines:
        kind = line[:1]
        if kind == "#":
            now = int(line[1:]) * dump.unit_fs
        elif kind in _LEVELS and line[1:] in dump.nets:
            key = line[1:]
            before = level.get(key, unknown)
            if kind != before.value:
                level[key] = after = _Level(kind, now)
                counter.change(wires[key], before, after)
    for key, last in level.items():
        if last.value not in _KNOWN:
            name = net_names[dump.nets[key][0]]
            raise RunError(f"net '{name}' is unknown in the dump '{dump.name}'; reset or load the design first")
        if last.value == "1":
            counter.high(wires[key], last.since_fs, windows[-1].end_fs)
    return counter.counts(list(dump.nets.values()), len(net_names))


class _Level(NamedTuple):
    """The level of a net and since when it holds."""

    value: str
    since_fs: int


class _Counter:
    """Adds up toggles and time high of wires as levels change.

    In lists of integers: adding 1 to one place of an array at a time is slow in NumPy.
    """

    def __init__(self, windows: Sequence[Window], wires: int) -> None:
        self._windows = windows
        self._starts = [window.start_fs for window in windows]
        self._toggles = [[0] * wires for _ in windows]
        self._high_fs = [[0] * wires for _ in windows]

    def change(self, wire: int, before: _Level, after: _Level) -> None:
        now = after.since_fs
        if before.value == "1":
            self.high(wire, before.since_fs, now)
        if before.value in _KNOWN and after.value in _KNOWN:
            index = bisect_right(self._starts, now) - 1
            if index >= 0 and now < self._windows[index].end_fs:
                self._toggles[index][wire] += 1

    def high(self, wire: int, since_fs: int, until_fs: int) -> None:
        first = max(bisect_right(self._starts, since_fs) - 1, 0)
        for index in range(first, bisect_right(self._starts, until_fs)):
            start_fs, end_fs = self._windows[index]
            self._high_fs[index][wire] += max(0, min(until_fs, end_fs) - max(since_fs, start_fs))

    def counts(self, nets: Sequence[Sequence[int]], net_count: int) -> WindowCounts:
        """Return what was counted by net; `nets` names those of each wire."""
        wire_of = np.repeat(np.arange(len(nets)), [len(shared) for shared in nets])
        order = np.array([net for shared in nets for net in shared], np.int64)
        result = WindowCounts(*(np.zeros((len(self._windows), net_count), np.int64) for _ in range(2)))
        for counted, target in ((self._toggles, result.toggles), (self._high_fs, result.high_fs)):
            target[:, order] = np.array(counted, np.int64).reshape(len(self._windows), len(nets))[:, wire_of]
        return result


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
