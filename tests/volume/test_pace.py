"""One message in six seconds to a person, and so many a second from a number: with three workers, whatever Valkey forgets."""

from __future__ import annotations

import asyncio
import time

import redis.asyncio

from konstruct.channels.channel import rates_of
from konstruct.channels.limits import SendLimits
from konstruct.channels.rates import Rate
from konstruct.channels.registry import CHANNELS
from konstruct.db.scope import TenantScope
from tests.support.strict_meta import NUMBER_PER_S, PAIR_S, Fate
from tests.volume.world import World

MESSAGES = 14
SLOW = Rate(per_minute=6 * 60, burst=3, channel_per_s=1 / PAIR_S, kept=True)


def test_what_is_allowed_is_below_what_meta_counts(world: World) -> None:
    """In any second there may be a burst besides what the second itself allows."""
    rate = rates_of(CHANNELS, world.settings)["whatsapp.post"]
    assert rate.kept and rate.spacing_s >= PAIR_S
    assert rate.burst + 1 / rate.interval_s <= 0.95 * NUMBER_PER_S


async def test_a_person_is_spared_whatever_becomes_of_a_call(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    number = await world.connect(businesses[0], "15551110001", waba="W11", portfolio="P11")
    people = await world.people(number, ["A", "B"])
    await world.hear(number, people)
    fates: list[Fate] = ["taken", "lost_taken", "undeliverable", "busy"]
    world.meta.fate = lambda post: fates.pop(0) if fates and post.target.channel_id == "A" else "taken"
    for _ in range(5):
        await world.answer(number, [people["A"]])
    await world.answer(number, [people["B"]])
    await world.run(20)
    assert [person for _, _, person, _ in world.meta.sent].count("B") == 1
    await world.run(600)
    times = [at for at, _, person, _ in world.meta.sent if person == "A"]
    # The lost one is shown twice; the undeliverable one not at all.
    assert len(times) == 5
    assert world.meta.breaches == []


async def test_three_workers_and_a_valkey_that_forgets_do_not_send_faster(
    world: World, businesses: tuple[TenantScope, TenantScope]
) -> None:
    number = await world.connect(businesses[0], "15551110002", waba="W12", portfolio="P12")
    other = await world.connect(businesses[1], "15551110003", waba="W13", portfolio="P13")
    for worker in world.workers:
        worker._limits = SendLimits(world.redis, {"whatsapp.post": SLOW})
        worker._pacing._limits = worker._limits
    for one, count in ((number, MESSAGES), (other, 2)):
        people = await world.people(one, [f"P{n:02}" for n in range(count)])
        await world.hear(one, people)
        await world.answer(one, list(people.values()))
    assert world.settings.redis_url
    client = redis.asyncio.Redis.from_url(world.settings.redis_url.get_secret_value())

    async def forget() -> None:
        while True:
            await client.flushdb()
            await asyncio.sleep(0.01)

    forgetting = asyncio.create_task(forget())
    began = time.monotonic()
    try:
        await world.drain()
        # What had to wait too long for a lane comes back later.
        while (await world.states(number)) != {"sent": MESSAGES}:
            await world.run(1.0)
    finally:
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)
        await client.aclose()
    took_s = time.monotonic() - began + world.clock.passed_s
    assert took_s >= (MESSAGES - SLOW.burst - 1) * SLOW.interval_s
    assert await world.states(other) == {"sent": 2}
