from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
import redis.asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from konstruct.db.circuit import FIRST_PAUSE_S, LONGEST_PAUSE_S, Circuit
from konstruct.db.redis import PlatformRedis, Redis, RedisUnavailableError, TenantRedis
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import load_settings
from konstruct.local.valkey import Valkey
from tests.channels.properties import CALM

Pair = tuple[TenantRedis, TenantRedis]


@pytest.fixture
def two(redis: Redis) -> Pair:
    return redis.tenant(TenantScope(uuid4())), redis.tenant(TenantScope(uuid4()))


async def test_two_tenants_never_meet(two: Pair, redis: Redis) -> None:
    first, second = two
    await first.set("note", "n", value="one", expiry_s=60)
    await redis.platform().set("note", "n", value="platform", expiry_s=60)
    assert await second.get("note", "n") is None
    await second.set("note", "n", value="two", expiry_s=60)
    assert (await first.get("note", "n"), await second.get("note", "n")) == ("one", "two")
    assert await second.delete("note", "n") and not await second.delete("note", "n")
    assert await first.get("note", "n") == "one"
    assert (await first.incr("count", "c", expiry_s=60), await second.incr("count", "c", expiry_s=60)) == (1, 1)
    assert await first.incr("count", "c", expiry_s=60) == 2
    await first.hold("pause", "p", seconds=60)
    assert await first.held("pause", ("p",), ("q",)) > 50 and await second.held("pause", ("p",)) == 0
    assert await redis.platform().get("note", "n") == "platform"


async def test_every_key_has_the_form_and_an_expiry(two: Pair, redis: Redis, valkey: Valkey) -> None:
    raw = redis_client(valkey)
    await raw.flushdb()
    for keys in (*two, redis.platform()):
        await keys.set("note", "n", value="x", expiry_s=9)
        await keys.incr("count", "C1:1.2", expiry_s=9)
        await keys.hold("pause", "a", "b", seconds=9)
        await keys.take("send", "a", rate_per_s=1, burst=1)
    names = await raw.keys("*")
    assert len(names) == 12
    for name in map(str, names):
        assert re.fullmatch(r"k1:\{([0-9a-f-]{36}|platform)\}:[a-z]+:[A-Za-z0-9.:%]+", name)
        assert 0 < await raw.pttl(name) <= 9000
    await raw.aclose()


def redis_client(valkey: Valkey) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(valkey.url(0), decode_responses=True)


KEYS = TenantRedis(Redis(None), TenantScope(uuid4()))


@pytest.mark.parametrize("part", ["", "{x}", "}", "a b", "a\n", "\x00", "x" * 201, "a\u2028b", "\u200b"])
def test_refused_parts(part: str) -> None:
    with pytest.raises(ValueError, match="a key's part"):
        KEYS.key("note", part)


@pytest.mark.parametrize("domain", ["", "Note", "a:b", "{a}", "a b", "é", "9", "x" * 33])
def test_refused_domains(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        KEYS.key(domain, "n")
    with pytest.raises(ValueError, match="name"):
        KEYS.key("note")


@settings(CALM)
@example(["a%3Ab"], ["a:b"])
@example(["a:b"], ["a", "b"])
@given(st.lists(st.text(":%3Aab", min_size=1), min_size=1), st.lists(st.text(":%3Aab", min_size=1), min_size=1))
def test_two_names_never_share_a_key(one: list[str], other: list[str]) -> None:
    assert (KEYS.key("note", *one) == KEYS.key("note", *other)) is (one == other)


@pytest.mark.parametrize("expiry_s", [0, -1, float("nan"), float("inf"), 1e9])
async def test_an_expiry_is_needed(two: Pair, expiry_s: float) -> None:
    with pytest.raises(ValueError, match="expiry"):
        await two[0].set("note", "n", value="x", expiry_s=expiry_s)


async def test_a_longer_hold_is_kept(two: Pair) -> None:
    await two[0].hold("pause", "p", seconds=600)
    await two[0].hold("pause", "p", seconds=5)
    assert await two[0].held("pause", ("p",)) > 500
    await two[0].hold("pause", "p", seconds=900)
    assert await two[0].held("pause", ("q",), ("p",)) > 800


def test_no_way_to_a_raw_command() -> None:
    for kind in (TenantRedis, PlatformRedis, Redis):
        public = {name for name in dir(kind) if not name.startswith("_")}
        assert public <= {
            *("get", "set", "incr", "delete", "hold", "held", "take", "draw", "admit", "key"),
            *("open", "tenant", "platform", "ping", "close", "purge", "is_set", "survey"),
        }


async def test_take_counts_to_the_burst(two: Pair) -> None:
    first, second = two
    waits = [await first.take("send", "c", rate_per_s=0.01, burst=5) for _ in range(8)]
    assert waits[:5] == [0.0] * 5 and all(90 < wait <= 100 for wait in waits[5:])
    assert await second.take("send", "c", rate_per_s=0.01, burst=5) == 0.0
    for rate, burst in ((0, 1), (-1, 1), (float("inf"), 1), (1, 0)):
        with pytest.raises(ValueError, match="a limit needs"):
            await first.take("send", "c", rate_per_s=rate, burst=burst)


async def test_take_is_shared_by_many_at_once(two: Pair) -> None:
    waits = await asyncio.gather(*(two[0].take("send", "c", rate_per_s=0.01, burst=20) for _ in range(200)))
    assert waits.count(0.0) == 20


async def test_take_recovers_from_a_clock_set_back(two: Pair) -> None:
    keys = two[0]
    await keys.set("send", "c", value="9" * 15 + "000", expiry_s=60)
    wait = await keys.take("send", "c", rate_per_s=1, burst=3)
    assert 0 < wait <= 1.0
    await keys.set("send", "c", value="garbage", expiry_s=60)
    assert await keys.take("send", "c", rate_per_s=1, burst=3) == 0.0


class Model:
    """The token bucket that the limit stands for: `burst` tokens, one more every `interval` microseconds."""

    def __init__(self, interval: int, burst: int) -> None:
        self.interval, self.burst = interval, burst
        self.tokens, self.at = float(burst), 0

    def take(self, now: int) -> float:
        self.tokens = min(self.burst, self.tokens + (now - self.at) / self.interval)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) * self.interval


