"""SQL of who waits for a place in a pool: each is promised one that frees at a known time, and comes back then, not before.

The rows of a pool's line are written under the lock of the pool's row.
"""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.jobs import queue

HASTENED_MAX = 20
"""How many of those who wait are told at a time that there is room: each that is sent tells the next."""


async def wait(session: TenantSession, pool_id: UUID, delivery_id: UUID, excess: int, ceiling: int) -> float:
    """Promise a delivery the next place that nobody else was promised; return in how many seconds it frees.

    `excess`: how many people more count than may. Where more wait than count, the rest are spread over the time after that.
    """
    promised = await session.fetchval(
        "WITH pool AS (SELECT id, greatest(promised_until, clock_timestamp()) AS after FROM volume_pools"
        "   WHERE tenant_id = $1 AND id = $2),"
        # Who waits already, and was pushed back, looks from the beginning: somebody before them may have gone.
        " mine AS (SELECT 1 FROM volume_line WHERE tenant_id = $1 AND pool_id = $2 AND delivery_id = $3),"
        " free AS (SELECT l.until FROM volume_places l, pool WHERE l.tenant_id = $1 AND l.pool_id = $2"
        "   AND l.until > CASE WHEN EXISTS (SELECT 1 FROM mine) THEN clock_timestamp() ELSE pool.after END"
        "   AND NOT EXISTS (SELECT 1 FROM volume_line w WHERE w.tenant_id = $1 AND w.pool_id = $2 AND w.due_at = l.until"
        "     AND w.delivery_id <> $3) ORDER BY l.until OFFSET $4 LIMIT 1)"
        " SELECT coalesce((SELECT until FROM free), pool.after + $5::float8 * interval '1 second') FROM pool",
        session.scope.tenant_id,
        pool_id,
        delivery_id,
        max(excess, 0),
        24 * 3600.0 / max(ceiling, 1),
    )
    return float(
        await session.fetchval(
            "WITH known AS (UPDATE volume_pools SET promised_until = greatest(promised_until, $4)"
            "   WHERE tenant_id = $1 AND id = $2),"
            " stands AS (INSERT INTO volume_line (tenant_id, delivery_id, pool_id, conversation_id, due_at)"
            "   SELECT $1, d.id, $2, d.conversation_id, $4 FROM deliveries d WHERE d.tenant_id = $1 AND d.id = $3"
            "   ON CONFLICT (tenant_id, delivery_id, pool_id) DO UPDATE SET due_at = excluded.due_at)"
            " SELECT greatest(extract(epoch FROM $4 - clock_timestamp()), 0)::float8",
            session.scope.tenant_id,
            pool_id,
            delivery_id,
            promised,
        )
    )


async def hasten(session: TenantSession, pool_id: UUID, limit: int) -> None:
    """There is room for `limit` more: it is the turn of those who wait longest, and their lanes are due."""
    rows = await session.fetch(
        "UPDATE volume_line w SET due_at = clock_timestamp() FROM (SELECT n.delivery_id FROM volume_line n WHERE n.tenant_id = $1"
        "   AND n.pool_id = $2 AND n.due_at > (SELECT clock_timestamp()) ORDER BY n.due_at, n.delivery_id LIMIT $3) next"
        " WHERE w.tenant_id = $1 AND w.pool_id = $2 AND w.delivery_id = next.delivery_id RETURNING w.conversation_id",
        session.scope.tenant_id,
        pool_id,
        min(limit, HASTENED_MAX),
    )
    if rows:
        await queue.hasten(session, sorted({row["conversation_id"] for row in rows}), "send")


async def waiting(session: TenantSession, pool_id: UUID) -> int:
    """Return how many wait in a pool, 10,000 at most."""
    return int(
        await session.fetchval(
            "SELECT count(*) FROM (SELECT 1 FROM volume_line WHERE tenant_id = $1 AND pool_id = $2 LIMIT 10000) w",
            session.scope.tenant_id,
            pool_id,
        )
    )
