"""The engine's work done by hand, one claim at a time, so that a test can stop between any two moments of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim, Lane
from konstruct.kit.ids import uuid7
from tests.support import passing
from tests.support.house import House, until
from tests.support.queueing import HOUR_S, expire

PATIENCE_S = 30.0
"""A handler that has not come to an end by then never will."""


async def rows(house: House, scope: TenantScope, sql: str, *args: Any) -> list[Record]:
    """Return the rows of a query in the tenant's scope; `$1` is its id."""
    async with house.db.tenant(scope) as session:
        return await session.fetch(sql, scope.tenant_id, *args)


async def claim(house: House, lane: Lane) -> Claim:
    """Lease the one conversation whose lane is due, as a worker of its own."""
    found: list[Claim] = []

    async def look() -> bool:
        found.extend(await queue.claim(house.db, lane, uuid7(), 10, HOUR_S))
        return bool(found)

    await until(look)
    (only,) = found
    return only


async def take_turn(house: House) -> Claim:
    """Claim and answer; return the claim."""
    taken = await claim(house, "turn")
    async with asyncio.timeout(PATIENCE_S):
        await house.turns(taken)
    return taken


async def send(house: House) -> Claim:
    """Claim and send; return the claim."""
    taken = await claim(house, "send")
    async with asyncio.timeout(PATIENCE_S):
        await house.sends(taken)
    return taken


@asynccontextmanager
async def working(house: House, held: Claim) -> AsyncIterator[asyncio.Task[None]]:
    """The claim's handler at work for the block; what it raises is raised at its end, unless the block cancelled it."""
    handler = house.turns if held.lane == "turn" else house.sends
    task = asyncio.ensure_future(handler(held))
    try:
        yield task
    finally:
        if task.cancelling():
            await asyncio.wait([task])
        else:
            await task


async def abandon(house: House, held: Claim) -> None:
    """What is left when the holder of a claim has died: the lease ends, and is swept."""
    await expire(house.db, held)
    assert await queue.sweep(house.db) == 1


async def conversation(house: House, scope: TenantScope) -> UUID:
    """Return the tenant's one conversation."""
    (row,) = await rows(house, scope, "SELECT id FROM conversations WHERE tenant_id = $1")
    found: UUID = row["id"]
    return found


async def make_due(house: House, scope: TenantScope, lane: Lane) -> None:
    """Let the wait of the tenant's lane be over."""
    async with house.db.tenant(scope) as session:
        await session.execute(
            "UPDATE ready_queue SET due_at = now() WHERE tenant_id = $1 AND lane = $2 AND state = 'ready'", scope.tenant_id, lane
        )


async def age_unknown(house: House, scope: TenantScope, seconds: float) -> None:
    """Let the tenant's unknown deliveries have been unknown for so much longer, and their lane's wait be over. What was
    counted or held for a rate is so much older as well."""
    await passing.pass_time(house, scope, seconds)
    async with house.db.tenant(scope) as session:
        await session.execute(
            "UPDATE deliveries SET unknown_since = unknown_since - make_interval(secs => $2)"
            " WHERE tenant_id = $1 AND state = 'unknown'",
            scope.tenant_id,
            seconds,
        )
    await make_due(house, scope, "send")


async def deliveries(house: House, scope: TenantScope) -> list[Record]:
    """Return the tenant's deliveries, in the order in which they are shown."""
    return await rows(house, scope, "SELECT * FROM deliveries WHERE tenant_id = $1 ORDER BY position, part")
