"""Methods, workspaces and channels each have their share: what one uses up delays no other beyond the workspace's rate."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import re
from collections import defaultdict
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis.asyncio

from konstruct.channels.limits import SendLimits
from konstruct.channels.limits_alone import FACTOR, AloneLimits
from konstruct.channels.rates import CAREFUL, HISTORY, POST, Rate
from konstruct.channels.slack import tiers
from konstruct.db.redis import Redis, TenantRedis
from konstruct.db.scope import TenantScope
from konstruct.local.valkey import Valkey

SCOPE, OTHER = TenantScope(uuid4()), TenantScope(uuid4())
SLOW = 0.0001
"""Of a rate's speed: no test is so slow that a second place would come up meanwhile."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_every_tier_keeps_its_minute_whatever_the_burst() -> None:
    for method, rate in tiers.RATES.items():
        assert rate.per_minute is not None and 1 <= rate.burst <= rate.per_minute, method
        # After a quiet time: the burst at once, and then one each interval.
        in_a_minute = rate.burst + int((60 - 1e-9) / rate.interval_s)
        assert in_a_minute <= rate.per_minute, method
    shared = {method: rate.bucket for method, rate in tiers.RATES.items() if rate.bucket}
    posts = dict.fromkeys((POST, "chat.postMessage"), POST)
    histories = dict.fromkeys((HISTORY, "conversations.history", "conversations.replies"), HISTORY)
    assert shared.items() >= (posts | histories).items()
    # Names of our own for a method count as that method, at its rate.
    assert all(tiers.RATES[bucket].interval_s == tiers.RATES[name].interval_s for name, bucket in shared.items())
    assert CAREFUL[HISTORY].per_minute == 1


def test_every_method_that_we_call_has_its_rate() -> None:
    found: set[str] = set()
    for path in Path(tiers.__file__).parent.glob("*.py"):
        text = path.read_text()
        found |= {
            name.replace("_", ".") for name in re.findall(r"\bweb\.([a-z]+(?:_[a-zA-Z0-9]+)+)\(", text) if name != "api_call"
        }
        found |= set(re.findall(r"\bapi_call\(\s*\"([^\"]+)\"", text))
    assert {"chat.postMessage", "oauth.v2.access"} <= found
    assert found <= set(tiers.RATES)


async def test_a_method_that_is_used_up_or_paused_holds_up_no_other(redis: Redis) -> None:
    rates = {"a.b": Rate(per_minute=1), "a.c": Rate(per_minute=1), "x.1": Rate(1, bucket="x"), "x.2": Rate(1, bucket="x")}
    account, one, two = uuid4(), SendLimits(redis, rates), SendLimits(redis, rates)
    assert await one.take(SCOPE, account, "a.b") == 0
    assert 50 < await two.take(SCOPE, account, "a.b") <= 60
    assert await two.take(SCOPE, account, "a.c") == await two.take(SCOPE, account, "a.b", workspace="T2") == 0
    assert await two.take(SCOPE, uuid4(), "a.b") == await two.take(OTHER, account, "a.b") == 0
    assert await one.take(SCOPE, account, "x.1") == 0 < await two.take(SCOPE, account, "x.2")
    # A pause concerns one method of one workspace, or everything that the account does.
    account = uuid4()
    await one.pause(SCOPE, account, 30, method="a.b", workspace="T1")
    assert await two.take(SCOPE, account, "a.b", workspace="T1") > 25
    assert await two.take(SCOPE, account, "a.b", workspace="T2") == await two.take(SCOPE, account, "a.c", workspace="T1") == 0
    await one.pause(SCOPE, account, 30)
    assert await two.take(SCOPE, account, "x.1", workspace="T2") > 25


