"""Repository: triggers, views, response addresses and ephemeral messages."""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import replace

from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.interaction_model import Ephemeral, ResponseUrl, Trigger, View
from konstruct.local.sandbox.messages import next_ts, note_change
from konstruct.local.sandbox.sqlite import SqliteFile

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS triggers (
        trigger_id TEXT PRIMARY KEY, team_id TEXT NOT NULL, user_id TEXT NOT NULL, expires REAL NOT NULL, view_id TEXT,
        used INTEGER NOT NULL DEFAULT 0) STRICT""",
    """CREATE TABLE IF NOT EXISTS views (
        view_id TEXT PRIMARY KEY, team_id TEXT NOT NULL, user_id TEXT NOT NULL, kind TEXT NOT NULL, root_id TEXT NOT NULL,
        previous_id TEXT, hash TEXT NOT NULL, body TEXT NOT NULL, external_id TEXT NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS views_by_person ON views (team_id, user_id, kind)",
    """CREATE TABLE IF NOT EXISTS response_urls (
        secret TEXT PRIMARY KEY, team_id TEXT NOT NULL, channel_id TEXT NOT NULL, user_id TEXT NOT NULL, message_ts TEXT,
        thread_ts TEXT, uses_left INTEGER NOT NULL, expires REAL NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS ephemerals (
        channel_id TEXT NOT NULL REFERENCES channels, ts TEXT NOT NULL, user_id TEXT NOT NULL, text TEXT NOT NULL,
        markdown TEXT, thread_ts TEXT, blocks TEXT NOT NULL, PRIMARY KEY (channel_id, ts)) STRICT, WITHOUT ROWID""",
)
KEPT_S = 86_400.0
"""How long a trigger or response address that has run out is remembered, so that its use is told from a made-up one."""


def dialogs_of(user_id: str) -> str:
    """Return the place under which a person's dialogs change, where a change names a channel."""
    return "modal:" + user_id


def home_of(user_id: str) -> str:
    """Return the place under which a person's Home tab changes, where a change names a channel."""
    return "home:" + user_id


