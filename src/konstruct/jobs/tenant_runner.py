"""Runs the tenants' jobs on a worker's event loop, a few at a time. Everything it knows is a row, so it may die anywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from konstruct.db.database import Database
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import LEASE_S, Job, JobKind

log = structlog.get_logger()

Work = Callable[[Job], Awaitable[float | None]]
"""Does a job; returns None when it is over, or in how many seconds it is to be done again. What it raises is tried again."""

POLL_S = 2.0
AT_ONCE = 4
"""Of one kind and process, unless a kind has a number of its own."""
LONGEST_BACKOFF_S = 3600.0


class TenantJobs:
    """Polls for due jobs of the kinds it is given."""

    def __init__(
        self,
        db: Database,
        work: Mapping[JobKind, Work],
        *,
        poll_s: float = POLL_S,
        lease_s: float = LEASE_S,
        backoff_s: float = 30,
        at_once: int = AT_ONCE,
    ) -> None:
        self._db = db
        self._work = work
        self._poll_s = poll_s
        self._lease_s = lease_s
        self._backoff_s = backoff_s
        self._at_once = at_once
        self._bells = {kind: asyncio.Event() for kind in work}

    def kick(self) -> None:
        """Look for work now instead of at the next poll. Call it on the loop that the jobs run on."""
        for bell in self._bells.values():
            bell.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the block runs. At its end what is under way is cancelled; another process goes on with it."""
        tasks = [asyncio.create_task(self._poll(kind), name=f"tenant jobs: {kind}") for kind in self._work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def run_due(self, kind: JobKind) -> int:
        """Do what is due of a kind now, at most `at_once`, and wait for it; return how many that were."""
        jobs = await tenant_jobs.claim(self._db, kind, self._at_once, self._lease_s)
        await asyncio.gather(*(self._do(job) for job in jobs))
        return len(jobs)

    async def _poll(self, kind: JobKind) -> None:
        under_way: set[asyncio.Task[None]] = set()
        bell = self._bells[kind]
        try:
            while True:
                bell.clear()
                for job in await self._claim(kind, self._at_once - len(under_way)):
                    task = asyncio.create_task(self._do(job), name=f"tenant job: {kind}")
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), self._poll_s)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _claim(self, kind: JobKind, room: int) -> list[Job]:
        try:
            return await tenant_jobs.claim(self._db, kind, room, self._lease_s) if room > 0 else []
        except Exception as error:
            # The database is away, usually: the next look may find it.
            log.warning("tenant_jobs_failed", kind=kind, error=type(error).__name__)
            return []

    async def _do(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(tenant_id=str(job.scope.tenant_id), job=job.kind):
            working = asyncio.ensure_future(self._work[job.kind](job))
            keeping = asyncio.create_task(self._keep(job, working))
            try:
                await tenant_jobs.end(self._db, job, await working)
            except asyncio.CancelledError:
                if not keeping.done():
                    working.cancel()
                    raise
                log.warning("tenant_job_lost", attempts=job.attempts)
            except Exception:
                log.exception("tenant_job_failed", attempts=job.attempts)
                wait_s = min(LONGEST_BACKOFF_S, self._backoff_s * 2 ** min(job.attempts - 1, 10))
                await tenant_jobs.fail(self._db, job, wait_s)
            finally:
                keeping.cancel()

    async def _keep(self, job: Job, working: asyncio.Future[float | None]) -> None:
        """Renew the lease; when it is lost, stop the work: another process has it."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            try:
                held = await tenant_jobs.renew(self._db, job, self._lease_s)
            except Exception as error:
                log.warning("tenant_job_not_renewed", error=type(error).__name__)
                continue
            if not held:
                working.cancel()
                return
