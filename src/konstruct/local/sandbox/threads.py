"""Repository: what an agent shows of a thread besides messages: its status, title and suggested prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence

from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.messages import clear_status, note_change
from konstruct.local.sandbox.model import Status, ThreadMarks
from konstruct.local.sandbox.sqlite import SqliteFile
from konstruct.local.sandbox.switches import Control


class Threads:
    """Every write leaves a change and wakes the open pages."""

    def __init__(self, file: SqliteFile, hub: Hub, control: Control) -> None:
        self._file = file
        self._hub = hub
        self._control = control

    def set_status(
        self, team_id: str, channel_id: str, thread_ts: str, status: str, lasts_s: float, loading: Sequence[str] = ()
    ) -> None:
        """Show `status` in a thread for at most `lasts_s` seconds; an empty one clears it."""
        with self._file.write() as connection:
            clear_status(connection, channel_id, thread_ts)
            if status:
                until = self._control.now() + lasts_s
                sql = "INSERT INTO statuses (channel_id, thread_ts, status, until, loading_messages) VALUES (?, ?, ?, ?, ?)"
                connection.execute(sql, (channel_id, thread_ts, status, until, json.dumps(list(loading))))
            note_change(connection, team_id, channel_id, thread_ts)
        self._hub.ring()

    def statuses(self, channel_id: str) -> dict[str, Status]:
        """Return the statuses that show in a channel now, by thread."""
        with self._file.read() as connection:
            sql = "SELECT * FROM statuses WHERE channel_id = ? AND until > ?"
            rows = connection.execute(sql, (channel_id, self._control.now())).fetchall()
        return {row["thread_ts"]: Status(row["status"], row["until"], tuple(json.loads(row["loading_messages"]))) for row in rows}

    def set_title(self, team_id: str, channel_id: str, thread_ts: str, title: str) -> None:
        """Name a thread."""
        self._mark(team_id, channel_id, thread_ts, title=title)

    def set_prompts(
        self, team_id: str, channel_id: str, thread_ts: str, prompts: Sequence[dict[str, str]], title: str | None
    ) -> None:
        """Offer prompts in a thread; `thread_ts` "" means the top of the conversation."""
        self._mark(team_id, channel_id, thread_ts, prompts=json.dumps(list(prompts)), prompts_title=title)

    def _mark(self, team_id: str, channel_id: str, thread_ts: str, **values: str | None) -> None:
        # The names come from the two calls above.
        with self._file.write() as connection:
            key = (channel_id, thread_ts)
            connection.execute("INSERT OR IGNORE INTO threads (channel_id, thread_ts) VALUES (?, ?)", key)
            sets = ", ".join(f"{name} = ?" for name in values)
            connection.execute(f"UPDATE threads SET {sets} WHERE channel_id = ? AND thread_ts = ?", (*values.values(), *key))
            note_change(connection, team_id, channel_id, thread_ts)
        self._hub.ring()

    def marks(self, channel_id: str, thread_ts: str) -> ThreadMarks:
        """Return what the app gave a thread; "" means the top of the conversation."""
        with self._file.read() as connection:
            sql = "SELECT * FROM threads WHERE channel_id = ? AND thread_ts = ?"
            row = connection.execute(sql, (channel_id, thread_ts)).fetchone()
        if row is None:
            return ThreadMarks()
        return ThreadMarks(row["title"], tuple(json.loads(row["prompts"] or "[]")), row["prompts_title"])
