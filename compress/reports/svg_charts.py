"""The charts of a search's report, as SVG text: they need no library and no network where they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 48
COLOURS = ("#1f6f8b", "#d1495b", "#66a182", "#8d6a9f", "#edae49", "#5c6b73", "#a05195", "#2f4b7c", "#7a5c3e")


@dataclass(frozen=True)
class Axis:
    """A linear axis from low to high with its label."""

    label: str
    low: float
    high: float

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high end."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return about five round values within the axis."""
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 5))
        for factor in (1, 2, 5, 10):
            if (self.high - self.low) / (step * factor) <= 6:
                step *= factor
                break
        first = math.ceil(self.low / step - 1e-9)
        return [round(index * step, 10) for index in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axis_over(label: str, values: Sequence[float], *, zero: bool = False) -> Axis:
    """Return an axis that holds all values with a margin of 5 %; `zero` makes it start at 0 or below."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if zero:
        low = min(low, 0.0)
    span = (high - low) or 1.0
    return Axis(label, low if zero and low == 0.0 else low - 0.05 * span, high + 0.05 * span)


@dataclass(frozen=True)
class Series:
    """Points of one colour; `marks` attaches each point's text for the hover, `line` joins the points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    line: bool = False
    marks: Sequence[str] = field(default_factory=tuple)
    radius: float = 4.0


def xy_chart(x_axis: Axis, y_axis: Axis, series: Sequence[Series], guide_x: float | None = None) -> str:
    """Return a chart of points and lines; `guide_x` draws a vertical line (the accuracy budget)."""
    parts = [_frame(x_axis, y_axis)]
    if guide_x is not None and x_axis.low <= guide_x <= x_axis.high:
        x = _x(x_axis, guide_x)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="guide"/>')
    for index, one in enumerate(series):
        parts.append(_series(one, x_axis, y_axis, COLOURS[index % len(COLOURS)]))
    return _svg("".join(parts), HEIGHT) + _legend([one.name for one in series])


def bar_chart(label: str, names: Sequence[str], groups: Mapping[str, Sequence[float]]) -> str:
    """Return horizontal bars, the groups of a name beneath each other."""
    row = 10 * len(groups) + 6
    height = TOP + BOTTOM + row * len(names)
    widest = max((value for values in groups.values() for value in values), default=1.0) or 1.0
    axis = Axis(label, 0.0, widest * 1.05)
    left = 150
    parts: list[str] = []
    for tick in axis.ticks():
        x = left + axis.share(tick) * (WIDTH - left - RIGHT)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>')
    for index, name in enumerate(names):
        y = TOP + index * row
        parts.append(f'<text x="{left - 6}" y="{y + row / 2 + 2:.1f}" text-anchor="end">{escape(name[-22:])}</text>')
        for number, (group, values) in enumerate(groups.items()):
            width = axis.share(values[index]) * (WIDTH - left - RIGHT)
            parts.append(
                f'<rect x="{left}" y="{y + 10 * number}" width="{width:.1f}" height="9" fill="{COLOURS[number]}">'
                f"<title>{escape(name)}, {escape(group)}: {values[index]:.4g}</title></rect>"
            )
    parts.append(f'<text x="{(left + WIDTH) / 2}" y="{height - 10}" text-anchor="middle">{escape(label)}</text>')
    return _svg("".join(parts), height) + _legend(list(groups))


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _frame(x_axis: Axis, y_axis: Axis) -> str:
    parts = []
    for tick in x_axis.ticks():
        x = _x(x_axis, tick)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in y_axis.ticks():
        y = _y(y_axis, tick)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text x="{middle_x}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_axis.label)}</text>')
    turn = f"rotate(-90 14 {middle_y})"
    parts.append(f'<text x="14" y="{middle_y}" text-anchor="middle" transform="{turn}">{escape(y_axis.label)}</text>')
    return "".join(parts)


def _series(one: Series, x_axis: Axis, y_axis: Axis, colour: str) -> str:
    points = [(_x(x_axis, x), _y(y_axis, y)) for x, y in zip(one.x, one.y, strict=True)]
    if one.line:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    marks = one.marks or [""] * len(points)
    return "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{one.radius}" fill="{colour}"'
        + (f' class="hover" data-policy="{escape(mark)}"' if mark else "")
        + "/>"
        for (x, y), mark in zip(points, marks, strict=True)
    )


def _svg(content: str, height: float) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{content}</svg>'


def _legend(names: Sequence[str]) -> str:
    entries = (
        f'<span><i style="background:{COLOURS[index % len(COLOURS)]}"></i>{escape(name)}</span>'
        for index, name in enumerate(names)
    )
    return f'<p class="legend">{"".join(entries)}</p>'
