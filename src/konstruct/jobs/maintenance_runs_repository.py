"""SQL of `maintenance_runs`: when each periodic job last ran, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from konstruct.db.session import FleetSession

EVIDENCE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """A job's last runs; times are the database's."""

    job: str
    known_since: datetime
    """When the installation learned of the job: since then it is due, if it never ran."""
    last_ok_at: datetime | None
    evidence: str
    """What the last good run did, in words."""
    last_error_at: datetime | None
    last_error: str | None
    """The class of the last failure; it may be older than `last_ok_at`."""


async def list_runs(session: FleetSession) -> list[Run]:
    """Return every job's last runs, by name."""
    rows = await session.fetch(
        "SELECT job, known_since, last_ok_at, evidence, last_error_at, last_error FROM maintenance_runs ORDER BY job"
    )
    return [Run(**row) for row in rows]


async def succeeded(session: FleetSession, job: str, evidence: str) -> None:
    """Write down that the job ran well, and what it did."""
    await session.execute(
        "INSERT INTO maintenance_runs (job, last_ok_at, evidence) VALUES ($1, now(), $2)"
        " ON CONFLICT (job) DO UPDATE SET last_ok_at = excluded.last_ok_at, evidence = excluded.evidence",
        job,
        evidence[:EVIDENCE_MAX],
    )


async def failed(session: FleetSession, job: str, error: str) -> None:
    """Write down that the job failed, and the class of its error."""
    await session.execute(
        "INSERT INTO maintenance_runs (job, last_error_at, last_error) VALUES ($1, now(), left($2, 200))"
        " ON CONFLICT (job) DO UPDATE SET last_error_at = excluded.last_error_at, last_error = excluded.last_error",
        job,
        error,
    )
