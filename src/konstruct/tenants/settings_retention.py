"""Retention: night after night, the content of messages that are older than the business keeps them."""

from __future__ import annotations

import structlog

from konstruct.db.database import Database
from konstruct.jobs.tenant_jobs import Job
from konstruct.tenants import settings_repository
from konstruct.tenants import settings_retention_repository as repository
from konstruct.tenants.settings import until_night_s

log = structlog.get_logger()

STEP = 500
"""Rows looked at in one transaction; much hangs on a message."""


class Retention:
    """The work of the job `retention`; its subject is the tenant."""

    def __init__(self, db: Database, step: int = STEP) -> None:
        self._db = db
        self._step = step

    async def __call__(self, job: Job) -> float | None:
        """Delete what is too old; return the seconds until the next night, None where everything is kept."""
        async with self._db.tenant(job.scope) as session:
            _, time_zone, days = await settings_repository.read(session)
        if days is None:
            return None
        gone = {content: await self._prune(job, content, days) for content in repository.CONTENT}
        log.info("retention_done", days=days, **{f"{content}_gone": count for content, count in gone.items()})
        return until_night_s(time_zone)

    async def _prune(self, job: Job, content: str, days: int) -> int:
        """Go through one kind of content, a step at a time; return how much went."""
        gone = 0
        while True:
            async with self._db.tenant(job.scope) as session:
                some = await repository.prune(session, content, days, self._step)
            gone += some
            if some < self._step:
                return gone