@settings(CALM, max_examples=60)
@given(
    st.integers(1, 500),
    st.integers(1, 6),
    st.lists(st.integers(0, 3_000), min_size=1, max_size=25),
)
def test_take_is_the_model(valkey: Valkey, interval_ms: int, burst: int, gaps_ms: list[int]) -> None:
    """The script itself, with its clock replaced by ours."""
    asyncio.run(against_model(valkey, interval_ms * 1000, burst, [gap * 1000 for gap in gaps_ms]))


async def against_model(valkey: Valkey, interval: int, burst: int, gaps: list[int]) -> None:
    from konstruct.db.redis import _TAKE

    script = _TAKE.replace("redis.call('TIME')", "{tonumber(ARGV[3]) / 1000000, 0}")
    assert script != _TAKE
    client, model, now, key = redis_client(valkey), Model(interval, burst), 1_000_000_000, f"model:{uuid4()}"
    model.at = now
    try:
        for gap in gaps:
            now += gap
            answer = await client.eval(script, 1, key, interval, interval * (burst - 1), now)
            assert max(0, answer) == pytest.approx(model.take(now), abs=2)
            if answer <= 0:
                # What is left, up to the microsecond in which the next one comes.
                assert math.floor(model.tokens - 1e-3) <= -answer <= math.floor(model.tokens + 1e-3)
            await client.persist(key)  # Our clock runs ahead of the server's, which would expire the key.
    finally:
        await client.aclose()


async def test_survives_a_flushed_server(two: Pair, valkey: Valkey) -> None:
    assert await two[0].incr("count", "c", expiry_s=60) == 1
    raw = redis_client(valkey)
    await raw.flushall()
    await raw.script_flush()
    await raw.aclose()
    assert await two[0].incr("count", "c", expiry_s=60) == 1


CALLS: list[Callable[[TenantRedis], Awaitable[object]]] = [
    lambda keys: keys.get("note", "n"),
    lambda keys: keys.set("note", "n", value="x", expiry_s=1),
    lambda keys: keys.incr("count", "n", expiry_s=1),
    lambda keys: keys.delete("note", "n"),
    lambda keys: keys.hold("pause", "n", seconds=1),
    lambda keys: keys.held("pause", ("n",)),
    lambda keys: keys.take("send", "n", rate_per_s=1, burst=1),
]


@pytest.mark.parametrize("call", CALLS)
async def test_unavailable_is_one_typed_error(call: Callable[[TenantRedis], Awaitable[object]], unused_tcp_port: int) -> None:
    unset, dead = Redis(None), Redis(f"redis://:secret-canary@127.0.0.1:{unused_tcp_port}/0")
    for client in (unset, dead):
        with pytest.raises(RedisUnavailableError) as caught:
            await call(client.tenant(TenantScope(uuid4())))
        assert "canary" not in repr(caught.value) and caught.value.__cause__ is None
        await client.close()


async def test_circuit() -> None:
    """A server that accepts and never answers costs one time-out, then nothing until the pause is over."""
    calls = 0

    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await _reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    now = 100.0
    client = Redis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout_s=0.2, clock=lambda: now)

    async def fails() -> int:
        with pytest.raises(RedisUnavailableError):
            await client.ping()
        return calls

    assert [await fails(), await fails(), await fails()] == [1, 1, 1]
    now += 0.6
    assert [await fails(), await fails()] == [2, 2]
    now += 0.6
    assert await fails() == 2
    now += 0.6
    assert await fails() == 3
    await client.close()
    server.close()
    await server.wait_closed()


async def test_circuit_closes_after_an_answer(valkey: Valkey) -> None:
    now = 100.0
    client = Redis(valkey.url(0), timeout_s=30, clock=lambda: now)
    client._circuit.failed()
    with pytest.raises(RedisUnavailableError):
        await client.ping()
    now += 1
    await client.ping()
    await client.ping()
    await client.close()


def test_open() -> None:
    with pytest.raises(SettingsError, match="KONSTRUCT_REDIS_URL") as caught:
        Redis.open(load_settings(redis_url="postgres://user:canary@host"))
    assert "canary" not in str(caught.value) and "canary" not in repr(
        Redis.open(load_settings(redis_url="redis://:canary@h:1/0"))
    )
    Redis.open(load_settings(redis_url=None))


def test_one_probe_at_a_time() -> None:
    now = 100.0
    circuit = Circuit(lambda: now)
    circuit.failed()
    now += FIRST_PAUSE_S
    assert [circuit.allows() for _ in range(3)] == [True, False, False]
    now += FIRST_PAUSE_S
    assert [circuit.allows() for _ in range(2)] == [True, False]
    circuit.succeeded()
    assert [circuit.allows() for _ in range(2)] == [True, True]
    for _ in range(100):
        circuit.failed()
    now += LONGEST_PAUSE_S
    assert circuit.allows()
