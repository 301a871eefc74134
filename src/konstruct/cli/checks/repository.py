"""SQL of the doctor: read-only, over the platform tables or one tenant at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import FleetSession, TenantSession

SEND_OVERDUE_S = 60
"""A send past its own deadline by this much: nobody looks after it."""
UNKNOWN_OVERDUE_S = 600
"""An unknown outcome is looked up after one minute, or two, and then sent once more; later means that nobody sends."""


@dataclass(frozen=True, slots=True)
class Account:
    """A channel account, and whether its route leads to it."""

    scope: TenantScope
    account_id: UUID
    kind: str
    status: str
    secret_id: UUID | None
    routed: bool


@dataclass(frozen=True, slots=True)
class TenantState:
    """What the doctor wants to know of one tenant: counts."""

    stuck: int
    unresolved: int


async def tenants(db: Database) -> list[TenantScope]:
    """Return every tenant that is not being erased."""
    async with db.fleet("doctor") as session:
        rows = await session.fetch("SELECT tenant_id FROM tenant_directory WHERE status <> 'erasing' ORDER BY tenant_id")
    return [TenantScope(row["tenant_id"]) for row in rows]


async def accounts(session: TenantSession) -> list[Account]:
    """Return the tenant's channel accounts."""
    rows = await session.fetch(
        "SELECT a.id, a.kind, a.status, a.secret_id, EXISTS (SELECT 1 FROM channel_routes r WHERE r.tenant_id = a.tenant_id"
        " AND r.account_id = a.id AND r.kind = a.kind AND r.account_key = a.external_id) AS routed"
        " FROM channel_accounts a WHERE a.tenant_id = $1 ORDER BY a.id",
        session.scope.tenant_id,
    )
    return [Account(session.scope, row["id"], row["kind"], row["status"], row["secret_id"], row["routed"]) for row in rows]


async def tenant_state(session: TenantSession) -> TenantState:
    """Return how many deliveries of the tenant are stuck and how many dead letters nobody has resolved."""
    row = await session.fetchrow(
        "SELECT (SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND ("
        " (state = 'sending' AND sending_until < now() - make_interval(secs => $2))"
        " OR (state = 'unknown' AND unknown_since < now() - make_interval(secs => $3)))) AS stuck,"
        " (SELECT count(*) FROM dead_letters WHERE tenant_id = $1 AND resolved_at IS NULL) AS unresolved",
        session.scope.tenant_id,
        float(SEND_OVERDUE_S),
        float(UNKNOWN_OVERDUE_S),
    )
    assert row is not None
    return TenantState(row["stuck"], row["unresolved"])


async def oldest_dedupe_days(session: FleetSession) -> float | None:
    """Return the age in days of the oldest dedupe key; None without keys."""
    age = await session.fetchval("SELECT extract(epoch FROM now() - min(seen_at))::float8 / 86400 FROM dedupe_keys")
    return None if age is None else float(age)


async def missing_partitions(session: FleetSession) -> list[str]:
    """Return the partitioned tables that have no partition for next month."""
    rows = await session.fetch(
        "SELECT p.relname::text AS name FROM pg_class p JOIN pg_namespace n ON n.oid = p.relnamespace"
        " WHERE p.relkind = 'p' AND n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = p.oid"
        " AND c.relname = p.relname || '_' || to_char(now() + interval '1 month', 'YYYYMM'))"
    )
    return [row["name"] for row in rows]


async def partitioned_count(session: FleetSession) -> int:
    """Return how many partitioned tables there are."""
    sql = (
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'p' AND nspname = 'public'"
    )
    return int(await session.fetchval(sql))


async def server_time(session: FleetSession) -> datetime:
    """Return the database's clock."""
    now = await session.fetchval("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    return now


async def unrouted(session: FleetSession) -> int:
    """Return how many deliveries came in the last day's rows for accounts that nobody connected."""
    sql = "SELECT coalesce(sum(deliveries), 0) FROM unrouted_events WHERE last_seen_at > now() - interval '1 day'"
    return int(await session.fetchval(sql))
