"""When the people of a business are at work. The employee answers at any hour; the hours say when a colleague can."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import orjson

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

Span = tuple[str, str]
"""From and to, `HH:MM` on the wall clock; a `to` that is not later than `from` is on the next day."""


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Seven days, Monday first; None for a day off. At least one day has hours."""

    time_zone: str
    days: tuple[Span | None, ...]

    def lines(self) -> list[str]:
        """Return the hours in words, equal days in a row together: `Monday to Friday 09:00–17:00`."""
        runs: list[tuple[int, int]] = []
        for number, day in enumerate(self.days):
            if runs and self.days[runs[-1][0]] == day:
                runs[-1] = (runs[-1][0], number)
            else:
                runs.append((number, number))
        return [f"{_days(first, last)} {_span(self.days[first])}" for first, last in runs]

    def is_open(self, moment: datetime) -> bool:
        """Return whether somebody is at work at `moment` (aware)."""
        local = moment.astimezone(zone(self.time_zone))
        # A span that began the evening before may last into this day.
        return any(begins <= local < ends for begins, ends in self._spans(local.date() - timedelta(days=1), 2))

    def opens(self, moment: datetime) -> datetime:
        """Return when the next span begins after `moment`, in the business's time zone."""
        local = moment.astimezone(zone(self.time_zone))
        return next(begins for begins, _ in self._spans(local.date(), 9) if begins > local)

    def to_json(self) -> str:
        """Return the hours as they are stored."""
        return orjson.dumps({"time_zone": self.time_zone, "days": self.days}).decode()

    def _spans(self, first: date, count: int) -> Iterator[tuple[datetime, datetime]]:
        place = zone(self.time_zone)
        for number in range(count):
            day = first + timedelta(days=number)
            span = self.days[day.weekday()]
            if span is not None:
                until = day if span[1] > span[0] else day + timedelta(days=1)
                yield _at(day, span[0], place), _at(until, span[1], place)


def from_json(text: str | None) -> WorkingHours | None:
    """Return stored hours; None for always."""
    if text is None:
        return None
    stored: dict[str, Any] = orjson.loads(text)
    return WorkingHours(stored["time_zone"], tuple(tuple(day) if day else None for day in stored["days"]))


def problem(hours: WorkingHours) -> str | None:
    """Return what is wrong with hours that somebody entered, in one sentence; None if nothing is."""
    if not known_zone(hours.time_zone):
        return "Choose a time zone of the list."
    if len(hours.days) != len(WEEKDAYS) or not any(hours.days):
        return "Enter the hours of at least one day, or choose “always”."
    for name, day in zip(WEEKDAYS, hours.days, strict=True):
        if day is not None and not all(_TIME.fullmatch(time) for time in day):
            return f"{name}: enter both times as HH:MM, such as 09:00, or leave both empty for a day off."
        if day is not None and day[0] == day[1]:
            return f"{name}: the two times are the same."
    return None


def known_zone(name: str) -> bool:
    """Return whether this machine knows the time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return bool(name)


def zone(name: str) -> tzinfo:
    """Return the time zone, or UTC where a machine no longer knows it: an answer must not fail for its clock."""
    return ZoneInfo(name) if known_zone(name) else UTC


def _days(first: int, last: int) -> str:
    return WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]} to {WEEKDAYS[last]}"


def _span(span: Sequence[str] | None) -> str:
    if span is None:
        return "off"
    return f"{span[0]}–{span[1]}" + (" (the next day)" if span[1] <= span[0] else "")


def _at(day: date, time: str, place: tzinfo) -> datetime:
    return datetime.strptime(f"{day} {time}", "%Y-%m-%d %H:%M").replace(tzinfo=place)
