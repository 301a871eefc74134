"""SQL that reads a business's channel accounts for people and programs: how each is, and nothing of its secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account and how it is."""

    id: UUID
    agent_id: UUID
    kind: str
    external_id: str
    status: str
    status_reason: str | None
    connected_at: datetime
    status_changed_at: datetime


_COLUMNS = "id, agent_id, kind, external_id, status, status_reason, connected_at, status_changed_at"
_PAGE = f"""
SELECT {_COLUMNS} FROM channel_accounts
WHERE tenant_id = $1 AND ($2::timestamptz IS NULL OR (connected_at, id) < ($2, $3)) ORDER BY connected_at DESC, id DESC LIMIT $4
"""


async def page(session: TenantSession, limit: int, before: tuple[datetime, UUID] | None = None) -> list[ListedAccount]:
    """Return up to `limit` accounts, the one connected last first, those behind `before`."""
    rows = await session.fetch(_PAGE, session.scope.tenant_id, *(before or (None, None)), limit)
    return [ListedAccount(**row) for row in rows]


async def find(session: TenantSession, account_id: UUID) -> ListedAccount | None:
    """Return an account, or None."""
    sql = f"SELECT {_COLUMNS} FROM channel_accounts WHERE tenant_id = $1 AND id = $2"
    row = await session.fetchrow(sql, session.scope.tenant_id, account_id)
    return ListedAccount(**row) if row else None
