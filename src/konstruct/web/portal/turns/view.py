"""What the timeline's page shows: each event with its place in the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from konstruct.agents.timeline import Event, Timeline

SCALE = 1000
"""The drawing is so wide; its height does not matter, bars are stretched to their row."""
THINNEST = 4
RAW_MAX = 200_000
_ICONS = {"waiting": "clock", "recall": "book", "model": "spark", "tool": "settings", "delivery": "send"}
_OUTCOMES = {
    None: ("is at work on it", "info"),
    "answered": ("answered", "ok"),
    "fallback": ("could not answer", "bad"),
    "handed_over": ("left it to a person", "mute"),
    "withdrawn": ("had nothing left to answer: it was deleted", "mute"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar in a row of the drawing."""

    x: int
    width: int
    tone: str


@dataclass(frozen=True, slots=True)
class Row:
    """An event with its bars."""

    event: Event
    marks: Sequence[Mark]

    @property
    def icon(self) -> str:
        """The icon of its kind."""
        return _ICONS[self.event.kind]

    @property
    def took(self) -> str:
        """How long it took."""
        return duration(self.event.duration_ms)


@dataclass(frozen=True, slots=True)
class TurnView:
    """The page of a turn."""

    turn: Timeline

    @property
    def outcome(self) -> tuple[str, str]:
        """What became of it, as (what the employee did, tone)."""
        return _OUTCOMES[self.turn.outcome]

    @property
    def took(self) -> str:
        """From the first message to the last sign of the answer."""
        return duration(self.turn.total_ms)

    @property
    def rows(self) -> list[Row]:
        """The events with their places."""
        return [Row(event, self._marks(event)) for event in self.turn.events]

    @property
    def scale(self) -> list[tuple[int, str]]:
        """(place, label) of the quarters of the time."""
        return [(SCALE * part // 4, duration(self.turn.total_ms * part // 4)) for part in range(5)]

    def _marks(self, event: Event) -> list[Mark]:
        whole = Mark(*self._place(event.started_ms, event.duration_ms), "wait" if event.spans else event.tone)
        return [whole, *(Mark(*self._place(span.started_ms, span.duration_ms), span.tone) for span in event.spans)]

    def _place(self, started_ms: int, duration_ms: int) -> tuple[int, int]:
        total = max(1, self.turn.total_ms)
        width = max(THINNEST, round(SCALE * duration_ms / total))
        return min(round(SCALE * started_ms / total), SCALE - THINNEST), min(width, SCALE)


@dataclass(frozen=True, slots=True)
class RawView:
    """The stored rows of an event, as JSON."""

    turn_id: UUID
    label: str
    text: str
    cut: bool
    """Whether it was too long to be shown whole."""

    @classmethod
    def of(cls, turn: Timeline, key: str) -> RawView:
        """Return the rows of the event `key`, or of the turn for "turn". Raises NotFoundError."""
        label, value = ("The turn", {"turn": turn.raw, "dead_letters": turn.letters}) if key == "turn" else _event(turn, key)
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        return cls(turn.turn_id, label, text[:RAW_MAX], len(text) > RAW_MAX)


def _event(turn: Timeline, key: str) -> tuple[str, object]:
    event = turn.event(key)
    return event.label, event.detail


def duration(ms: int) -> str:
    """Return a span of time in few letters: "0 ms", "840 ms", "1.2 s", "3 min 5 s", "2 h 4 min"."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(ms // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
