"""SQL of how far today's volume is used up, as pages show it: nothing is locked, and nothing cleared."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from konstruct.db.session import Record, TenantSession

HISTORY_MAX = 50

_POOL = (
    "p.id, p.daily_limit, p.step, p.held, p.created_at > (SELECT clock_timestamp()) - interval '24 hours' AS fresh,"
    " CASE WHEN p.lowered_until > (SELECT clock_timestamp()) THEN p.lowered_to END AS lowered_to,"
    " p.used - (SELECT count(*) FROM volume_places l"
    "   WHERE l.tenant_id = $1 AND l.pool_id = p.id AND l.until <= (SELECT clock_timestamp())) AS used,"
    " (SELECT count(*) FROM volume_line w WHERE w.tenant_id = $1 AND w.pool_id = p.id"
    "   AND w.due_at > (SELECT clock_timestamp()) - interval '1 minute') AS waiting,"
    " (SELECT extract(epoch FROM min(l.until) - clock_timestamp())::float8 FROM volume_places l"
    "   WHERE l.tenant_id = $1 AND l.pool_id = p.id AND l.until > (SELECT clock_timestamp())) AS next_s,"
    " EXISTS (SELECT 1 FROM volume_places l WHERE l.tenant_id = $1 AND l.pool_id = p.id AND l.person = ANY ($3)"
    "   AND l.until > (SELECT clock_timestamp())) AS counts_already"
)


async def number(session: TenantSession, account_id: UUID, contact_ids: Sequence[UUID]) -> Record | None:
    """Return how a number stands, None while nothing of it is counted."""
    sql = f"SELECT {_POOL} FROM volume_pools p WHERE p.tenant_id = $1 AND p.account_id = $2"
    return await session.fetchrow(sql, session.scope.tenant_id, account_id, list(contact_ids))


async def portfolio(session: TenantSession, account_id: UUID, contact_ids: Sequence[UUID]) -> Record | None:
    """Return how the portfolio of a number stands, None while nothing of it is counted."""
    sql = (
        f"SELECT {_POOL} FROM volume_pools n JOIN volume_pools p ON p.tenant_id = $1 AND p.id = n.part_of"
        " WHERE n.tenant_id = $1 AND n.account_id = $2"
    )
    return await session.fetchrow(sql, session.scope.tenant_id, account_id, list(contact_ids))


async def history(session: TenantSession, account_id: UUID) -> list[Record]:
    """Return what the limit of a number's portfolio was, newest first: daily_limit, source, noted_at."""
    return await session.fetch(
        "SELECT h.daily_limit, h.source, h.noted_at FROM volume_pools n JOIN volume_limits h"
        " ON h.tenant_id = $1 AND h.pool_id = n.part_of WHERE n.tenant_id = $1 AND n.account_id = $2 ORDER BY h.id DESC LIMIT $3",
        session.scope.tenant_id,
        account_id,
        HISTORY_MAX,
    )
