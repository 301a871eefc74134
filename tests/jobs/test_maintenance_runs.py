"""Each periodic job leaves a trace of its last good and its last failed run, and only the fleet role sees it."""

from __future__ import annotations

import asyncpg
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs.broker import create_celery
from konstruct.jobs.maintenance_runs import EVERY, recorded
from konstruct.jobs.maintenance_runs_repository import Run, list_runs
from konstruct.kit.settings import Settings


async def _run(db: Database, job: str) -> Run:
    async with db.fleet("test") as session:
        return {run.job: run for run in await list_runs(session)}[job]


async def test_a_run_is_written_down_with_how_it_ended(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    async def good() -> str:
        return "3 things done"

    async def bad() -> str:
        raise LookupError("with a secret in it")

    await recorded(db, "test_job", good)
    first = await _run(db, "test_job")
    assert (first.evidence, first.last_error) == ("3 things done", None)
    with pytest.raises(LookupError):
        await recorded(db, "test_job", bad)
    second = await _run(db, "test_job")
    assert (second.last_ok_at, second.evidence, second.last_error) == (first.last_ok_at, "3 things done", "LookupError")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(tenants[0]) as session:
            await session.fetch("SELECT * FROM maintenance_runs")


async def test_every_job_is_known_from_the_start_and_sent_as_often_as_it_says(db: Database, settings: Settings) -> None:
    async with db.fleet("test") as session:
        known = {run.job for run in await list_runs(session)}
    assert known >= set(EVERY)
    sent = {name: entry["schedule"] for name, entry in create_celery(settings).conf.beat_schedule.items() if name != "wake"}
    assert sent == {job: every.total_seconds() for job, every in EVERY.items() if job != "partitions"}
