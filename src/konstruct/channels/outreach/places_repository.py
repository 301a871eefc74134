"""SQL of the people who count, and of those who wait for a place. The rows of a pool are written under the lock of its row.

The moving window is exact because each person who counts is a row with its own end, and `volume_pools.used` is the number of
those rows: a row is added once and taken away once, so that a send costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.channels.outreach.tiers import COUNTED_S
from konstruct.db.session import TenantSession

GRACE_S = 60.0
"""How long a place is kept for somebody whose turn it is, before it is given to the next."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message is for."""

    in_window: bool
    """Whether they wrote so recently that they do not count."""
    ids: list[UUID]
    """Their contacts at all numbers of the channel."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a message stands in one pool."""

    used: int
    """How many people count in it."""
    counts_already: bool
    ahead: int
    """Others whose turn it is, and who come first."""
    others_wait: bool
    """Whether there are others whose turn has not come."""
    due_s: float | None
    """In how many seconds its own turn is; None: it does not wait here."""


async def find_person(session: TenantSession, contact_id: UUID, margin_s: float) -> Person | None:
    """Return whom a contact is, None if it is gone. `margin_s`: how much longer than that their window must be open."""
    row = await session.fetchrow(
        "WITH me AS (SELECT account_id, external_id, window_expires_at FROM contacts WHERE tenant_id = $1 AND id = $2),"
        " names AS (SELECT external_id AS name FROM me UNION"
        "   SELECT i.alias FROM contact_aliases i WHERE i.tenant_id = $1 AND i.contact_id = $2),"
        " numbers AS (SELECT a.id FROM channel_accounts a JOIN channel_accounts o ON o.tenant_id = $1 AND o.kind = a.kind"
        "   JOIN me ON o.id = me.account_id WHERE a.tenant_id = $1)"
        " SELECT coalesce(me.window_expires_at > clock_timestamp() + $3::float8 * interval '1 second', false) AS in_window,"
        "   ARRAY(SELECT k.id FROM numbers n CROSS JOIN names m JOIN contacts k"
        "           ON k.tenant_id = $1 AND k.account_id = n.id AND k.external_id = m.name"
        "         UNION SELECT i.contact_id FROM numbers n CROSS JOIN names m JOIN contact_aliases i"
        "           ON i.tenant_id = $1 AND i.account_id = n.id AND i.alias = m.name) AS ids"
        " FROM me",
        session.scope.tenant_id,
        contact_id,
        margin_s,
    )
    return None if row is None else Person(row["in_window"], row["ids"])


async def clear(session: TenantSession, pool_ids: Sequence[UUID]) -> None:
    """Take away who does not count any more, and who let a turn pass."""
    await session.execute(
        "WITH over AS (DELETE FROM volume_places WHERE tenant_id = $1 AND pool_id = ANY ($2)"
        "   AND until <= (SELECT clock_timestamp()) RETURNING pool_id),"
        " passed AS (DELETE FROM volume_line WHERE tenant_id = $1 AND pool_id = ANY ($2)"
        "   AND due_at <= (SELECT clock_timestamp()) - $3::float8 * interval '1 second')"
        " UPDATE volume_pools p SET used = p.used - o.number FROM"
        "   (SELECT pool_id, count(*) AS number FROM over GROUP BY pool_id) o WHERE p.tenant_id = $1 AND p.id = o.pool_id",
        session.scope.tenant_id,
        list(pool_ids),
        GRACE_S,
    )


