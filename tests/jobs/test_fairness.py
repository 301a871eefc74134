"""Claims are fair by tenant: by tags, whatever the depth of a tenant's own queue."""

from __future__ import annotations

import asyncio

from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.kit.ids import uuid7
from tests.jobs.conftest import Line
from tests.support.queueing import HOUR_S, bump, conversations_of, release

WORKER = uuid7()


async def _claim(line: Line, limit: int) -> list[queue.Claim]:
    return await queue.claim(line.db, "turn", WORKER, limit, HOUR_S)


async def _set(line: Line, scope: TenantScope, column: str, value: float) -> None:
    await line.db.fleet_fetch(
        "test", f"UPDATE fair_shares SET {column} = $2::float8 WHERE tenant_id = $1 AND lane = 'turn'", scope.tenant_id, value
    )


async def test_quiet_tenant_is_first_behind_three_hundred_conversations_of_a_noisy_one(line: Line) -> None:
    await bump(line.db, line.noisy, *await line.conversations(line.noisy, 300))
    assert len(await _claim(line, 50)) == 50
    (asked,) = await line.conversations(line.quiet, 1)
    await bump(line.db, line.quiet, asked)

    (first,) = await _claim(line, 1)
    assert (first.scope, first.conversation_id) == (line.quiet, asked)


async def test_two_tenants_share_a_batch_evenly_however_deep_their_queues_are(line: Line) -> None:
    await bump(line.db, line.noisy, *await line.conversations(line.noisy, 300))
    await _claim(line, 50)
    asked = await line.conversations(line.quiet, 5)
    await bump(line.db, line.quiet, *asked)

    claims = await _claim(line, 10)
    assert set(conversations_of(claims, line.quiet)) == set(asked)
    assert [claim.scope for claim in claims].index(line.quiet) == 0
    assert len(conversations_of(claims, line.noisy)) == 5


async def test_an_idle_tenant_saves_no_credit(line: Line) -> None:
    """Who was silent for long is not served alone afterwards: its time starts at the present."""
    await bump(line.db, line.noisy, *await line.conversations(line.noisy, 100))
    await _claim(line, 40)
    await bump(line.db, line.quiet, *await line.conversations(line.quiet, 100))

    claims = await _claim(line, 40)
    assert len(conversations_of(claims, line.quiet)) == 20
    assert len(conversations_of(claims, line.noisy)) == 20


async def test_a_weight_of_two_gets_twice_as_much(line: Line) -> None:
    await _set(line, line.quiet, "weight", 2)
    for scope in (line.noisy, line.quiet):
        await bump(line.db, scope, *await line.conversations(scope, 60))

    claims = await _claim(line, 30)
    assert len(conversations_of(claims, line.quiet)) == 20


async def test_the_cap_bounds_one_tenant_and_nobody_else(line: Line) -> None:
    await _set(line, line.noisy, "in_flight_cap", 3)
    for scope in (line.noisy, line.quiet):
        await bump(line.db, scope, *await line.conversations(scope, 10))

    claims = await _claim(line, 100)
    assert len(conversations_of(claims, line.noisy)) == 3
    assert len(conversations_of(claims, line.quiet)) == 10
    assert await _claim(line, 100) == []

    await release(line.db, next(claim for claim in claims if claim.scope == line.noisy))
    assert [claim.scope for claim in await _claim(line, 100)] == [line.noisy]


async def test_the_cap_counts_each_lane_alone(line: Line) -> None:
    await _set(line, line.noisy, "in_flight_cap", 2)
    conversations = await line.conversations(line.noisy, 4)
    await bump(line.db, line.noisy, *conversations)
    await bump(line.db, line.noisy, *conversations, lane="send")
    assert len(await _claim(line, 100)) == 2
    assert len(await queue.claim(line.db, "send", WORKER, 100, HOUR_S)) == 4


async def test_a_suspended_tenant_is_not_claimed_and_loses_nothing(line: Line) -> None:
    for scope in (line.noisy, line.quiet):
        await bump(line.db, scope, *await line.conversations(scope, 2))
    change = "UPDATE tenant_directory SET status = $2 WHERE tenant_id = $1"
    await line.db.fleet_fetch("test", change, line.noisy.tenant_id, "suspended")
    assert {claim.scope for claim in await _claim(line, 10)} == {line.quiet}
    await line.db.fleet_fetch("test", change, line.noisy.tenant_id, "active")
    assert [claim.scope for claim in await _claim(line, 10)] == [line.noisy] * 2


async def test_no_conversation_is_claimed_twice_by_workers_at_once(line: Line) -> None:
    for scope in (line.noisy, line.quiet):
        await bump(line.db, scope, *await line.conversations(scope, 60))
    batches = await asyncio.gather(*(queue.claim(line.db, "turn", uuid7(), 15, HOUR_S) for _ in range(12)))
    claimed = [claim.key for batch in batches for claim in batch]
    assert len(claimed) == len(set(claimed)) == 120


async def test_no_tenant_has_more_in_flight_than_its_cap_however_many_workers_claim(line: Line) -> None:
    """Six workers claim, work and release at once; whenever one looks, no tenant has more leases than its cap."""
    caps = {line.noisy: 5, line.quiet: 3}
    left = {scope: await line.conversations(scope, 60) for scope in caps}
    for scope, cap in caps.items():
        await _set(line, scope, "in_flight_cap", cap)
        await bump(line.db, scope, *left[scope])
    seen: dict[TenantScope, int] = dict.fromkeys(caps, 0)
    done: list[tuple[object, object]] = []

    async def look() -> None:
        rows = await line.db.fleet_fetch(
            "test", "SELECT tenant_id, count(*) AS n FROM ready_queue WHERE state = 'leased' AND lane = 'turn' GROUP BY 1"
        )
        for row in rows:
            scope = TenantScope(row["tenant_id"])
            seen[scope] = max(seen.get(scope, 0), row["n"])

    async def work() -> None:
        worker = uuid7()
        while len(done) < 120:
            claims = await queue.claim(line.db, "turn", worker, 4, HOUR_S)
            await look()
            for claim in claims:
                await release(line.db, claim)
                done.append(claim.key)

    held = await _claim(line, 100)
    await look()
    assert seen == caps, "both caps are reached, so that it is they that hold"
    for claim in held:
        await release(line.db, claim)
        done.append(claim.key)
    async with asyncio.timeout(60):
        await asyncio.gather(*(work() for _ in range(6)))
    assert len(done) == len(set(done)) == 120
    assert seen == caps
