"""SQL that reads the outbox: what was to be shown, and what became of it. The sending's own SQL is `deliveries_repository`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """One visible part of what was said."""

    id: UUID
    conversation_id: UUID
    account_id: UUID
    turn_id: UUID | None
    message_id: UUID
    kind: str
    part: int
    text: str = field(repr=False)
    state: str
    attempts: int
    reason: str | None
    channel_id: str
    thread_id: str | None
    external_id: str | None
    created_at: datetime
    sent_at: datetime | None


_COLUMNS = (
    "d.id, d.conversation_id, d.account_id, d.turn_id, d.message_id, d.kind, d.part, d.body AS text, d.state,"
    " d.attempt AS attempts, d.reason, d.channel_id, d.thread_id, d.external_id, d.created_at, d.sent_at"
)
# Ids are made in the order of time: the primary key is the list's order, and new rows go before its first page.
_NEWEST = f"""
SELECT {_COLUMNS} FROM {{table}} d
WHERE d.tenant_id = $1 AND ($2::uuid IS NULL OR d.id < $2) AND ($3::uuid IS NULL OR d.conversation_id = $3)
  AND ($4::text IS NULL OR d.state = $4)
ORDER BY d.id DESC LIMIT $5
"""
_TABLES = ("deliveries", "delivery_archive")
"""What was shown long ago is in the archive."""
_PAGE = f"{' UNION ALL '.join(f'({_NEWEST.format(table=table)})' for table in _TABLES)} ORDER BY id DESC LIMIT $5"
_ONE = " UNION ALL ".join(f"SELECT {_COLUMNS} FROM {table} d WHERE d.tenant_id = $1 AND d.id = $2" for table in _TABLES)


async def page(
    session: TenantSession,
    limit: int,
    *,
    before: UUID | None = None,
    conversation_id: UUID | None = None,
    state: str | None = None,
) -> list[LoggedDelivery]:
    """Return up to `limit` deliveries, the newest first, older than `before`."""
    rows = await session.fetch(_PAGE, session.scope.tenant_id, before, conversation_id, state, limit)
    return [LoggedDelivery(**row) for row in rows]


async def find(session: TenantSession, delivery_id: UUID) -> LoggedDelivery | None:
    """Return a delivery, or None."""
    row = await session.fetchrow(_ONE, session.scope.tenant_id, delivery_id)
    return LoggedDelivery(**row) if row else None
