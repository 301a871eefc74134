"""The state of the whole installation for the operators' first page: platform tables only, no tenant's content."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from konstruct.db.catalogue import migration_problems, needed_revision
from konstruct.db.database import Database
from konstruct.db.session import FleetSession
from konstruct.jobs.gauges_repository import Gauge, gauges
from konstruct.jobs.queue import LANES
from konstruct.jobs.workers_repository import Worker, list_workers

UNROUTED_SHOWN = 20
WORKERS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class LaneState:
    """One lane of the queue."""

    lane: str
    ready: int
    leased: int
    age_s: float
    """How long the longest-waiting conversation has been due."""
    overdue: int
    """Leases over their time, which nobody has swept."""


@dataclass(frozen=True, slots=True)
class Unrouted:
    """Events of an account that belongs to nobody, or to a suspended tenant: a count, no content."""

    kind: str
    account_key: str
    reason: str
    deliveries: int
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """Tenants and what is wrong with them, all together."""

    active: int
    suspended: int
    open_dead_letters: int
    broken_accounts: int
    stopped_numbers: int
    """Numbers that may send replies only, or nothing."""
    oldest_unknown_at: datetime | None
    counted_at: datetime | None
    """How old the oldest of the counted figures is."""


@dataclass(frozen=True, slots=True)
class FleetOverview:
    """What the first page shows."""

    lanes: list[LaneState]
    workers: list[Worker]
    unrouted: list[Unrouted]
    totals: Totals
    revision: str
    revision_problem: str | None
    alive: dict[str, int] = field(default_factory=dict)
    """Living processes by kind."""


async def read_overview(db: Database) -> FleetOverview:
    """Return the installation's state at this moment, in one transaction of the fleet role."""
    async with db.fleet("operator overview") as session:
        found = await gauges(session)
        workers = await list_workers(session)
        unrouted = await _unrouted(session)
        totals = await _totals(session)
        problems = await migration_problems(session)
    alive = {kind: sum(worker.alive for worker in workers if worker.kind == kind) for kind in ("worker", "beat")}
    return FleetOverview(
        lanes=[_lane(lane, found) for lane in LANES],
        workers=workers[:WORKERS_SHOWN],
        unrouted=unrouted,
        totals=totals,
        revision=needed_revision(),
        revision_problem=problems[0] if problems else None,
        alive=alive,
    )


async def _unrouted(session: FleetSession) -> list[Unrouted]:
    rows = await session.fetch(
        "SELECT kind, account_key, reason, deliveries, last_seen_at FROM unrouted_events ORDER BY last_seen_at DESC LIMIT $1",
        UNROUTED_SHOWN,
    )
    return [Unrouted(**row) for row in rows]


async def _totals(session: FleetSession) -> Totals:
    row = await session.fetchrow(
        "SELECT count(*) FILTER (WHERE d.status = 'active') AS active,"
        " count(*) FILTER (WHERE d.status = 'suspended') AS suspended,"
        " (SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL) AS open_dead_letters,"
        " (SELECT count(*) FROM account_standings WHERE level IN ('replies_only', 'suspended')) AS stopped_numbers,"
        " coalesce(sum(h.broken_accounts), 0)::integer AS broken_accounts,"
        " min(h.oldest_unknown_at) AS oldest_unknown_at, min(h.computed_at) AS counted_at"
        " FROM tenant_directory d LEFT JOIN tenant_health h ON h.tenant_id = d.tenant_id WHERE d.status <> 'erasing'"
    )
    assert row is not None
    return Totals(**row)


def _lane(lane: str, found: list[Gauge]) -> LaneState:
    value = {gauge.name: gauge.value for gauge in found if gauge.label == lane}
    return LaneState(
        lane=lane,
        ready=int(value.get("queue_ready", 0)),
        leased=int(value.get("queue_leased", 0)),
        age_s=value.get("queue_age_s", 0.0),
        overdue=int(value.get("leases_expired", 0)),
    )
