"""SQL of the doctor: read-only, over the platform tables or one tenant at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.cli.checks.probe_repository import bounds
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import FleetSession, TenantSession

SAMPLE_BUSY, SAMPLE_OTHERS = 30, 20
"""How many tenants are looked into one by one: what was written to last, and others by chance."""
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


async def sample(db: Database) -> list[TenantScope]:
    """Return the tenants that the doctor looks into, one by one: all of a small installation; of a large one those that were
    written to last, and others by chance, so that runs together see more than one does. Probes are left out."""
    rows = await db.fleet_fetch(
        "doctor sample",
        "WITH live AS (SELECT d.tenant_id, h.last_inbound_at FROM tenant_directory d"
        "   LEFT JOIN tenant_health h ON h.tenant_id = d.tenant_id"
        "   WHERE d.status <> 'erasing' AND d.tenant_id NOT BETWEEN $3 AND $4),"
        " busy AS (SELECT tenant_id FROM live ORDER BY last_inbound_at DESC NULLS LAST LIMIT $1),"
        " others AS (SELECT tenant_id FROM live WHERE tenant_id NOT IN (SELECT tenant_id FROM busy) ORDER BY random() LIMIT $2)"
        " SELECT tenant_id FROM busy UNION ALL SELECT tenant_id FROM others ORDER BY tenant_id",
        SAMPLE_BUSY,
        SAMPLE_OTHERS,
        *bounds(),
    )
    return [TenantScope(row["tenant_id"]) for row in rows]


async def tenant_count(db: Database) -> int:
    """Return how many tenants there are, without probes and those that are being erased."""
    rows = await db.fleet_fetch(
        "doctor count",
        "SELECT count(*) AS n FROM tenant_directory WHERE status <> 'erasing' AND tenant_id NOT BETWEEN $1 AND $2",
        *bounds(),
    )
    return int(rows[0]["n"])


async def broken_accounts(session: FleetSession) -> int:
    """Return how many broken accounts all tenants have, as they were counted last."""
    return int(await session.fetchval("SELECT coalesce(sum(broken_accounts), 0) FROM tenant_health"))


async def overdue_unknown(session: FleetSession) -> int:
    """Return how many tenants have a delivery that stands in unknown for too long, as they were counted last."""
    sql = "SELECT count(*) FROM tenant_health WHERE oldest_unknown_at < now() - make_interval(secs => $1)"
    return int(await session.fetchval(sql, float(UNKNOWN_OVERDUE_S)))


async def open_dead_letters(session: FleetSession) -> tuple[int, int]:
    """Return how many dead letters nobody has resolved, and of how many tenants."""
    row = await session.fetchrow(
        "SELECT count(*) AS letters, count(DISTINCT tenant_id) AS tenants FROM dead_letters"
        " WHERE resolved_at IS NULL AND tenant_id NOT BETWEEN $1 AND $2",
        *bounds(),
    )
    assert row is not None
    return row["letters"], row["tenants"]


async def accounts(session: TenantSession) -> list[Account]:
    """Return the tenant's channel accounts."""
    rows = await session.fetch(
        "SELECT a.id, a.kind, a.status, a.secret_id, EXISTS (SELECT 1 FROM channel_routes r WHERE r.tenant_id = a.tenant_id"
        " AND r.account_id = a.id AND r.kind = a.kind AND r.account_key = a.external_id) AS routed"
        " FROM channel_accounts a WHERE a.tenant_id = $1 ORDER BY a.id",
        session.scope.tenant_id,
    )
    return [Account(session.scope, row["id"], row["kind"], row["status"], row["secret_id"], row["routed"]) for row in rows]


async def granted_scopes(session: TenantSession, kind: str) -> dict[UUID, frozenset[str]]:
    """Return what was granted to the tenant's active accounts of a kind, of those of which that is known."""
    rows = await session.fetch(
        "SELECT id, scopes FROM channel_accounts"
        " WHERE tenant_id = $1 AND kind = $2 AND status = 'active' AND scopes IS NOT NULL ORDER BY id",
        session.scope.tenant_id,
        kind,
    )
    return {row["id"]: frozenset(row["scopes"]) for row in rows}


async def stuck_deliveries(session: TenantSession) -> int:
    """Return how many deliveries of the tenant stand in sending or unknown for too long."""
    sql = (
        "SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND ("
        " (state = 'sending' AND sending_until < now() - make_interval(secs => $2))"
        " OR (state = 'unknown' AND unknown_since < now() - make_interval(secs => $3)))"
    )
    return int(await session.fetchval(sql, session.scope.tenant_id, float(SEND_OVERDUE_S), float(UNKNOWN_OVERDUE_S)))


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


async def partition_months(session: FleetSession) -> dict[str, list[tuple[str, datetime]]]:
    """Return the monthly partitions of each table, by name, with the moment at which the month was over."""
    rows = await session.fetch(
        "SELECT p.relname::text AS parent, c.relname::text AS name,"
        " (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' AS ended"
        " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent"
        " JOIN pg_namespace n ON n.oid = p.relnamespace"
        " WHERE n.nspname = 'public' AND p.relkind = 'p' AND c.relname ~ '_[0-9]{6}$' ORDER BY 2"
    )
    months: dict[str, list[tuple[str, datetime]]] = {}
    for row in rows:
        months.setdefault(row["parent"], []).append((row["name"], row["ended"]))
    return months


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


async def unrouted(session: FleetSession) -> tuple[int, int]:
    """Return how many deliveries found no tenant, counted over the rows of the last day; and how many of them came for a
    connected account from another app than the one that it is connected with."""
    row = await session.fetchrow(
        "SELECT coalesce(sum(u.deliveries), 0) AS all, coalesce(sum(u.deliveries) FILTER (WHERE u.reason = 'wrong_app' AND EXISTS"
        " (SELECT 1 FROM channel_routes r WHERE r.kind = u.kind AND r.account_key = u.account_key"
        "  AND r.app_id IS DISTINCT FROM u.app_id)), 0) AS wrong_app"
        " FROM unrouted_events u WHERE u.last_seen_at > now() - interval '1 day'"
    )
    assert row is not None
    return int(row["all"]), int(row["wrong_app"])


async def database_bytes(session: FleetSession) -> int:
    """Return the database's size on the server's disk."""
    return int(await session.fetchval("SELECT pg_database_size(current_database())"))
