"""Connections are shared by all tenants: nothing of one use is left for the next, however that use ended."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio.connection import AbstractConnection

from konstruct.db import redis as redis_module
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.valkey import Valkey

TRANSACTIONS = 10_000
CANCELLED = 1_000
FATES = {"commit": 55, "raise": 15, "sql_error": 13, "look": 12, "cancel": 3, "time_out": 1.5, "server_time_out": 0.5}
_LOOK = """
SELECT coalesce(current_setting('app.tenant_id', true), '') AS tenant, current_setting('statement_timeout') AS bound,
  current_setting('plan_cache_mode') AS plans, pg_current_xact_id_if_assigned() IS NULL AS fresh
"""


class Intended(Exception):
    """What a unit of work may raise at any moment."""


class Traffic:
    """Two tenants' transactions on one small pool, each ending in a way that chance chooses."""

    def __init__(self, db: Database, scopes: tuple[TenantScope, TenantScope], chance: random.Random) -> None:
        self.db, self.scopes, self.chance = db, scopes, chance
        self.ended: Counter[str] = Counter()
        self.foreign: list[str] = []

    async def one(self, number: int) -> None:
        """Run one transaction and bear its end."""
        fate = self.chance.choices(list(FATES), list(FATES.values()))[0]
        scope = self.scopes[number % 2]
        work = self.look() if fate == "look" else self.work(scope, fate)
        if fate == "cancel":
            await self.cancelled(work)
        else:
            with suppress(Intended, TimeoutError, asyncpg.DivisionByZeroError, asyncpg.QueryCanceledError):
                await (asyncio.wait_for(work, self.chance.choice((0.0005, 0.002))) if fate == "time_out" else work)
        self.ended[fate] += 1

    async def cancelled(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        for _ in range(self.chance.randrange(9)):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError, Intended):
            await task

    async def work(self, scope: TenantScope, fate: str) -> None:
        bound = 0.005 if fate == "server_time_out" else self.chance.choice((None, 5.0))
        async with self.db.tenant(scope, timeout_s=bound) as session:
            if self.chance.random() < 0.3:
                await session.execute("UPDATE dedupe_keys SET seen_at = now() WHERE key = 'shared'")
            for row in await session.fetch("SELECT tenant_id FROM dedupe_keys"):
                if row["tenant_id"] != scope.tenant_id:
                    self.foreign.append(f"{fate}: {scope.tenant_id} saw {row['tenant_id']}")
            if fate == "raise":
                raise Intended
            if fate == "sql_error":
                await session.fetchval("SELECT 1 / 0")
            if fate in ("server_time_out", "time_out", "cancel"):
                await session.fetchval("SELECT pg_sleep(0.05)")

    async def look(self) -> None:
        """What a connection brings along: no tenant, no bound of another's, no transaction."""
        async with self.db._app.acquire() as connection:
            if connection.is_in_transaction():
                self.foreign.append("a transaction was left open")
            row = await connection.fetchrow(_LOOK)
            assert row is not None
            if tuple(row) != ("", "30s", "force_custom_plan", True):
                self.foreign.append(f"left at checkout: {dict(row)}")
            with suppress(asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError):
                await connection.fetch("SELECT 1 FROM dedupe_keys")
                self.foreign.append("a read without a tenant was answered")


async def test_no_transaction_sees_what_another_left(settings: Settings, tenants: tuple[TenantScope, TenantScope]) -> None:
    seed = secrets.randbits(32)
    db = await Database.open(settings, pool=2)
    try:
        for scope in tenants:
            async with db.tenant(scope) as session:
                await session.execute("INSERT INTO dedupe_keys (tenant_id, key) VALUES ($1, 'shared')", scope.tenant_id)
        traffic = Traffic(db, tenants, random.Random(seed))
        numbers = iter(range(TRANSACTIONS))

        async def busy() -> None:
            for number in numbers:
                await traffic.one(number)

        await asyncio.gather(*(busy() for _ in range(4)))
        await traffic.look()
    finally:
        await db.close()
    assert traffic.foreign == [], f"seed {seed}"
    assert traffic.ended.total() == TRANSACTIONS and set(traffic.ended) == set(FATES), f"seed {seed}: {traffic.ended}"


PROGRESS: ContextVar[list[str]] = ContextVar("PROGRESS", default=[])  # noqa: B039  # what no call of ours does is not read


class Asking:
    """Two tenants' calls over a small pool, each of which knows what its answer must be like."""

    def __init__(self, redis: Redis, chance: random.Random) -> None:
        self.chance = chance
        self.two = [redis.tenant(TenantScope(uuid4())) for _ in range(2)]
        self.wrong: list[str] = []
        self.answered = 0
        self.cancelled_in_flight = 0

    async def prepare(self) -> None:
        for number, keys in enumerate(self.two):
            await keys.set("count", "c", value=str(number * 1_000_000), expiry_s=600)
            for name in range(20):
                await keys.set("note", f"n{name}", value=f"{number}:{name}", expiry_s=600)

    async def call(self) -> None:
        """Make one call; note whether it is cancelled between its request and its answer."""
        progress: list[str] = []
        PROGRESS.set(progress)
        try:
            await self.ask()
        except asyncio.CancelledError:
            self.cancelled_in_flight += progress[-1:] == ["sent"]
            raise

    async def ask(self) -> None:
        """Ask and judge the answer. A cancelled call may have had its effect: counts only grow."""
        number, name = self.chance.randrange(2), self.chance.randrange(20)
        keys, kind = self.two[number], self.chance.choice(("note", "nothing", "count"))
        answer: object
        if kind == "note":
            answer = await keys.get("note", f"n{name}")
            right = answer == f"{number}:{name}"
        elif kind == "nothing":
            answer = await keys.get("nothing", f"n{name}")
            right = answer is None
        else:
            answer = await keys.incr("count", "c", expiry_s=600)
            right = number * 1_000_000 < answer < (number + 1) * 1_000_000
        self.answered += 1
        if not right:
            self.wrong.append(f"{kind} of {number}, n{name}: {answer!r}")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note for each call when its request was sent and its answer read."""
    real = AbstractConnection.read_response

    async def read_response(self: AbstractConnection, *args: object, **options: object) -> object:
        progress = PROGRESS.get()
        progress.append("sent")
        answer = await real(self, *args, **options)  # type: ignore[arg-type]
        progress.append("read")
        return answer

    monkeypatch.setattr(AbstractConnection, "read_response", read_response)


async def test_cancelled_calls_never_mix_answers(valkey: Valkey, monkeypatch: pytest.MonkeyPatch, watched: None) -> None:
    """A pool that hands on a connection with an unread answer gives one tenant another's value (redis-py, 2023)."""
    monkeypatch.setattr(redis_module, "_CONNECTIONS", 2)
    # Patience: an answer that comes late is right or wrong all the same.
    redis, seed = Redis(valkey.url(0), timeout_s=10), secrets.randbits(32)
    chance = random.Random(seed)
    asking = Asking(redis, chance)
    await asking.prepare()
    while asking.cancelled_in_flight < CANCELLED and not asking.wrong:
        tasks = [asyncio.create_task(asking.call()) for _ in range(chance.randrange(2, 7))]
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        for task in tasks:
            if chance.random() < 0.6:
                task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if outcome is not None and not isinstance(outcome, asyncio.CancelledError):
                asking.wrong.append(repr(outcome))
    await redis.close()
    assert asking.wrong == [], f"seed {seed}"
    assert asking.answered > CANCELLED / 2, f"seed {seed}"
