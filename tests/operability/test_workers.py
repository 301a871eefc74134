"""Heartbeats: who lives, what was counted, and that no total ever falls."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from konstruct.db.database import Database
from konstruct.jobs import workers_repository as workers
from konstruct.kit.counters import Counters, Snapshot
from tests.operability.conftest import Spare


async def beat(db: Database, worker_id: UUID, turns: int, *, kind: str = "worker") -> None:
    counters = Counters()
    counters.inc("turns_total", turns, outcome="answered")
    async with db.fleet("test") as session:
        await workers.heartbeat(session, worker_id, kind=kind, host="h", pid=7, in_flight=turns, counters=counters.snapshot())


async def total(db: Database) -> float:
    async with db.fleet("test") as session:
        return (await workers.total_counters(session)).count("turns_total", outcome="answered")


async def test_a_heartbeat_replaces_the_last_one(spare: Spare) -> None:
    db = await spare.open()
    one, two = uuid4(), uuid4()
    for worker_id, turns in ((one, 3), (two, 5), (one, 4)):
        await beat(db, worker_id, turns)
    async with db.fleet("test") as session:
        found = await workers.list_workers(session, "worker")
        assert await workers.list_workers(session, "beat") == []
    assert {worker.worker_id: worker.in_flight for worker in found} == {one: 4, two: 5}
    assert all(worker.alive and 0 <= worker.age_s < workers.ALIVE_S for worker in found)
    assert await total(db) == 9
    await db.close()


async def test_the_silent_are_dead_and_after_a_day_gone_but_still_counted(spare: Spare) -> None:
    db = await spare.open()
    silent, gone, living = uuid4(), uuid4(), uuid4()
    for worker_id in (silent, gone, living):
        await beat(db, worker_id, 2)
    await spare.admin(f"UPDATE workers SET seen_at = now() - interval '31 seconds' WHERE worker_id = '{silent}'")
    await spare.admin(f"UPDATE workers SET seen_at = now() - interval '25 hours' WHERE worker_id = '{gone}'")
    async with db.fleet("test") as session:
        assert await workers.prune(session) == 1
        found = await workers.list_workers(session)
    assert [worker.worker_id for worker in found] == [living, silent]
    assert [worker.alive for worker in found] == [True, False]
    assert await total(db) == 6
    async with db.fleet("test") as session:
        assert await workers.prune(session) == 0
    await db.close()


async def test_processes_that_end_at_once_lose_no_count(spare: Spare) -> None:
    db = await spare.open()
    ids = [uuid4() for _ in range(6)]
    for worker_id in ids:
        await beat(db, worker_id, 1)

    async def end(worker_id: UUID) -> None:
        async with db.fleet("test") as session:
            await workers.retire(session, worker_id)

    await asyncio.gather(*(end(worker_id) for worker_id in ids))
    async with db.fleet("test") as session:
        assert await workers.list_workers(session) == []
    assert await total(db) == 6
    await db.close()


def test_a_row_without_counters_counts_nothing() -> None:
    assert Snapshot.from_json({}).counts == {}
