"""SQL of `notices`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from konstruct.db.session import TenantSession

if TYPE_CHECKING:
    from konstruct.tenants.notices import Trouble

COUNT_OPEN = "(SELECT count(*) FROM notices n WHERE n.tenant_id = $1 AND n.resolved_at IS NULL)"
"""How many notices are open, as a column of a query whose first argument is the tenant."""
_LOCK_SPACE = 0x407E


@dataclass(frozen=True, slots=True)
class Known:
    """The newest notice of a trouble. `is_open`: or it resolved by itself within the last day."""

    id: UUID
    is_open: bool
    mails: int
    mailed_long_ago: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as the page shows it."""

    id: UUID
    kind: str
    severity: str
    title: str
    body: str
    action_path: str
    count: int
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    resolved_by: str | None
    """The name of the member who resolved it."""


async def lock(session: TenantSession, kind: str, subject: str) -> None:
    """Hold off others that raise the same trouble, until the transaction ends."""
    digest = hashlib.sha256(f"{session.scope.tenant_id} {kind} {subject}".encode()).digest()
    await session.execute("SELECT pg_advisory_xact_lock($1, $2)", _LOCK_SPACE, int.from_bytes(digest[:4], "big", signed=True))


async def latest(session: TenantSession, kind: str, subject: str) -> Known | None:
    """Return the newest notice of a trouble, or None."""
    row = await session.fetchrow(
        "SELECT id, mails, coalesce(emailed_at < now() - interval '1 day', true) AS mailed_long_ago,"
        " resolved_at IS NULL OR (resolution = 'itself' AND resolved_at > now() - interval '1 day') AS is_open"
        " FROM notices WHERE tenant_id = $1 AND kind = $2 AND subject_key = $3"
        " ORDER BY resolved_at IS NULL DESC, last_at DESC, id DESC LIMIT 1",
        session.scope.tenant_id,
        kind,
        subject,
    )
    return Known(**row) if row else None


async def insert(session: TenantSession, notice_id: UUID, trouble: Trouble) -> None:
    """Store a new notice."""
    await session.execute(
        "INSERT INTO notices (tenant_id, id, kind, subject_key, severity, title, body, action_path)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        session.scope.tenant_id,
        notice_id,
        trouble.kind,
        trouble.subject,
        trouble.severity,
        trouble.title,
        trouble.body,
        trouble.action_path,
    )


async def count_on(session: TenantSession, notice_id: UUID, trouble: Trouble) -> None:
    """It happened once more: count, say what it looks like now, and open it again if it had resolved by itself."""
    await session.execute(
        "UPDATE notices SET count = count + 1, last_at = now(), resolved_at = NULL, resolution = NULL, severity = $3,"
        " title = $4, body = $5, action_path = $6 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        notice_id,
        trouble.severity,
        trouble.title,
        trouble.body,
        trouble.action_path,
    )


async def begin_mails(session: TenantSession, notice_id: UUID) -> None:
    """Begin a round of e-mail."""
    await session.execute(
        "UPDATE notices SET mails = mails + 1, emailed_at = now() WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        notice_id,
    )


async def settle(session: TenantSession, kinds: list[str], subject: str | None) -> int:
    """Resolve open notices whose cause is gone; return how many."""
    return await session.execute(
        "UPDATE notices SET resolved_at = now(), resolution = 'itself', resolved_by = NULL"
        " WHERE tenant_id = $1 AND kind = ANY ($2::text[]) AND ($3::text IS NULL OR subject_key = $3) AND resolved_at IS NULL",
        session.scope.tenant_id,
        kinds,
        subject,
    )


async def delete(session: TenantSession, kind: str, subject: str) -> None:
    """Delete the notices of a trouble, open and resolved."""
    sql = "DELETE FROM notices WHERE tenant_id = $1 AND kind = $2 AND subject_key = $3"
    await session.execute(sql, session.scope.tenant_id, kind, subject)


async def resolve(session: TenantSession, notice_id: UUID, member_id: UUID) -> bool:
    """Resolve for a person; False if it is not open."""
    return bool(
        await session.execute(
            "UPDATE notices SET resolved_at = now(), resolution = 'person', resolved_by = $3"
            " WHERE tenant_id = $1 AND id = $2 AND resolved_at IS NULL",
            session.scope.tenant_id,
            notice_id,
            member_id,
        )
    )


_NOTICE = """
SELECT n.id, n.kind, n.severity, n.title, n.body, n.action_path, n.count, n.first_at, n.last_at, n.resolved_at, n.resolution,
  m.name AS resolved_by
FROM notices n LEFT JOIN members m ON m.tenant_id = n.tenant_id AND m.id = n.resolved_by
"""


async def find(session: TenantSession, notice_id: UUID) -> Notice | None:
    """Return one notice, or None."""
    row = await session.fetchrow(f"{_NOTICE} WHERE n.tenant_id = $1 AND n.id = $2", session.scope.tenant_id, notice_id)
    return Notice(**row) if row else None


async def list_open(session: TenantSession, limit: int = 100) -> list[Notice]:
    """Return open notices, the gravest and then the latest first."""
    rows = await session.fetch(
        f"{_NOTICE} WHERE n.tenant_id = $1 AND n.resolved_at IS NULL"
        " ORDER BY array_position(ARRAY['critical', 'warning', 'info'], n.severity), n.last_at DESC, n.id DESC LIMIT $2",
        session.scope.tenant_id,
        limit,
    )
    return [Notice(**row) for row in rows]


async def list_resolved(session: TenantSession, limit: int, before: tuple[datetime, UUID] | None = None) -> list[Notice]:
    """Return resolved notices, the latest first, from after the place `before`."""
    moment, notice_id = before or (None, None)
    rows = await session.fetch(
        f"{_NOTICE} WHERE n.tenant_id = $1 AND n.resolved_at IS NOT NULL"
        " AND ($2::timestamptz IS NULL OR (n.resolved_at, n.id) < ($2, $3))"
        " ORDER BY n.resolved_at DESC, n.id DESC LIMIT $4",
        session.scope.tenant_id,
        moment,
        notice_id,
        limit,
    )
    return [Notice(**row) for row in rows]