async def standing(session: TenantSession, pool_id: UUID, contact_ids: Sequence[UUID], delivery_id: UUID) -> Standing:
    """Return how a message to a person stands in a pool."""
    row = await session.fetchrow(
        "SELECT p.used,"
        " EXISTS (SELECT 1 FROM volume_places l WHERE l.tenant_id = $1 AND l.pool_id = $2 AND l.person = ANY ($3))"
        "   AS counts_already,"
        " (SELECT count(*) FROM (SELECT 1 FROM volume_line w WHERE w.tenant_id = $1 AND w.pool_id = $2"
        "    AND w.due_at <= (SELECT clock_timestamp()) AND w.delivery_id <> $4"
        "    AND (mine.due_at IS NULL OR (w.due_at, w.delivery_id) < (mine.due_at, $4)) LIMIT 1000) a) AS ahead,"
        " EXISTS (SELECT 1 FROM volume_line w WHERE w.tenant_id = $1 AND w.pool_id = $2"
        "   AND w.due_at > (SELECT clock_timestamp()) AND w.delivery_id <> $4) AS others_wait,"
        " extract(epoch FROM mine.due_at - clock_timestamp())::float8 AS due_s"
        " FROM volume_pools p"
        " LEFT JOIN volume_line mine ON mine.tenant_id = $1 AND mine.pool_id = $2 AND mine.delivery_id = $4"
        " WHERE p.tenant_id = $1 AND p.id = $2",
        session.scope.tenant_id,
        pool_id,
        list(contact_ids),
        delivery_id,
    )
    assert row is not None
    return Standing(**dict(row))


async def take(session: TenantSession, pool_id: UUID, contact_id: UUID, contact_ids: Sequence[UUID], delivery_id: UUID) -> None:
    """Let a person count in a pool for a day from now, who may count already. They wait no longer."""
    await session.execute(
        "WITH here AS (UPDATE volume_places SET before = until, delivery_id = $5,"
        "     until = clock_timestamp() + $6::float8 * interval '1 second'"
        "   WHERE tenant_id = $1 AND pool_id = $2 AND person = (SELECT l.person FROM volume_places l"
        "     WHERE l.tenant_id = $1 AND l.pool_id = $2 AND l.person = ANY ($4) ORDER BY l.until DESC LIMIT 1) RETURNING 1),"
        " new AS (INSERT INTO volume_places (tenant_id, pool_id, person, until, delivery_id)"
        "   SELECT $1, $2, $3, clock_timestamp() + $6::float8 * interval '1 second', $5 WHERE NOT EXISTS (SELECT 1 FROM here)"
        "   RETURNING 1),"
        " left_line AS (DELETE FROM volume_line WHERE tenant_id = $1 AND delivery_id = $5 AND pool_id = $2)"
        " UPDATE volume_pools SET used = used + 1, written = written + 1"
        " WHERE tenant_id = $1 AND id = $2 AND EXISTS (SELECT 1 FROM new)",
        session.scope.tenant_id,
        pool_id,
        contact_id,
        list(contact_ids),
        delivery_id,
        COUNTED_S,
    )


async def pools_of(session: TenantSession, delivery_id: UUID) -> list[UUID]:
    """Lock, and return, the pools in which somebody counts because of a delivery, in the order of locks."""
    rows = await session.fetch(
        "SELECT p.id FROM volume_pools p WHERE p.tenant_id = $1 AND p.id IN (SELECT l.pool_id FROM volume_places l"
        "   WHERE l.tenant_id = $1 AND l.delivery_id = $2) ORDER BY p.account_id IS NULL, p.id FOR NO KEY UPDATE",
        session.scope.tenant_id,
        delivery_id,
    )
    return [row["id"] for row in rows]


async def give_back(session: TenantSession, delivery_id: UUID) -> None:
    """A delivery was certainly not sent: who counted because of it counts as before. Its pools are locked."""
    await session.execute(
        "WITH back AS (UPDATE volume_places SET until = before, before = NULL"
        "   WHERE tenant_id = $1 AND delivery_id = $2 AND before IS NOT NULL),"
        " gone AS (DELETE FROM volume_places WHERE tenant_id = $1 AND delivery_id = $2 AND before IS NULL RETURNING pool_id)"
        " UPDATE volume_pools p SET used = p.used - g.number, written = greatest(p.written - g.number, 0) FROM"
        "   (SELECT pool_id, count(*)::integer AS number FROM gone GROUP BY pool_id) g"
        " WHERE p.tenant_id = $1 AND p.id = g.pool_id",
        session.scope.tenant_id,
        delivery_id,
    )
