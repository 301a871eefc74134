from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from konstruct.channels import limits, limits_alone
from konstruct.channels.limits import SendLimits
from konstruct.channels.rates import CAREFUL, POST, Rate
from konstruct.channels.slack import tiers
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope

FIRST, SECOND = TenantScope(uuid4()), TenantScope(uuid4())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_one_a_second_and_channel_over_all_workers(redis: Redis) -> None:
    assert CAREFUL[POST].channel_per_s == tiers.RATES[POST].channel_per_s == 1.0
    account = uuid4()
    workers = [SendLimits(redis, {POST: Rate(per_minute=None, channel_per_s=0.01)}) for _ in range(4)]
    waits = await asyncio.gather(*(worker.take(FIRST, account, POST, channel_id="C1") for worker in workers))
    assert sorted(waits)[0] == 0 and all(0 < wait <= 100 for wait in sorted(waits)[1:])
    assert await workers[0].take(FIRST, account, POST, channel_id="C2") == 0
    assert await workers[0].take(FIRST, uuid4(), POST, channel_id="C1") == 0
    assert await workers[0].take(SECOND, account, POST, channel_id="C1") == 0


async def test_pauses_reach_every_worker(redis: Redis) -> None:
    account, one, other = uuid4(), SendLimits(redis), SendLimits(redis)
    await one.pause(FIRST, account, 30, method=POST, channel_id="C1")
    assert 25 < await other.take(FIRST, account, POST, channel_id="C1") <= 30
    assert await other.take(FIRST, account, POST, channel_id="C2") == 0
    await one.pause(FIRST, account, 60)
    await one.pause(FIRST, account, 5)
    for channel in ("C1", "C2", "C3"):
        assert 55 < await other.take(FIRST, account, POST, channel_id=channel) <= 60
    assert await other.take(FIRST, uuid4(), POST, channel_id="C1") == 0
    assert await other.take(SECOND, account, POST, channel_id="C1") == 0


async def test_a_pause_is_not_a_send(redis: Redis) -> None:
    account, worker = uuid4(), SendLimits(redis)
    await worker.pause(FIRST, account, 0.01, method=POST, channel_id="C1")
    while wait := await worker.take(FIRST, account, POST, channel_id="C1"):
        assert wait <= 0.01
        await asyncio.sleep(wait)


@pytest.mark.parametrize("seconds", [0, -5, float("nan")])
async def test_no_pause(redis: Redis, seconds: float) -> None:
    account, worker = uuid4(), SendLimits(redis)
    await worker.pause(FIRST, account, seconds)
    assert await worker.take(FIRST, account, POST, channel_id="C1") == 0


async def test_alone_it_goes_at_half_the_rate() -> None:
    clock, account = Clock(), uuid4()
    worker = SendLimits(Redis(None), clock=clock)
    assert [await worker.take(FIRST, account, POST, channel_id="C1") for _ in range(3)] == [0, 2, 2]
    assert [
        await worker.take(SECOND, account, POST, channel_id="C1"),
        await worker.take(FIRST, account, POST, channel_id="C2"),
    ] == [0, 0]
    clock.now += 1.5
    assert await worker.take(FIRST, account, POST, channel_id="C1") == 0.5
    clock.now += 0.5
    assert [await worker.take(FIRST, account, POST, channel_id="C1") for _ in range(2)] == [0, 2]


async def test_alone_it_keeps_pauses() -> None:
    clock, account = Clock(), uuid4()
    worker = SendLimits(Redis(None), clock=clock)
    await worker.pause(FIRST, account, 30, method=POST, channel_id="C1")
    await worker.pause(FIRST, account, 10)
    await worker.pause(FIRST, account, 99_999)
    assert await worker.take(FIRST, account, POST, channel_id="C2") == limits.PAUSE_MAX_S
    clock.now += limits.PAUSE_MAX_S
    assert [await worker.take(FIRST, account, POST, channel_id=name) for name in ("C1", "C2")] == [0, 0]


async def test_a_pause_from_an_outage_is_kept_after_it(redis: Redis) -> None:
    account, worker = uuid4(), SendLimits(Redis(None))
    await worker.pause(FIRST, account, 30, method=POST, channel_id="C1")
    worker._redis = redis
    assert await worker.take(FIRST, account, POST, channel_id="C1") > 25


async def test_falling_back_does_not_double_the_rate(redis: Redis) -> None:
    clock, account = Clock(), uuid4()
    worker = SendLimits(redis, clock=clock)
    assert await worker.take(FIRST, account, POST, channel_id="C1") == 0
    worker._redis = Redis(None)
    assert await worker.take(FIRST, account, POST, channel_id="C1") == 2


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_alone, "_REMEMBERED_MAX", 50)
    clock, account = Clock(), uuid4()
    worker = SendLimits(Redis(None), clock=clock)
    await worker.pause(FIRST, account, 3000, method=POST, channel_id="long")
    waits = [await worker.take(FIRST, account, POST, channel_id=f"C{number}") for number in range(60)]
    assert waits == [0] * 50 + [2] * 10
    assert await worker.take(FIRST, account, POST, channel_id="C0") == 2
    for number in range(60):
        await worker.pause(FIRST, account, 1, method=POST, channel_id=f"C{number}")
    assert (len(worker._alone._next), len(worker._alone._pauses)) == (50, 50)
    clock.now += 2
    assert await worker.take(FIRST, account, POST, channel_id="C55") == 0
    await worker.pause(FIRST, account, 1, method=POST, channel_id="C1")
    assert len(worker._alone._next) == 1 and await worker.take(FIRST, account, POST, channel_id="long") > 0
