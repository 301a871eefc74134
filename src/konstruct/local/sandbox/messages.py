"""Repository: messages, the employee's status, and the changes that open pages follow."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.model import Change, Message, Stream
from konstruct.local.sandbox.sqlite import SqliteFile
from konstruct.local.sandbox.switches import Control

CHANGES_KEPT = 5000
"""Changes that a page which lost its connection can still catch up on; after more it shows the page afresh anyway."""

_NAMES = (
    *(
        "channel_id",
        "ts",
        "thread_ts",
        "user_id",
        "from_bot",
        "text",
        "markdown",
        "blocks",
        "metadata",
        "client_msg_id",
        "edited",
    ),
    *("team_id", "bot_id", "stream", "files"),
)
_INSERT = f"INSERT INTO messages ({', '.join(_NAMES)}) VALUES ({', '.join(':' + name for name in _NAMES)})"
_UPDATE = (
    "UPDATE messages SET text = :text, markdown = :markdown, blocks = :blocks, metadata = :metadata, edited = :edited,"
    " stream = :stream WHERE channel_id = :channel_id AND ts = :ts"
)


class Messages:
    """What was said. Every write leaves a change and wakes the open pages."""

    def __init__(self, file: SqliteFile, hub: Hub, control: Control) -> None:
        self._file = file
        self._hub = hub
        self._control = control

    def add(self, team_id: str, message: Message) -> Message:
        """Store a message and return it with its `ts`: now, but later than every other in its channel.

        A bot's message ends the status of its thread, as in Slack.
        """
        with self._file.write() as connection:
            stored = replace(message, ts=next_ts(connection, message.channel_id))
            connection.execute(_INSERT, _columns(stored))
            if stored.from_bot:
                clear_status(connection, stored.channel_id, stored.root_ts)
            note_change(connection, team_id, stored.channel_id, stored.root_ts)
        self._hub.ring()
        return stored

    def edit(self, team_id: str, message: Message) -> None:
        """Store the new content of a message that exists."""
        with self._file.write() as connection:
            connection.execute(_UPDATE, _columns(message))
            note_change(connection, team_id, message.channel_id, message.root_ts)
        self._hub.ring()

    def remove(self, team_id: str, message: Message) -> None:
        """Delete a message."""
        with self._file.write() as connection:
            connection.execute("DELETE FROM messages WHERE channel_id = ? AND ts = ?", (message.channel_id, message.ts))
            note_change(connection, team_id, message.channel_id, message.root_ts)
        self._hub.ring()

    def redraw_streams(self) -> None:
        """Let open pages show every streamed message that was not stopped as it is now: the clock moved."""
        sql = "SELECT team_id, channel_id, coalesce(thread_ts, ts) AS root FROM messages WHERE stream LIKE '%\"in_progress\"%'"
        with self._file.write() as connection:
            for row in connection.execute(sql).fetchall():
                note_change(connection, row["team_id"] or "", row["channel_id"], row["root"])
        self._hub.ring()

    def get(self, channel_id: str, ts: str) -> Message | None:
        """Return one message, or None."""
        found = self._select("channel_id = ? AND ts = ?", (channel_id, ts))
        return found[0] if found else None

    def roots(self, channel_id: str, limit: int) -> list[Message]:
        """Return the latest `limit` messages that are no replies, oldest first."""
        return self._select("channel_id = ? AND thread_ts IS NULL ORDER BY ts DESC LIMIT ?", (channel_id, limit))[::-1]

    def replies(self, channel_id: str, roots: Sequence[str]) -> list[Message]:
        """Return the replies in the threads `roots`, oldest first."""
        marks = ", ".join("?" * len(roots))
        return self._select(f"channel_id = ? AND thread_ts IN ({marks}) ORDER BY ts", (channel_id, *roots))

    def _select(self, where: str, values: tuple[Any, ...]) -> list[Message]:
        # `where` is one of the fixed conditions above, never anything a caller sent.
        now = self._control.now()
        with self._file.read() as connection:
            return [_message(row, now) for row in connection.execute(f"SELECT * FROM messages WHERE {where}", values)]

    def last_seq(self) -> int:
        """Return the number of the latest change; 0 before the first."""
        with self._file.read() as connection:
            return int(connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0])

    def changes(self, team_id: str, after: int) -> list[Change]:
        """Return the changes that a workspace sees after number `after`, oldest first; a shared channel is seen by all sides."""
        shared = (
            "SELECT s.channel_id FROM channel_shares s JOIN channels c USING (channel_id)"
            " WHERE s.team_id = :team OR c.team_id = :team"
        )
        sql = f"SELECT * FROM changes WHERE seq > :after AND (team_id = :team OR channel_id IN ({shared})) ORDER BY seq"
        with self._file.read() as connection:
            rows = connection.execute(sql, {"team": team_id, "after": after}).fetchall()
        return [Change(**dict(row)) for row in rows]


def next_ts(connection: sqlite3.Connection, channel_id: str) -> str:
    """Return a `ts` of now that is later than every other in its channel."""
    tables = ("messages", "ephemerals")
    every = " UNION ALL ".join(f"SELECT max(ts) AS ts FROM {table} WHERE channel_id = ?1" for table in tables)
    latest = connection.execute(f"SELECT max(ts) FROM ({every})", (channel_id,)).fetchone()[0]
    now = time.time_ns() // 1000
    micros = max(now, int(latest.replace(".", "")) + 1) if latest else now
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def clear_status(connection: sqlite3.Connection, channel_id: str, thread_ts: str) -> None:
    """Let a thread show no status."""
    connection.execute("DELETE FROM statuses WHERE channel_id = ? AND thread_ts = ?", (channel_id, thread_ts))


def note_change(connection: sqlite3.Connection, team_id: str, channel_id: str, root_ts: str) -> None:
    """Leave a change for the open pages; those long past are forgotten."""
    sql = "INSERT INTO changes (team_id, channel_id, root_ts) VALUES (?, ?, ?)"
    seq = connection.execute(sql, (team_id, channel_id, root_ts)).lastrowid
    connection.execute("DELETE FROM changes WHERE seq <= ?", ((seq or 0) - CHANGES_KEPT,))


def _columns(message: Message) -> dict[str, Any]:
    values = {name: getattr(message, name) for name in _NAMES}
    return {
        **values,
        "blocks": json.dumps(message.blocks),
        "metadata": None if message.metadata is None else json.dumps(message.metadata),
        "stream": None if message.stream is None else json.dumps(asdict(message.stream)),
        "files": json.dumps(message.files),
    }


def _message(row: sqlite3.Row, now: float) -> Message:
    values = {
        "from_bot": bool(row["from_bot"]),
        "blocks": tuple(json.loads(row["blocks"])),
        "metadata": json.loads(row["metadata"]) if row["metadata"] else None,
        "edited": bool(row["edited"]),
        "stream": _stream(json.loads(row["stream"]), now) if row["stream"] else None,
        "files": tuple(json.loads(row["files"])),
    }
    return Message(**{**dict(row), **values})


def _stream(values: dict[str, Any], now: float) -> Stream:
    """Return a stream as it stands now: nobody is told when one breaks."""
    stream = Stream(**{**values, "tasks": tuple(values["tasks"])})
    broken = stream.state == "in_progress" and now >= stream.ends_at
    return replace(stream, state="errored") if broken else stream
