"""Repository: workspaces, their people and channels."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple

from konstruct.local.sandbox.model import Channel, Person, Workspace
from konstruct.local.sandbox.sqlite import SqliteFile

_PUT_WORKSPACE = (
    "INSERT INTO workspaces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (team_id) DO UPDATE SET"
    " slug = excluded.slug, name = excluded.name, about = excluded.about, app_id = excluded.app_id,"
    " bot_token = excluded.bot_token, bot_user_id = excluded.bot_user_id, bot_id = excluded.bot_id, employee = excluded.employee,"
    " employee_role = excluded.employee_role, tint = excluded.tint"
)
_PUT_USER = (
    "INSERT INTO users VALUES (?, ?, ?, ?) ON CONFLICT (team_id, user_id)"
    " DO UPDATE SET name = excluded.name, role = excluded.role"
)
_PUT_CHANNEL = (
    "INSERT INTO channels VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (channel_id) DO UPDATE SET name = excluded.name,"
    " topic = excluded.topic, archived = excluded.archived, has_bot = excluded.has_bot"
)


class Workspaces:
    """Who and what exists. All lookups return None for the unknown."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, workspace: Workspace, people: Sequence[Person], channels: Sequence[Channel]) -> None:
        """Store a workspace with its people and channels; what is already there is brought up to date."""
        with self._file.write() as connection:
            connection.execute(_PUT_WORKSPACE, astuple(workspace))
            connection.executemany(_PUT_USER, [(p.team_id, p.user_id, p.name, p.role) for p in people])
            connection.executemany(
                _PUT_CHANNEL,
                [(c.channel_id, c.team_id, c.kind, c.name, c.topic, c.user_id, c.archived, c.has_bot) for c in channels],
            )

    def all(self) -> list[Workspace]:
        """Return every workspace, by name."""
        with self._file.read() as connection:
            return [Workspace(**dict(row)) for row in connection.execute("SELECT * FROM workspaces ORDER BY name")]

    def by_slug(self, slug: str) -> Workspace | None:
        """Return the workspace with the address part `slug`."""
        return self._one("SELECT * FROM workspaces WHERE slug = ?", slug)

    def by_team(self, team_id: str) -> Workspace | None:
        """Return the workspace `team_id`."""
        return self._one("SELECT * FROM workspaces WHERE team_id = ?", team_id)

    def by_token(self, token: str) -> Workspace | None:
        """Return the workspace whose bot token this is."""
        return self._one("SELECT * FROM workspaces WHERE bot_token = ?", token)

    def _one(self, sql: str, key: str) -> Workspace | None:
        with self._file.read() as connection:
            row = connection.execute(sql, (key,)).fetchone()
        return Workspace(**dict(row)) if row else None

    def people(self, team_id: str) -> list[Person]:
        """Return the people of a workspace, in the order they were added."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM users WHERE team_id = ? ORDER BY rowid", (team_id,)).fetchall()
        return [Person(**dict(row)) for row in rows]

    def person(self, team_id: str, user_id: str) -> Person | None:
        """Return a person of this workspace."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM users WHERE team_id = ? AND user_id = ?", (team_id, user_id)).fetchone()
        return Person(**dict(row)) if row else None

    def channels(self, team_id: str) -> list[Channel]:
        """Return the public channels of a workspace, in the order they were added."""
        with self._file.read() as connection:
            sql = "SELECT * FROM channels WHERE team_id = ? AND kind = 'channel' ORDER BY rowid"
            return [_channel(row) for row in connection.execute(sql, (team_id,))]

    def channel(self, team_id: str, channel_id: str) -> Channel | None:
        """Return a channel of this workspace; another workspace's does not exist here."""
        with self._file.read() as connection:
            sql = "SELECT * FROM channels WHERE team_id = ? AND channel_id = ?"
            row = connection.execute(sql, (team_id, channel_id)).fetchone()
        return _channel(row) if row else None

    def direct(self, team_id: str, user_id: str) -> Channel | None:
        """Return the direct channel between a person and the employee."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM channels WHERE team_id = ? AND user_id = ?", (team_id, user_id)).fetchone()
        return _channel(row) if row else None


def _channel(row: sqlite3.Row) -> Channel:
    return Channel(**{**dict(row), "archived": bool(row["archived"]), "has_bot": bool(row["has_bot"])})
