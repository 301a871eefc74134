"""Charts as values: where each bar, line and label stands. A template draws them as SVG; nothing here knows of HTML.

A chart is made twice, wide and narrow, because text in a drawing that shrinks with the screen cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

WIDE, NARROW = 800, 340
HEIGHT = 220
_LEFT, _TOP, _BOTTOM, _RIGHT = 60, 10, 26, 10
_TICKS = 4
_WEEKS_FROM = 93
"""A period of so many days is drawn in weeks: thinner bars could not be told apart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `series` counts from 0 and gives it its colour."""

    x: float
    y: float
    width: float
    height: float
    series: int


@dataclass(frozen=True, slots=True)
class Column:
    """What stands over one place of the axis, and the words for it."""

    x: float
    width: float
    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Area:
    """A filled line: the points of an SVG polygon."""

    points: str
    series: int


@dataclass(frozen=True, slots=True)
class Label:
    """A word at an axis."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `width` × `height`, with the plot between `left`, `top`, `right` and `bottom`."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    columns: Sequence[Column]
    areas: Sequence[Area]
    ticks: Sequence[Label]
    labels: Sequence[Label]


def stacked(
    days: Sequence[date], values: Sequence[Sequence[int]], names: Sequence[str], say: Callable[[int], str], width: int = WIDE
) -> Chart:
    """Return a column for each day, or week of a long period, with a bar for each series. `values` has a row for each day."""
    places = _places(days)
    rows = [[sum(values[day][series] for day in place) for series in range(len(names))] for place in places]
    top = nice_top(max((sum(row) for row in rows), default=0))
    plot = _Plot(width, max(1, len(places)), top)
    columns = [
        Column(plot.x(at), plot.step, _title(days, place, names, row, say), plot.bars(at, row))
        for at, (place, row) in enumerate(zip(places, rows, strict=True))
    ]
    return plot.chart(columns, (), say, _day_labels(days, places, plot))


def growing(
    days: Sequence[date], values: Sequence[Sequence[int]], names: Sequence[str], say: Callable[[int], str], width: int = WIDE
) -> Chart:
    """Return areas, one above the other, of what each series adds up to from the first day on."""
    places = _places(days)
    sums = [0] * len(names)
    rows: list[list[int]] = []
    for place in places:
        sums = [total + sum(values[day][series] for day in place) for series, total in enumerate(sums)]
        rows.append(sums)
    plot = _Plot(width, max(1, len(places)), nice_top(sum(sums)))
    columns = [
        Column(plot.x(at), plot.step, _title(days, place, names, row, say, "until "), ())
        for at, (place, row) in enumerate(zip(places, rows, strict=True))
    ]
    return plot.chart(columns, plot.areas(rows, len(names)), say, _day_labels(days, places, plot))


def nice_top(most: int) -> int:
    """Return the upper end of an axis: 4 times a number of one digit 1, 2, 2.5 or 5, not below `most`, at least 4."""
    step = 1
    while step * _TICKS < most:
        # 1, 2, 5, 10, 20, 50 …: a quarter of the axis is always a round number.
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return step * _TICKS


@dataclass(frozen=True, slots=True)
class _Plot:
    width: int
    places: int
    top: int

    @property
    def right(self) -> float:
        return self.width - _RIGHT

    @property
    def bottom(self) -> float:
        return HEIGHT - _BOTTOM

    @property
    def step(self) -> float:
        return (self.right - _LEFT) / self.places

    def x(self, place: int) -> float:
        return _round(_LEFT + place * self.step)

    def y(self, value: int) -> float:
        return _round(self.bottom - (self.bottom - _TOP) * (value / self.top))

    def bars(self, place: int, row: Sequence[int]) -> list[Bar]:
        gap = min(self.step * 0.25, 8)
        wide = min(self.step - gap, 48)
        left = self.x(place) + (self.step - wide) / 2
        bars, below = [], 0
        for series, value in enumerate(row):
            if value > 0:
                y = self.y(below + value)
                bars.append(Bar(_round(left), y, _round(wide), _round(self.y(below) - y), series))
            below += value
        return bars

    def areas(self, rows: Sequence[Sequence[int]], series: int) -> list[Area]:
        if not rows or not sum(rows[-1]):
            return []
        middles = [_round(self.x(at) + self.step / 2) for at in range(len(rows))]
        # One day is a point: it is drawn as wide as its place.
        xs = middles if len(rows) > 1 else [_LEFT, self.right]
        rows = rows if len(rows) > 1 else [rows[0], rows[0]]
        levels = [[self.y(sum(row[:upto])) for row in rows] for upto in range(series + 1)]
        return [Area(_points(xs, levels[at + 1], levels[at]), at) for at in range(series)]

    def chart(
        self, columns: Sequence[Column], areas: Sequence[Area], say: Callable[[int], str], labels: Sequence[Label]
    ) -> Chart:
        # An axis over nothing would measure in millionths.
        drawn = bool(areas) or any(column.bars for column in columns)
        values = [self.top * tick // _TICKS for tick in range(_TICKS + 1)] if drawn else [0]
        ticks = [Label(self.y(value), say(value), "end") for value in values]
        return Chart(self.width, HEIGHT, _LEFT, self.right, _TOP, self.bottom, columns, areas, ticks, labels)


def _places(days: Sequence[date]) -> list[range]:
    """Return which days stand together: each alone, or seven at a time."""
    size = 1 if len(days) < _WEEKS_FROM else 7
    return [range(at, min(at + size, len(days))) for at in range(0, len(days), size)]


def _day_labels(days: Sequence[date], places: Sequence[range], plot: _Plot) -> list[Label]:
    room = max(1, int((plot.right - _LEFT) // 64))
    every = max(1, -(-len(places) // room))
    return [Label(_round(plot.x(at) + plot.step / 2), short_day(days[places[at][0]])) for at in range(0, len(places), every)]


def _title(
    days: Sequence[date], place: range, names: Sequence[str], row: Sequence[int], say: Callable[[int], str], when: str = ""
) -> str:
    first, last = days[place[0]], days[place[-1]]
    head = f"{when}{short_day(last)}" if first == last or when else f"{short_day(first)} – {short_day(last)}"
    parts = [f"{name}: {say(value)}" for name, value in zip(names, row, strict=True) if value]
    return f"{head}: {', '.join(parts) or 'nothing'}"


def short_day(day: date) -> str:
    """Return a day as an axis says it: "3 Mar"."""
    return f"{day.day} {day:%b}"


def compact(value: int) -> str:
    """Return a count in few letters: "950", "1.2k", "34M", "5.6B"."""
    for size, unit in ((10**15, "Q"), (10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.1f}".removesuffix(".0") + unit if scaled < 100 else f"{scaled:,.0f}{unit}"
    return str(value)


def dollars(micro: int) -> str:
    """Return millionths of a US dollar as an axis says them: "$0", "$0.002", "$1.50", "$12k"."""
    if micro >= 1_000_000_000:
        return f"${compact(micro // 1_000_000)}"
    text = f"{micro / 1_000_000:.6f}".rstrip("0").rstrip(".")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents:0<2}" if cents else f"${whole}"


def _points(xs: Sequence[float], upper: Sequence[float], lower: Sequence[float]) -> str:
    there = [f"{x},{y}" for x, y in zip(xs, upper, strict=True)]
    back = [f"{x},{y}" for x, y in zip(reversed(xs), reversed(lower), strict=True)]
    return " ".join((*there, *back))


def _round(value: float) -> float:
    return round(value, 2)
