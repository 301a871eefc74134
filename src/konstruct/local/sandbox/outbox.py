"""Repository: events on their way to the webhook, so that a restart loses none."""

from __future__ import annotations

import sqlite3

from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.model import OutgoingEvent
from konstruct.local.sandbox.sqlite import SqliteFile

_COLUMNS = "event_id, team_id, channel_id, root_ts, body, attempts, reason, wire"


class Outbox:
    """Events not yet taken by the app. A row goes when the app took it, and stays, marked, when the last retry failed."""

    def __init__(self, file: SqliteFile, hub: Hub) -> None:
        self._file = file
        self._hub = hub

    def add(self, event: OutgoingEvent) -> None:
        """Store an event before its first attempt."""
        with self._file.write() as connection:
            connection.execute(
                f"INSERT INTO outgoing_events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(event.event_id, event.team_id, event.channel_id, event.root_ts, event.body),
                    *(event.attempts, event.reason, event.wire),
                ),
            )

    def pending(self) -> list[OutgoingEvent]:
        """Return the events that a process left behind, oldest first."""
        with self._file.read() as connection:
            sql = f"SELECT {_COLUMNS} FROM outgoing_events WHERE NOT given_up ORDER BY rowid"
            return [OutgoingEvent(**dict(row)) for row in connection.execute(sql)]

    def taken(self, event: OutgoingEvent) -> None:
        """The app answered 2xx."""
        with self._file.write() as connection:
            connection.execute("DELETE FROM outgoing_events WHERE event_id = ?", (event.event_id,))
            if event.attempts:
                _note(connection, event)
        self._hub.ring()

    def failed(self, event: OutgoingEvent, given_up: bool) -> None:
        """The attempt `event.attempts` failed for `event.reason`; no more will follow if `given_up`."""
        with self._file.write() as connection:
            connection.execute(
                "UPDATE outgoing_events SET attempts = ?, reason = ?, given_up = ? WHERE event_id = ?",
                (event.attempts, event.reason, given_up, event.event_id),
            )
            _note(connection, event)
        self._hub.ring()

    def untaken_threads(self, channel_id: str) -> set[str]:
        """Return the threads (root ts) in a channel with an event that the app refused or missed so far."""
        with self._file.read() as connection:
            sql = "SELECT DISTINCT root_ts FROM outgoing_events WHERE channel_id = ? AND attempts > 0"
            return {row["root_ts"] for row in connection.execute(sql, (channel_id,))}


def _note(connection: sqlite3.Connection, event: OutgoingEvent) -> None:
    connection.execute(
        "INSERT INTO changes (team_id, channel_id, root_ts) VALUES (?, ?, ?)", (event.team_id, event.channel_id, event.root_ts)
    )