class Interactions:
    """What stands between a press and the app's answer to it."""

    def __init__(self, file: SqliteFile, hub: Hub) -> None:
        self._file = file
        self._hub = hub
        with file.write() as connection:
            for statement in SCHEMA:
                connection.execute(statement)

    def add_trigger(self, team_id: str, user_id: str, now: float, lasts_s: float, view_id: str | None = None) -> Trigger:
        """Store and return a new trigger, good for `lasts_s` seconds from `now`."""
        made_of = (secrets.randbelow(10**12), secrets.randbelow(10**12), secrets.token_hex(16))
        trigger = Trigger("{}.{}.{}".format(*made_of), team_id, user_id, now + lasts_s, view_id)
        with self._file.write() as connection:
            connection.execute("DELETE FROM triggers WHERE expires < ?", (now - KEPT_S,))
            values = (trigger.trigger_id, team_id, user_id, trigger.expires, view_id)
            connection.execute(
                "INSERT INTO triggers (trigger_id, team_id, user_id, expires, view_id) VALUES (?, ?, ?, ?, ?)", values
            )
        return trigger

    def trigger(self, trigger_id: str) -> Trigger | None:
        """Return a trigger, or None."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM triggers WHERE trigger_id = ?", (trigger_id,)).fetchone()
        return Trigger(**{**dict(row), "used": bool(row["used"])}) if row else None

    def use_trigger(self, trigger_id: str) -> bool:
        """Use a trigger up; False where somebody did before."""
        with self._file.write() as connection:
            done = connection.execute("UPDATE triggers SET used = 1 WHERE trigger_id = ? AND NOT used", (trigger_id,))
            return done.rowcount == 1

    def put_view(self, view: View) -> None:
        """Store a view, new or changed, and show it."""
        with self._file.write() as connection:
            values = (view.view_id, view.team_id, view.user_id, view.kind, view.root_id, view.previous_id, view.hash)
            connection.execute(
                "INSERT INTO views VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (view_id) DO UPDATE SET hash = excluded.hash, body = excluded.body,"
                " external_id = excluded.external_id",
                (*values, json.dumps(view.body), view.external_id),
            )
            place = home_of(view.user_id) if view.kind == "home" else dialogs_of(view.user_id)
            note_change(connection, view.team_id, place, view.view_id)
        self._hub.ring()

    def view(self, team_id: str, view_id: str) -> View | None:
        """Return a view of this workspace, or None."""
        return self._view("team_id = ? AND view_id = ?", team_id, view_id)

    def view_by_external(self, team_id: str, external_id: str) -> View | None:
        """Return the view that the app named so, or None."""
        return self._view("team_id = ? AND external_id = ?", team_id, external_id)

    def home(self, team_id: str, user_id: str) -> View | None:
        """Return what the app published for a person's Home tab, or None."""
        return self._view("team_id = ? AND user_id = ? AND kind = 'home'", team_id, user_id)

    def dialog(self, team_id: str, user_id: str) -> View | None:
        """Return the dialog that a person sees: the top of their stack; None for none."""
        return self._view("team_id = ? AND user_id = ? AND kind = 'modal' ORDER BY rowid DESC LIMIT 1", team_id, user_id)

    def _view(self, where: str, *values: str) -> View | None:
        # `where` is one of the fixed conditions above, never anything a caller sent.
        with self._file.read() as connection:
            row = connection.execute(f"SELECT * FROM views WHERE {where}", values).fetchone()
        return View(**{**dict(row), "body": json.loads(row["body"])}) if row else None

    def depth(self, root_id: str) -> int:
        """Return how many dialogs are stacked on a root, itself included."""
        with self._file.read() as connection:
            return int(connection.execute("SELECT count(*) FROM views WHERE root_id = ?", (root_id,)).fetchone()[0])

    def close(self, view: View, *, all_of_stack: bool = False) -> None:
        """Take a dialog away, or its whole stack."""
        with self._file.write() as connection:
            where, key = ("root_id = ?", view.root_id) if all_of_stack else ("view_id = ?", view.view_id)
            connection.execute(f"DELETE FROM views WHERE {where}", (key,))
            note_change(connection, view.team_id, dialogs_of(view.user_id), view.view_id)
        self._hub.ring()

    def close_dialogs(self, team_id: str, user_id: str) -> None:
        """Take every dialog of a person away: another one opens."""
        with self._file.write() as connection:
            connection.execute("DELETE FROM views WHERE team_id = ? AND user_id = ? AND kind = 'modal'", (team_id, user_id))

    def add_response_url(self, url: ResponseUrl, now: float) -> None:
        """Store a response address."""
        with self._file.write() as connection:
            connection.execute("DELETE FROM response_urls WHERE expires < ?", (now - KEPT_S,))
            values = (url.secret, url.team_id, url.channel_id, url.user_id, url.message_ts, url.thread_ts)
            connection.execute("INSERT INTO response_urls VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, url.uses_left, url.expires))

    def response_url(self, secret: str) -> ResponseUrl | None:
        """Return a response address, used up or not; None for an unknown one."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM response_urls WHERE secret = ?", (secret,)).fetchone()
        return ResponseUrl(**dict(row)) if row else None

    def use_response_url(self, secret: str) -> bool:
        """Count one use; False where none is left."""
        sql = "UPDATE response_urls SET uses_left = uses_left - 1 WHERE secret = ? AND uses_left > 0"
        with self._file.write() as connection:
            return connection.execute(sql, (secret,)).rowcount == 1

    def add_ephemeral(self, team_id: str, draft: Ephemeral) -> Ephemeral:
        """Store a message for one person; return it with its `ts`."""
        with self._file.write() as connection:
            stored = replace(draft, ts=next_ts(connection, draft.channel_id))
            self._put(connection, team_id, stored)
        self._hub.ring()
        return stored

    def edit_ephemeral(self, team_id: str, changed: Ephemeral) -> None:
        """Store the new content of a message for one person."""
        with self._file.write() as connection:
            self._put(connection, team_id, changed)
        self._hub.ring()

    def _put(self, connection: sqlite3.Connection, team_id: str, e: Ephemeral) -> None:
        values = (e.channel_id, e.ts, e.user_id, e.text, e.markdown, e.thread_ts, json.dumps(e.blocks))
        connection.execute("INSERT OR REPLACE INTO ephemerals VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        note_change(connection, team_id, e.channel_id, e.root_ts)

    def remove_ephemeral(self, team_id: str, message: Ephemeral) -> None:
        """Take a message for one person away."""
        with self._file.write() as connection:
            connection.execute("DELETE FROM ephemerals WHERE channel_id = ? AND ts = ?", (message.channel_id, message.ts))
            note_change(connection, team_id, message.channel_id, message.root_ts)
        self._hub.ring()

    def ephemeral(self, channel_id: str, ts: str, user_id: str) -> Ephemeral | None:
        """Return one message that this person alone sees, or None."""
        found = [each for each in self.ephemerals(channel_id, user_id) if each.ts == ts]
        return found[0] if found else None

    def ephemerals(self, channel_id: str, user_id: str) -> list[Ephemeral]:
        """Return what this person alone sees in a channel, oldest first."""
        sql = "SELECT * FROM ephemerals WHERE channel_id = ? AND user_id = ? ORDER BY ts"
        with self._file.read() as connection:
            rows = connection.execute(sql, (channel_id, user_id)).fetchall()
        return [Ephemeral(**{**dict(row), "blocks": tuple(json.loads(row["blocks"]))}) for row in rows]
