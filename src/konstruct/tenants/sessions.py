"""Sessions: opaque, on the server, revocable at once. The cookie is a ticket of which only the hash is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.tenants import tickets
from konstruct.tenants.members_repository import Member
from konstruct.tenants.notices_repository import COUNT_OPEN
from konstruct.tenants.roles import Permission, allows
from konstruct.tenants.stopped_numbers import WORST_STOPPED, StoppedNumber, stopped_number

IDLE = timedelta(hours=12)
LIFETIME = timedelta(days=14)
"""Idle and absolute life of a session (OWASP ASVS 5.0, 7.3)."""
_NOTED_EVERY = timedelta(minutes=1)
_BROWSER_MAX = 200


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, and what every page shows of the business. The scope was proved by the session."""

    scope: TenantScope
    session_id: UUID
    member: Member
    business: str
    agent_id: UUID
    employee: str
    open_notices: int
    stopped: StoppedNumber | None = None
    """What is stopped, where something is: every page says so."""

    def may(self, permission: Permission) -> bool:
        """Return whether the member's role allows it."""
        return allows(self.member.role, permission)


async def open_session(session: TenantSession, member_id: UUID, browser: str) -> str:
    """Open a session for a member; return its ticket, for the cookie. `browser` is what the browser calls itself."""
    secret = tickets.new_secret()
    await session.execute(
        "INSERT INTO sessions (tenant_id, id, member_id, token_hash, browser, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, now() + $6)",
        session.scope.tenant_id,
        uuid7(),
        member_id,
        tickets.digest(secret),
        browser[:_BROWSER_MAX],
        LIFETIME,
    )
    await session.execute(
        "UPDATE members SET last_seen_at = now() WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, member_id
    )
    return tickets.join(session.scope, secret)


_FIND = f"""
SELECT s.id AS session_id, s.seen_at < now() - $4::interval AS stale, m.id, m.name, m.email, m.role, t.name AS business,
  a.id AS agent_id, a.name AS employee, {COUNT_OPEN} AS open_notices, {WORST_STOPPED} AS stopped
FROM sessions s
JOIN tenant_directory d ON d.tenant_id = s.tenant_id AND d.status = 'active'
JOIN members m ON m.tenant_id = s.tenant_id AND m.id = s.member_id
JOIN tenants t ON t.tenant_id = s.tenant_id
CROSS JOIN LATERAL (
  SELECT g.id, g.name FROM agents g WHERE g.tenant_id = $1 ORDER BY g.created_at, g.id LIMIT 1
) a
WHERE s.tenant_id = $1 AND s.token_hash = $2 AND s.expires_at > now() AND s.seen_at > now() - $3::interval
"""


async def find_visitor(db: Database, ticket: str, *, note: bool = True) -> Visitor | None:
    """Return who the ticket's live session belongs to, in an active business; else None. Notes that it was seen.

    `note` False is for a page that looks by itself: a tab left open must not keep a session from falling idle.
    """
    parsed = tickets.split(ticket)
    if parsed is None:
        return None
    scope, secret = parsed
    async with db.tenant(scope) as session:
        row = await session.fetchrow(_FIND, scope.tenant_id, tickets.digest(secret), IDLE, _NOTED_EVERY)
        if row is None:
            return None
        if note and row["stale"]:
            await _note(session, row["session_id"], row["id"])
    member = Member(row["id"], row["name"], row["email"], row["role"])
    shown = (row["business"], row["agent_id"], row["employee"], row["open_notices"], stopped_number(row["stopped"]))
    return Visitor(scope, row["session_id"], member, *shown)


async def _note(session: TenantSession, session_id: UUID, member_id: UUID) -> None:
    tenant_id = session.scope.tenant_id
    await session.execute("UPDATE sessions SET seen_at = now() WHERE tenant_id = $1 AND id = $2", tenant_id, session_id)
    await session.execute("UPDATE members SET last_seen_at = now() WHERE tenant_id = $1 AND id = $2", tenant_id, member_id)


async def close_session(db: Database, ticket: str) -> None:
    """Sign out: the session ends on the server. A ticket that fits none ends nothing."""
    if (parsed := tickets.split(ticket)) is not None:
        scope, secret = parsed
        async with db.tenant(scope) as session:
            sql = "DELETE FROM sessions WHERE tenant_id = $1 AND token_hash = $2"
            await session.execute(sql, scope.tenant_id, tickets.digest(secret))


async def close_all(db: Database, scope: TenantScope, member_id: UUID) -> int:
    """Sign a member out everywhere; return how many sessions ended. Links that were not used yet end as well."""
    async with db.tenant(scope) as session:
        await session.execute(
            "UPDATE sign_in_links SET used_at = now() WHERE tenant_id = $1 AND member_id = $2 AND used_at IS NULL",
            scope.tenant_id,
            member_id,
        )
        sql = "DELETE FROM sessions WHERE tenant_id = $1 AND member_id = $2"
        return await session.execute(sql, scope.tenant_id, member_id)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser in which a member is signed in."""

    id: UUID
    browser: str
    created_at: datetime
    seen_at: datetime


async def list_open(session: TenantSession, member_id: UUID) -> list[OpenSession]:
    """Return the member's live sessions, the latest seen first."""
    rows = await session.fetch(
        "SELECT id, browser, created_at, seen_at FROM sessions WHERE tenant_id = $1 AND member_id = $2"
        " AND expires_at > now() AND seen_at > now() - $3::interval ORDER BY seen_at DESC LIMIT 50",
        session.scope.tenant_id,
        member_id,
        IDLE,
    )
    return [OpenSession(**row) for row in rows]
