"""Which processes live and what they have counted: their heartbeats in the platform table `workers`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.session import FleetSession
from konstruct.kit.counters import Snapshot

ALIVE_S = 30
"""Seconds since the last heartbeat (one every few seconds) after which a process counts as dead."""
RETIRED = UUID(int=0)
"""The row that holds the sums of processes that are gone, so that a total never falls."""
_RETIRED_KIND = "retired"


@dataclass(frozen=True, slots=True)
class Worker:
    """One process and its last heartbeat."""

    worker_id: UUID
    kind: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    age_s: float
    """Seconds since the heartbeat, by the database's clock."""
    in_flight: int

    @property
    def alive(self) -> bool:
        """Whether the heartbeat is recent."""
        return self.age_s < ALIVE_S


async def heartbeat(
    session: FleetSession, worker_id: UUID, *, kind: str, host: str, pid: int, in_flight: int, counters: Snapshot
) -> None:
    """Say that a process lives. `counters` is the whole count since its start: it replaces the last one."""
    await session.execute(
        """
        INSERT INTO workers (worker_id, kind, host, pid, in_flight, counters) VALUES ($1, $2, $3, $4, $5, $6::jsonb)
        ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), in_flight = excluded.in_flight, counters = excluded.counters
        """,
        worker_id,
        kind,
        host,
        pid,
        in_flight,
        json.dumps(counters.to_json()),
    )


async def list_workers(session: FleetSession, kind: str | None = None) -> list[Worker]:
    """Return the processes known of, the last seen first: the living, and the dead of the last day."""
    rows = await session.fetch(
        """
        SELECT worker_id, kind, host, pid, started_at, seen_at, in_flight,
               extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age_s
        FROM workers WHERE kind <> $1 AND ($2::text IS NULL OR kind = $2) ORDER BY seen_at DESC
        """,
        _RETIRED_KIND,
        kind,
    )
    return [Worker(**dict(row)) for row in rows]


async def total_counters(session: FleetSession) -> Snapshot:
    """Return the sum of what all processes counted, also those that are gone."""
    rows = await session.fetch("SELECT counters FROM workers")
    return Snapshot.merged(Snapshot.from_json(json.loads(row["counters"])) for row in rows)


async def retire(session: FleetSession, worker_id: UUID) -> None:
    """Take a process that ends out of the list; what it counted stays in the totals."""
    await _fold(session, "worker_id = $1", worker_id)


async def prune(session: FleetSession) -> int:
    """Take out the processes that have been silent for a day; return how many. What they counted stays in the totals."""
    return await _fold(session, "seen_at < now() - interval '1 day' AND worker_id <> $1", RETIRED)


async def _fold(session: FleetSession, which: str, argument: UUID) -> int:
    await session.execute(
        "INSERT INTO workers (worker_id, kind, host, pid) VALUES ($1, $2, '-', 0) ON CONFLICT DO NOTHING", RETIRED, _RETIRED_KIND
    )
    # The lock makes two prunes at once add one after the other.
    held = await session.fetchval("SELECT counters FROM workers WHERE worker_id = $1 FOR UPDATE", RETIRED)
    gone = await session.fetch(f"DELETE FROM workers WHERE {which} RETURNING counters", argument)
    if gone:
        parts = [held, *(row["counters"] for row in gone)]
        total = Snapshot.merged(Snapshot.from_json(json.loads(part)) for part in parts)
        await session.execute(
            "UPDATE workers SET counters = $2::jsonb WHERE worker_id = $1", RETIRED, json.dumps(total.to_json())
        )
    return len(gone)
