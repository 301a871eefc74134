"""Repository: workspaces, their people and channels."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from konstruct.local.sandbox.model import Channel, Enterprise, Person, Workspace
from konstruct.local.sandbox.sqlite import SqliteFile

_PUT_WORKSPACE = (
    "INSERT INTO workspaces (team_id, slug, name, about, app_id, bot_user_id, bot_id, bot_token, employee, employee_role, tint,"
    " enterprise_id, admins_install) VALUES (:team_id, :slug, :name, :about, :app_id, :bot_user_id, :bot_id, :bot_token,"
    " :employee, :employee_role, :tint, :enterprise_id, :admins_install) ON CONFLICT (team_id) DO UPDATE SET"
    " slug = excluded.slug, name = excluded.name, about = excluded.about, app_id = excluded.app_id,"
    " bot_token = excluded.bot_token, bot_user_id = excluded.bot_user_id, bot_id = excluded.bot_id, employee = excluded.employee,"
    " employee_role = excluded.employee_role, tint = excluded.tint, enterprise_id = excluded.enterprise_id,"
    " admins_install = excluded.admins_install"
)
_PUT_ENTERPRISE = (
    "INSERT INTO enterprises VALUES (:enterprise_id, :name, :bot_user_id, :bot_id) ON CONFLICT (enterprise_id)"
    " DO UPDATE SET name = excluded.name, bot_user_id = excluded.bot_user_id, bot_id = excluded.bot_id"
)
_PUT_USER = (
    "INSERT INTO users VALUES (:team_id, :user_id, :name, :role, :is_admin) ON CONFLICT (team_id, user_id)"
    " DO UPDATE SET name = excluded.name, role = excluded.role, is_admin = excluded.is_admin"
)
_PUT_CHANNEL = (
    "INSERT INTO channels VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (channel_id) DO UPDATE SET name = excluded.name,"
    " topic = excluded.topic, archived = excluded.archived"
)
_SEEN = (
    "SELECT c.channel_id, c.team_id, c.kind, c.name, c.topic, c.user_id, c.archived, coalesce(s.has_bot, c.has_bot) AS has_bot,"
    " (SELECT group_concat(team_id, ' ') FROM channel_shares WHERE channel_id = c.channel_id) AS shared_with"
    " FROM channels c LEFT JOIN channel_shares s ON s.channel_id = c.channel_id AND s.team_id = :team_id"
    " WHERE (c.team_id = :team_id OR s.team_id = :team_id)"
)


class Workspaces:
    """Who and what exists. All lookups return None for the unknown."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, workspace: Workspace, people: Sequence[Person], channels: Sequence[Channel]) -> None:
        """Store a workspace with its people and channels; what is already there is brought up to date.

        Whom a channel is shared with, and whether the employee is a member, stays as it is once the channel is there.
        """
        with self._file.write() as connection:
            connection.execute(_PUT_WORKSPACE, asdict(workspace))
            connection.executemany(_PUT_USER, [asdict(person) for person in people])
            connection.executemany(
                _PUT_CHANNEL,
                [(c.channel_id, c.team_id, c.kind, c.name, c.topic, c.user_id, c.archived, c.has_bot) for c in channels],
            )

    def add_enterprise(self, enterprise: Enterprise) -> None:
        """Store a Grid organisation; its workspaces name it."""
        with self._file.write() as connection:
            connection.execute(_PUT_ENTERPRISE, asdict(enterprise))

    def share(self, channel_id: str, team_id: str, *, has_bot: bool = False) -> None:
        """Let another workspace see a channel (Slack Connect); `has_bot`: whether its employee is a member from there."""
        with self._file.write() as connection:
            sql = "INSERT INTO channel_shares VALUES (?, ?, ?) ON CONFLICT (channel_id, team_id) DO NOTHING"
            connection.execute(sql, (channel_id, team_id, has_bot))

    def set_member(self, team_id: str, channel_id: str, has_bot: bool) -> None:
        """Let the employee of a workspace join or leave a channel."""
        with self._file.write() as connection:
            sql = "UPDATE channels SET has_bot = ? WHERE channel_id = ? AND team_id = ?"
            connection.execute(sql, (has_bot, channel_id, team_id))
            sql = "UPDATE channel_shares SET has_bot = ? WHERE channel_id = ? AND team_id = ?"
            connection.execute(sql, (has_bot, channel_id, team_id))

    def all(self) -> list[Workspace]:
        """Return every workspace, by name."""
        with self._file.read() as connection:
            return [_workspace(row) for row in connection.execute("SELECT * FROM workspaces ORDER BY name")]

    def enterprises(self) -> list[Enterprise]:
        """Return every Grid organisation, by name."""
        with self._file.read() as connection:
            return [Enterprise(**dict(row)) for row in connection.execute("SELECT * FROM enterprises ORDER BY name")]

    def enterprise(self, enterprise_id: str | None) -> Enterprise | None:
        """Return a Grid organisation."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM enterprises WHERE enterprise_id = ?", (enterprise_id,)).fetchone()
        return Enterprise(**dict(row)) if row else None

    def of_enterprise(self, enterprise_id: str) -> list[Workspace]:
        """Return the workspaces of a Grid organisation, by name."""
        with self._file.read() as connection:
            sql = "SELECT * FROM workspaces WHERE enterprise_id = ? ORDER BY name"
            return [_workspace(row) for row in connection.execute(sql, (enterprise_id,))]

    def by_slug(self, slug: str) -> Workspace | None:
        """Return the workspace with the address part `slug`."""
        return self._one("SELECT * FROM workspaces WHERE slug = ?", slug)

    def by_team(self, team_id: str) -> Workspace | None:
        """Return the workspace `team_id`."""
        return self._one("SELECT * FROM workspaces WHERE team_id = ?", team_id)

    def _one(self, sql: str, key: str) -> Workspace | None:
        with self._file.read() as connection:
            row = connection.execute(sql, (key,)).fetchone()
        return _workspace(row) if row else None

    def people(self, team_id: str) -> list[Person]:
        """Return the people of a workspace, in the order they were added."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM users WHERE team_id = ? ORDER BY rowid", (team_id,)).fetchall()
        return [_person(row) for row in rows]

    def person(self, team_id: str, user_id: str) -> Person | None:
        """Return a person of this workspace."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM users WHERE team_id = ? AND user_id = ?", (team_id, user_id)).fetchone()
        return _person(row) if row else None

    def homes(self, user_id: str) -> list[Person]:
        """Return a person's memberships: one per workspace."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM users WHERE user_id = ? ORDER BY rowid", (user_id,)).fetchall()
        return [_person(row) for row in rows]

    def channels(self, team_id: str) -> list[Channel]:
        """Return the public channels that a workspace sees, in the order they were added."""
        return self._channels(team_id, " AND c.kind = 'channel' ORDER BY c.rowid")

    def channel(self, team_id: str, channel_id: str) -> Channel | None:
        """Return a channel that this workspace sees; another workspace's does not exist here, unless it is shared."""
        found = self._channels(team_id, " AND c.channel_id = :channel_id", channel_id=channel_id)
        return found[0] if found else None

    def direct(self, team_id: str, user_id: str) -> Channel | None:
        """Return the direct channel between a person and the employee."""
        found = self._channels(team_id, " AND c.user_id = :user_id", user_id=user_id)
        return found[0] if found else None

    def _channels(self, team_id: str, rest: str, **values: str) -> list[Channel]:
        # `rest` is one of the fixed conditions above, never anything a caller sent.
        with self._file.read() as connection:
            return [_channel(row) for row in connection.execute(_SEEN + rest, {"team_id": team_id, **values})]


def _workspace(row: sqlite3.Row) -> Workspace:
    return Workspace(**{**dict(row), "admins_install": bool(row["admins_install"])})


def _person(row: sqlite3.Row) -> Person:
    return Person(**{**dict(row), "is_admin": bool(row["is_admin"])})


def _channel(row: sqlite3.Row) -> Channel:
    flags = {"archived": bool(row["archived"]), "has_bot": bool(row["has_bot"])}
    return Channel(**{**dict(row), **flags, "shared_with": tuple((row["shared_with"] or "").split())})
