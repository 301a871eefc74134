"""Repository: what the control panel has set, and the clock that it can move."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields

from konstruct.local.sandbox.sqlite import SqliteFile

_OFFSET = "clock_offset_s"
TimePasses = Callable[[float], Awaitable[None]]
"""Lets as many seconds pass for the product as the clock was moved on."""


async def only_here(_seconds: float) -> None:
    """Time passes in the sandbox alone."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What the simulated Slack does; every one can be changed while it runs."""

    rotation: bool = True
    """Whether installs by OAuth get tokens that expire."""
    streams: bool = True
    """Whether chat.startStream and its siblings exist; without them they answer `feature_not_enabled`."""
    limits: bool = True
    """Whether calls are counted against the rate limits."""
    echoes: bool = True
    """Whether the app hears of its own posts."""
    metadata_events: bool = True
    """Whether the app is subscribed to message_metadata_posted."""
    file_redirect: bool = False
    """Whether a file's address redirects to another host."""
    whatsapp_receipts: bool = True
    """Whether people let businesses see what they have read."""
    whatsapp_disorder: bool = False
    """Whether statuses come in the wrong order."""
    whatsapp_twice: bool = False
    """Whether every webhook body comes twice."""
    whatsapp_delay: bool = False
    """Whether webhooks come some seconds late."""
    whatsapp_batches: bool = False
    """Whether what happens within half a second comes in one body."""
    whatsapp_late_refusals: bool = False
    """Whether a refused message is accepted first, and fails in a status."""
    whatsapp_ai_prices: bool = False
    """Whether statuses name the price category general_purpose_ai."""


class Control:
    """The switches and the clock, kept in the file so that every process of an instance agrees."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def switches(self) -> Switches:
        """Return every switch as it is now."""
        known = {field.name for field in fields(Switches)}
        with self._file.read() as connection:
            rows = connection.execute("SELECT name, value FROM switches").fetchall()
        return Switches(**{row["name"]: json.loads(row["value"]) for row in rows if row["name"] in known})

    def set(self, **changes: bool) -> Switches:
        """Change switches by name and return them all. Raises TypeError for an unknown one."""
        changed = Switches(**{**asdict(self.switches()), **changes})
        with self._file.write() as connection:
            for name in changes:
                _put(connection, name, json.dumps(getattr(changed, name)))
        return changed

    def now(self) -> float:
        """Return the simulated time: Unix seconds, as far ahead of the real ones as the clock was moved."""
        return time.time() + self.offset_s()

    def monotonic(self) -> float:
        """Return seconds that only grow, and jump when the clock is moved."""
        return time.monotonic() + self.offset_s()

    def offset_s(self) -> float:
        """Return how far the clock was moved, in seconds."""
        with self._file.read() as connection:
            row = connection.execute("SELECT value FROM switches WHERE name = ?", (_OFFSET,)).fetchone()
        return float(row["value"]) if row else 0.0

    def advance(self, seconds: float) -> float:
        """Move the clock on by `seconds` (0 or more) and return how far it was moved in all."""
        moved = self.offset_s() + max(0.0, seconds)
        with self._file.write() as connection:
            _put(connection, _OFFSET, json.dumps(moved))
        return moved


def _put(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO switches VALUES (?, ?)", (name, value))
