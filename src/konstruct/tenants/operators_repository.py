"""SQL of operators, their one-time links and their sessions. They belong to no tenant: the fleet role keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.session import FleetSession


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who runs the installation."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class ListedOperator:
    """An operator as the command's list shows it."""

    id: UUID
    name: str
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int


async def insert(session: FleetSession, operator: Operator) -> bool:
    """Store an operator; False if the name is taken."""
    sql = "INSERT INTO operators (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
    return bool(await session.execute(sql, operator.id, operator.name))


async def find_by_name(session: FleetSession, name: str) -> Operator | None:
    """Return the operator of that name, or None."""
    row = await session.fetchrow("SELECT id, name FROM operators WHERE name = $1", name)
    return Operator(**row) if row else None


async def delete(session: FleetSession, name: str) -> bool:
    """Delete an operator, whose links and sessions end with that; False if there is none of that name."""
    return bool(await session.execute("DELETE FROM operators WHERE name = $1", name))


async def list_all(db: Database) -> list[ListedOperator]:
    """Return every operator by name, with the number of sessions that have not run out."""
    rows = await db.fleet_fetch(
        "list operators",
        "SELECT o.id, o.name, o.created_at, o.last_seen_at,"
        " (SELECT count(*) FROM operator_sessions s WHERE s.operator_id = o.id AND s.expires_at > now()) AS sessions"
        " FROM operators o ORDER BY o.name",
    )
    return [ListedOperator(**row) for row in rows]


async def insert_link(session: FleetSession, operator_id: UUID, token_hash: bytes, lifetime: timedelta) -> None:
    """Store a link, and forget the operator's links that are over."""
    await session.execute(
        "DELETE FROM operator_links WHERE operator_id = $1 AND (used_at IS NOT NULL OR expires_at < now())", operator_id
    )
    await session.execute(
        "INSERT INTO operator_links (token_hash, operator_id, expires_at) VALUES ($1, $2, now() + $3)",
        token_hash,
        operator_id,
        lifetime,
    )


async def use_link(session: FleetSession, token_hash: bytes) -> UUID | None:
    """Use up a link; return its operator, or None if it is used, over or made up."""
    operator_id: UUID | None = await session.fetchval(
        "UPDATE operator_links SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now()"
        " RETURNING operator_id",
        token_hash,
    )
    return operator_id


async def insert_session(session: FleetSession, operator_id: UUID, token_hash: bytes, lifetime: timedelta) -> None:
    """Store a session, and forget the operator's sessions that are over."""
    await session.execute("DELETE FROM operator_sessions WHERE operator_id = $1 AND expires_at < now()", operator_id)
    await session.execute(
        "INSERT INTO operator_sessions (token_hash, operator_id, expires_at) VALUES ($1, $2, now() + $3)",
        token_hash,
        operator_id,
        lifetime,
    )
    await session.execute("UPDATE operators SET last_seen_at = now() WHERE id = $1", operator_id)


async def find_session(db: Database, token_hash: bytes, idle: timedelta) -> Operator | None:
    """Return whose live session it is, and note that it was seen; else None."""
    rows = await db.fleet_fetch(
        "operator session",
        "UPDATE operator_sessions s SET seen_at = now() FROM operators o WHERE s.token_hash = $1 AND o.id = s.operator_id"
        " AND s.expires_at > now() AND s.seen_at > now() - $2::interval RETURNING o.id, o.name",
        token_hash,
        idle,
    )
    return Operator(**rows[0]) if rows else None


async def delete_session(session: FleetSession, token_hash: bytes) -> None:
    """End one session."""
    await session.execute("DELETE FROM operator_sessions WHERE token_hash = $1", token_hash)


async def delete_sessions(session: FleetSession, operator_id: UUID) -> int:
    """End all of an operator's sessions and links; return how many sessions that were."""
    await session.execute("DELETE FROM operator_links WHERE operator_id = $1", operator_id)
    return await session.execute("DELETE FROM operator_sessions WHERE operator_id = $1", operator_id)
