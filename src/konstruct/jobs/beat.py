"""The beat process: Celery's beat sends the periodic tasks; a thread beside it does the owner's own jobs.

Several of them do no harm: every job may run twice. One is enough.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import structlog

from konstruct.db.database import Database
from konstruct.db.maintenance import keep_partitions
from konstruct.db.selftest import self_test
from konstruct.jobs import heartbeat
from konstruct.jobs.broker import create_celery
from konstruct.jobs.maintenance_runs import EVERY, recorded
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from konstruct.kit.log_errors import error_name
from konstruct.kit.settings import Settings

log = structlog.get_logger()

AGAIN_AFTER_S = 600.0
"""Until the next attempt at what failed."""


def run_beat(settings: Settings) -> int:
    """Run the beat until SIGTERM. Returns the exit code; raises what keeps it from starting."""
    settings.need("database_url", "fleet_database_url", "owner_database_url", "broker_url")
    ready: Future[None] = Future()
    threading.Thread(target=_own_jobs, args=(settings, ready), name="own jobs", daemon=True).start()
    ready.result()
    # Kept in memory: an interval that begins anew after a restart does no harm, and there is no file to lose.
    app = create_celery(settings)
    app.Beat(scheduler_cls="konstruct.jobs.beat_scheduler:MemoryScheduler", quiet=True, loglevel=settings.log_level).run()
    return 0


def _own_jobs(settings: Settings, ready: Future[None]) -> None:
    try:
        asyncio.run(_work(settings, ready))
    except Exception as error:
        if not ready.done():
            ready.set_exception(error)
        else:
            log.exception("beat_jobs_ended")


async def _work(settings: Settings, ready: Future[None]) -> None:
    db = await Database.open(settings, pool=1)
    try:
        await self_test(db)
        worker_id, counters = uuid7(), Counters()
        await heartbeat.beat_once(db, worker_id, "beat", 0, counters)
        ready.set_result(None)
        log.info("beat_ready", worker_id=str(worker_id))
        await asyncio.gather(heartbeat.beat_on(db, worker_id, "beat", lambda: 0, counters), _maintain(db, settings))
    finally:
        await db.close()


async def _maintain(db: Database, settings: Settings) -> None:
    assert settings.owner_database_url
    owner_url = settings.owner_database_url.get_secret_value()

    async def work() -> str:
        done = await keep_partitions(owner_url)
        log.info("maintained", made=done.made, dropped=done.dropped, deleted=done.deleted, busy=done.busy)
        return str(done)

    while True:
        try:
            await recorded(db, "partitions", work)
            pause = EVERY["partitions"].total_seconds()
        except Exception as error:
            log.error("maintenance_failed", error=error_name(error))
            pause = AGAIN_AFTER_S
        await asyncio.sleep(pause)