async def test_a_second_channel_that_is_told_to_wait_lets_all_of_them_wait(redis: Redis) -> None:
    """Slack does not say whether a channel's rate or the workspace's is used up."""
    for limits in (SendLimits(redis, tiers.RATES), SendLimits(Redis(None), tiers.RATES)):
        account = uuid4()
        await limits.pause(SCOPE, account, 30, method=POST, channel_id="C1")
        await limits.pause(SCOPE, account, 20, method="chat.postMessage", channel_id="C1")
        assert await limits.take(SCOPE, account, POST, channel_id="C3") == 0
        await limits.pause(SCOPE, account, 20, method=POST, channel_id="C2")
        assert 15 < await limits.take(SCOPE, account, POST, channel_id="C4") <= 20
        assert 25 < await limits.take(SCOPE, account, POST, channel_id="C1") <= 30
        assert await limits.take(SCOPE, account, "chat.update", channel_id="C4") == 0


async def test_a_channel_that_waits_alone_lets_no_other_wait(redis: Redis) -> None:
    """Meta says that it is the pair of number and person: however many of them wait, nobody else does."""
    for limits in (SendLimits(redis, tiers.RATES), SendLimits(Redis(None), tiers.RATES)):
        account = uuid4()
        for channel in ("C1", "C2"):
            await limits.pause(SCOPE, account, 30, method=POST, channel_id=channel, alone=True)
            assert await limits.take(SCOPE, account, POST, channel_id=channel) > 25
        assert await limits.take(SCOPE, account, POST, channel_id="C3") == 0


async def test_each_channel_has_one_place_in_the_queue_of_its_workspace(redis: Redis) -> None:
    """Of a rate so slow that no place comes up meanwhile: who asks again finds the same place, and nobody passes anybody."""
    cap = Rate(per_minute=None, channel_per_s=1.0)
    assert cap.interval_s == 0.0
    rates = {POST: Rate(per_minute=6, channel_per_s=SLOW)}
    account, workers = uuid4(), [SendLimits(redis, rates) for _ in range(3)]
    assert await workers[0].take(SCOPE, account, POST, channel_id="C0") == 0
    for _ in range(3):
        for number, limits in enumerate(workers * 2, start=1):
            wait = await limits.take(SCOPE, account, POST, channel_id=f"C{number}")
            assert 10 * number - 5 < wait <= 10 * number, number
    # The busy one asks as often as it likes: its own rate comes first, and it has no place meanwhile.
    assert all([await workers[0].take(SCOPE, account, POST, channel_id="C0") > 600 for _ in range(50)])
    assert 55 < await workers[0].take(SCOPE, account, POST, channel_id="C9") <= 65
    # Nobody queues for longer than a minute: there the workspace is full, and it is asked for again.
    assert [await workers[0].take(SCOPE, account, POST, channel_id=f"D{n}") for n in range(3)] == [60.0] * 3


async def test_a_flushed_valkey_starts_no_storm(redis: Redis, valkey: Valkey) -> None:
    """What is not known has earned no burst; and what this process was told to wait for it still knows."""
    account, workers = uuid4(), [SendLimits(redis, tiers.RATES) for _ in range(4)]
    asking = [(limits, f"C{number}") for number, limits in enumerate(workers * 5)]
    await workers[0].pause(SCOPE, account, 300, method="chat.update")

    async def go() -> int:
        waits = await asyncio.gather(*(limits.take(SCOPE, account, POST, channel_id=name) for limits, name in asking))
        return sum(wait == 0 for wait in waits)

    assert await go() == 1
    raw = redis_client(valkey)
    await raw.flushdb()
    assert await go() == 1
    assert await workers[0].take(SCOPE, account, "chat.update") > 200
    await raw.aclose()


def redis_client(valkey: Valkey) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(valkey.url(0), decode_responses=True)


async def test_alone_it_counts_methods_and_workspaces_at_half_their_rate_as_well() -> None:
    clock, account = Clock(), uuid4()
    limits = SendLimits(Redis(None), {"a.b": Rate(per_minute=60, burst=30), **tiers.RATES}, clock=clock)
    interval = tiers.RATES["users.info"].interval_s
    assert [await limits.take(SCOPE, account, "users.info") for _ in range(2)] == [0, pytest.approx(FACTOR * interval)]
    assert await limits.take(SCOPE, account, "users.info", workspace="T2") == 0
    waits = [await limits.take(SCOPE, account, POST, channel_id=f"C{number}") for number in range(4)]
    step = FACTOR * tiers.POSTS.interval_s
    assert waits == [0, pytest.approx(step), pytest.approx(2 * step), pytest.approx(3 * step)]


