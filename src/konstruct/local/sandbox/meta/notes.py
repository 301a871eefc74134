"""Repository: messages between phones and numbers. Every write leaves a change and wakes the open pages."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.messages import note_change
from konstruct.local.sandbox.meta.model import Note, State, new_wamid
from konstruct.local.sandbox.model import Change
from konstruct.local.sandbox.sqlite import SqliteFile

RANK: dict[str, int] = {"accepted": 0, "sent": 1, "delivered": 2, "read": 3}
_FLAGS = ("from_business", "edited", "deleted", "billed", "forwarded")
_NAMES = ("wamid", "phone_id", "phone_number_id", "from_business", "type", "content", "at", "state")
_MORE = ("context", "opaque", "category", "billed", "forwarded")
_ADD = f"INSERT INTO wa_messages ({', '.join((*_NAMES, *_MORE))}) VALUES ({', '.join('?' * len((*_NAMES, *_MORE)))}) RETURNING *"


def place_of(phone_id: str) -> str:
    """Return the place under which the changes of a phone are noted."""
    return f"phone:{phone_id}"


class Notes:
    """What was written, oldest first."""

    def __init__(self, file: SqliteFile, hub: Hub) -> None:
        self._file = file
        self._hub = hub

    def add(
        self,
        phone_id: str,
        phone_number_id: str,
        digits: str,
        kind: str,
        content: dict[str, Any],
        *,
        from_business: bool = False,
        context: str | None = None,
        opaque: str | None = None,
        category: str = "service",
        forwarded: bool = False,
    ) -> Note:
        """Store a message of now; `digits` are the person's, for its id."""
        wamid, state = new_wamid(digits, outgoing=from_business), "accepted" if from_business else "delivered"
        values = (wamid, phone_id, phone_number_id, from_business, kind, json.dumps(content), time.time(), state)
        more = (context, opaque, category, True, forwarded)
        with self._file.write() as connection:
            note = _note(connection.execute(_ADD, (*values, *more)).fetchone())
            _changed(connection, note)
        self._hub.ring()
        return note

    def change(self, note: Note, **values: Any) -> None:
        """Change fields of a message. The names come from the callers in this package."""
        kept = {name: json.dumps(value) if name == "content" else value for name, value in values.items()}
        sets = ", ".join(f"{name} = ?" for name in kept)
        with self._file.write() as connection:
            connection.execute(f"UPDATE wa_messages SET {sets} WHERE wamid = ?", (*kept.values(), note.wamid))
            _changed(connection, note)
        self._hub.ring()

    def climb(self, note: Note, state: State) -> bool:
        """Bring a message to a later state; return False where it is there, or past it, already."""
        with self._file.write() as connection:
            row = connection.execute("SELECT state FROM wa_messages WHERE wamid = ?", (note.wamid,)).fetchone()
            if row is None or RANK.get(row["state"], 9) >= RANK[state]:
                return False
            connection.execute("UPDATE wa_messages SET state = ? WHERE wamid = ?", (state, note.wamid))
            _changed(connection, note)
        self._hub.ring()
        return True

    def get(self, wamid: str) -> Note | None:
        """Return a message."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM wa_messages WHERE wamid = ?", (wamid,)).fetchone()
        return _note(row) if row else None

    def chat(self, phone_id: str, phone_number_id: str, limit: int = 200) -> list[Note]:
        """Return the latest messages between a phone and a number, oldest first."""
        sql = "SELECT * FROM wa_messages WHERE phone_id = ? AND phone_number_id = ? ORDER BY id DESC LIMIT ?"
        with self._file.read() as connection:
            return [_note(row) for row in connection.execute(sql, (phone_id, phone_number_id, limit))][::-1]

    def unread(self, phone_id: str, phone_number_id: str) -> list[Note]:
        """Return what came from the business and was not read, oldest first."""
        sql = (
            "SELECT * FROM wa_messages WHERE phone_id = ? AND phone_number_id = ? AND from_business AND NOT deleted"
            " AND state IN ('accepted', 'sent', 'delivered') ORDER BY id"
        )
        with self._file.read() as connection:
            return [_note(row) for row in connection.execute(sql, (phone_id, phone_number_id))]

    def latest(self, limit: int) -> list[Note]:
        """Return the latest messages of businesses, newest first."""
        sql = "SELECT * FROM wa_messages WHERE from_business ORDER BY id DESC LIMIT ?"
        with self._file.read() as connection:
            return [_note(row) for row in connection.execute(sql, (limit,))]

    def touch(self, phone_id: str, phone_number_id: str) -> None:
        """Let the open pages of a phone show a chat afresh."""
        with self._file.write() as connection:
            note_change(connection, place_of(phone_id), phone_number_id, "")
        self._hub.ring()

    def changes(self, phone_id: str, after: int) -> list[Change]:
        """Return the changes of a phone after number `after`, oldest first."""
        with self._file.read() as connection:
            sql = "SELECT * FROM changes WHERE seq > ? AND team_id = ? ORDER BY seq"
            return [Change(**dict(row)) for row in connection.execute(sql, (after, place_of(phone_id)))]


def _changed(connection: sqlite3.Connection, note: Note) -> None:
    note_change(connection, place_of(note.phone_id), note.phone_number_id, note.wamid)


def _note(row: sqlite3.Row) -> Note:
    flags = {name: bool(row[name]) for name in _FLAGS}
    return Note(**{**dict(row), **flags, "content": json.loads(row["content"])})
