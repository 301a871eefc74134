"""What the platform tables and the catalogue say about the whole installation at this moment: numbers, no tenants."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.db.session import FleetSession

# Every conversation has its rows in the queue for good, idle ones: each state is counted by its own partial index.
# Row counts are the planner's estimates: an exact count reads the table. A partition counts for its parent.
_GAUGES = """
SELECT 'queue_ready' AS name, lane AS label, count(*)::float8 AS value FROM ready_queue WHERE state = 'ready' GROUP BY lane
UNION ALL
SELECT 'queue_leased', lane, count(*)::float8 FROM ready_queue WHERE state = 'leased' GROUP BY lane
UNION ALL
SELECT 'queue_age_s', lane, greatest(0, extract(epoch FROM now() - min(due_at)))::float8
FROM ready_queue WHERE state = 'ready' GROUP BY lane
UNION ALL
SELECT 'leases_expired', lane, count(*)::float8
FROM ready_queue WHERE state = 'leased' AND lease_until < now() - interval '10 seconds' GROUP BY lane
UNION ALL
SELECT 'numbers', level, count(*)::float8 FROM account_standings WHERE level <> 'open' GROUP BY level
UNION ALL
SELECT 'numbers_priced_as_ai', '', count(*)::float8 FROM account_standings WHERE ai_priced_at > now() - interval '1 day'
UNION ALL
SELECT 'unrouted', kind || ' ' || reason, sum(deliveries)::float8 FROM unrouted_events GROUP BY kind, reason
UNION ALL
SELECT 'table_rows', coalesce(parent.relname, c.relname),
       sum(CASE WHEN c.reltuples < 0 THEN pg_stat_get_live_tuples(c.oid) ELSE c.reltuples END)::float8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE c.relkind = 'r' AND n.nspname = 'public' GROUP BY 2
"""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number. `label` is a lane, a table, or `kind reason`; times are seconds."""

    name: str
    label: str
    value: float


async def gauges(session: FleetSession) -> list[Gauge]:
    """Return queue depths and ages per lane, leases overdue, unrouted deliveries, and row estimates per table."""
    return [Gauge(**dict(row)) for row in await session.fetch(_GAUGES)]
