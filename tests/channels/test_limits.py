from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from konstruct.channels import limits
from konstruct.channels.limits import SendLimits
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope

FIRST, SECOND = TenantScope(uuid4()), TenantScope(uuid4())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_one_a_second_and_channel_over_all_workers(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (limits.RATE_PER_S, limits.BURST) == (1.0, 1)
    monkeypatch.setattr(limits, "RATE_PER_S", 0.01)
    account = uuid4()
    workers = [SendLimits(redis) for _ in range(4)]
    waits = await asyncio.gather(*(worker.acquire(FIRST, account, "C1") for worker in workers))
    assert sorted(waits)[0] == 0 and all(0 < wait <= 100 for wait in sorted(waits)[1:])
    assert await workers[0].acquire(FIRST, account, "C2") == 0
    assert await workers[0].acquire(FIRST, uuid4(), "C1") == 0
    assert await workers[0].acquire(SECOND, account, "C1") == 0


async def test_pauses_reach_every_worker(redis: Redis) -> None:
    account, one, other = uuid4(), SendLimits(redis), SendLimits(redis)
    await one.pause(FIRST, account, "C1", 30)
    assert 25 < await other.acquire(FIRST, account, "C1") <= 30
    assert await other.acquire(FIRST, account, "C2") == 0
    await one.pause(FIRST, account, None, 60)
    await one.pause(FIRST, account, None, 5)
    for channel in ("C1", "C2", "C3"):
        assert 55 < await other.acquire(FIRST, account, channel) <= 60
    assert await other.acquire(FIRST, uuid4(), "C1") == 0
    assert await other.acquire(SECOND, account, "C1") == 0


async def test_a_pause_is_not_a_send(redis: Redis) -> None:
    account, worker = uuid4(), SendLimits(redis)
    await worker.pause(FIRST, account, "C1", 0.01)
    while wait := await worker.acquire(FIRST, account, "C1"):
        assert wait <= 0.01
        await asyncio.sleep(wait)


@pytest.mark.parametrize("seconds", [0, -5, float("nan")])
async def test_no_pause(redis: Redis, seconds: float) -> None:
    account, worker = uuid4(), SendLimits(redis)
    await worker.pause(FIRST, account, None, seconds)
    assert await worker.acquire(FIRST, account, "C1") == 0


async def test_alone_it_goes_at_half_the_rate() -> None:
    clock, account = Clock(), uuid4()
    worker = SendLimits(Redis(None), clock)
    assert [await worker.acquire(FIRST, account, "C1") for _ in range(3)] == [0, 2, 2]
    assert [await worker.acquire(SECOND, account, "C1"), await worker.acquire(FIRST, account, "C2")] == [0, 0]
    clock.now += 1.5
    assert await worker.acquire(FIRST, account, "C1") == 0.5
    clock.now += 0.5
    assert [await worker.acquire(FIRST, account, "C1") for _ in range(2)] == [0, 2]


async def test_alone_it_keeps_pauses() -> None:
    clock, account = Clock(), uuid4()
    worker = SendLimits(Redis(None), clock)
    await worker.pause(FIRST, account, "C1", 30)
    await worker.pause(FIRST, account, None, 10)
    await worker.pause(FIRST, account, None, 99_999)
    assert await worker.acquire(FIRST, account, "C2") == limits.PAUSE_MAX_S
    clock.now += limits.PAUSE_MAX_S
    assert [await worker.acquire(FIRST, account, name) for name in ("C1", "C2")] == [0, 0]


async def test_a_pause_from_an_outage_is_kept_after_it(redis: Redis) -> None:
    account, worker = uuid4(), SendLimits(Redis(None))
    await worker.pause(FIRST, account, "C1", 30)
    worker._redis = redis
    assert await worker.acquire(FIRST, account, "C1") > 25


async def test_falling_back_does_not_double_the_rate(redis: Redis) -> None:
    clock, account = Clock(), uuid4()
    worker = SendLimits(redis, clock)
    assert await worker.acquire(FIRST, account, "C1") == 0
    worker._redis = Redis(None)
    assert await worker.acquire(FIRST, account, "C1") == 2


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_REMEMBERED_MAX", 50)
    clock, account = Clock(), uuid4()
    worker = SendLimits(Redis(None), clock)
    await worker.pause(FIRST, account, "long", 3000)
    waits = [await worker.acquire(FIRST, account, f"C{number}") for number in range(60)]
    assert waits == [0] * 50 + [2] * 10
    assert await worker.acquire(FIRST, account, "C0") == 2
    for number in range(60):
        await worker.pause(FIRST, account, f"C{number}", 1)
    assert (len(worker._local._next), len(worker._local._pauses)) == (50, 50)
    clock.now += 2
    assert await worker.acquire(FIRST, account, "C55") == 0
    await worker.pause(FIRST, account, "C1", 1)
    assert len(worker._local._next) == 1 and await worker.acquire(FIRST, account, "long") > 0