class Simulation:
    """Conversations of several channels that each have messages to show, and ask when they were told to: virtual time."""

    def __init__(self, rate: Rate, messages: dict[str, list[int]]) -> None:
        """`messages`: how many each conversation of a channel has."""
        self.clock = Clock()
        self.start = self.clock.now
        self.limits = SendLimits(Redis(None), {POST: rate}, clock=self.clock)
        self.shown: list[tuple[float, str, int, int]] = []
        self._left = {(channel, n): count for channel, counts in messages.items() for n, count in enumerate(counts)}
        self._account: UUID = uuid4()

    async def run(self) -> None:
        order = [(self.start, number, name) for number, name in enumerate(self._left)]
        heapq.heapify(order)
        ticket = len(order)
        said: dict[tuple[str, int], int] = defaultdict(int)
        while order:
            self.clock.now, _, name = heapq.heappop(order)
            wait = await self.limits.take(SCOPE, self._account, POST, channel_id=name[0])
            if wait == 0:
                self.shown.append((self.clock.now - self.start, *name, said[name]))
                said[name] += 1
                self._left[name] -= 1
            if self._left[name]:
                ticket += 1
                # A lane comes back a little late, never early.
                heapq.heappush(order, (self.clock.now + wait + 0.001, ticket, name))

    def last(self, channel: str) -> float:
        return max(at for at, name, _, _ in self.shown if name == channel)


async def test_a_busy_channel_delays_the_others_by_its_share_only() -> None:
    rate = Rate(per_minute=120, channel_per_s=10.0)
    busy = {"BUSY": [20] * 10}
    quiet = {f"Q{number}": [5] for number in range(3)}
    simulation = Simulation(rate, {**busy, **quiet})
    await simulation.run()
    # Nothing is dropped, and every conversation keeps its order.
    assert len(simulation.shown) == 200 + 15
    orders: dict[tuple[str, int], list[int]] = defaultdict(list)
    for _, channel, conversation, number in simulation.shown:
        orders[channel, conversation].append(number)
    assert all(numbers == sorted(numbers) for numbers in orders.values())
    # Alone it goes at one a second. Four channels share that: five messages take four times as long, not two hundred.
    assert all(simulation.last(channel) <= 4 * 5 * 1.05 for channel in quiet)
    assert simulation.last("BUSY") <= 215 * 1.05
    # Never faster than the workspace's rate, whoever asks.
    times = sorted(at for at, *_ in simulation.shown)
    assert all(later - earlier >= 0.99 for earlier, later in itertools.pairwise(times))


async def test_both_counts_follow_the_same_rules(redis: Redis) -> None:
    """Asked the same, the one in Valkey and the one of a process alone say the same, but for the speed."""
    keys: TenantRedis = redis.tenant(SCOPE)
    clock = Clock()
    alone, mark = AloneLimits(clock), str(uuid4())
    for channel in ("A", "B", "C", "B", "A", "D", "C", None, "D"):
        own = None if channel is None else (mark, channel)
        shared = await keys.admit(
            "send", shared=(mark,), interval_s=20.0, burst=1, own=own, own_interval_s=7.0, pauses=[("none", mark)]
        )
        single = alone.take(("t", mark), 20.0 / FACTOR, None if own is None else ("t", *own), 7.0 / FACTOR)
        assert shared == pytest.approx(single, abs=5.0), channel
    for wrong in ({"interval_s": -1.0}, {"own_interval_s": float("inf")}, {"burst": 0}):
        asked = {"interval_s": 1.0, "own_interval_s": 1.0, "burst": 1, **wrong}
        with pytest.raises(ValueError, match="a limit needs"):
            await keys.admit("send", shared=("a",), own=None, pauses=(), **asked)  # type: ignore[arg-type]
