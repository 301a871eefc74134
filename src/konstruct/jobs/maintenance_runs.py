"""The periodic jobs by name; whoever runs one writes down when it ran and how that ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from konstruct.db.database import STORAGE_ERRORS, TRANSIENT_ERRORS, Database
from konstruct.jobs import maintenance_runs_repository as repository
from konstruct.kit.log_errors import error_name

log = structlog.get_logger()

EVERY: dict[str, timedelta] = {
    "partitions": timedelta(days=1),
    "archive": timedelta(hours=1),
    "prune": timedelta(hours=1),
    "count": timedelta(minutes=1),
    "polls": timedelta(minutes=5),
}
"""How often each job runs. `partitions` is the beat process's own; the beat sends the others to a worker over the broker."""


async def recorded(db: Database, job: str, work: Callable[[], Awaitable[str]]) -> None:
    """Run `work`, which returns what it did in words, and write down how it ended. Raises what `work` raises."""
    try:
        evidence = await work()
    except Exception as error:
        await _note(db, job, None, error_name(error))
        raise
    await _note(db, job, evidence, "")


async def _note(db: Database, job: str, evidence: str | None, error: str) -> None:
    try:
        async with db.fleet("note a job's run") as session:
            if evidence is None:
                await repository.failed(session, job, error)
            else:
                await repository.succeeded(session, job, evidence)
    except (*TRANSIENT_ERRORS, *STORAGE_ERRORS) as unnoted:
        # What was done is done: that it cannot be written down neither undoes it nor hides why it failed.
        log.warning("job_run_not_noted", job=job, reason=error_name(unnoted))
