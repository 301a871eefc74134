"""Leases: idle, ready, leased; wake-ups that cannot be lost; epochs that cannot be forged."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.errors import LeaseLostError
from konstruct.kit.ids import uuid7
from tests.jobs.conftest import Line
from tests.support.house import until
from tests.support.queueing import HOUR_S, begin, bump, expire, read, release

WORKER, OTHER = uuid7(), uuid7()


async def _claimed(line: Line, worker: UUID = WORKER, lease_s: float = HOUR_S) -> Claim:
    """Claim the one conversation that is ready."""
    (claim,) = await queue.claim(line.db, "turn", worker, 10, lease_s)
    return claim


async def _ready(line: Line, scope: TenantScope | None = None) -> UUID:
    (conversation,) = await line.conversations(scope or line.noisy, 1)
    await bump(line.db, scope or line.noisy, conversation)
    return conversation


async def test_from_ready_to_leased_to_idle_and_ready_again(line: Line) -> None:
    conversation = await _ready(line)
    assert (await read(line.db, line.noisy, conversation)).state == "ready"
    claim = await _claimed(line)
    held = await read(line.db, line.noisy, conversation)
    assert (held.state, held.lease_owner, held.epoch, held.attempts) == ("leased", WORKER, 1, 1)
    assert await queue.claim(line.db, "turn", OTHER, 10, HOUR_S) == []
    await begin(line.db, claim)
    await release(line.db, claim)
    free = await read(line.db, line.noisy, conversation)
    assert (free.state, free.lease_owner, free.attempts) == ("idle", None, 0)
    await bump(line.db, line.noisy, conversation)
    assert (await _claimed(line)).epoch == 2


async def test_what_comes_during_the_turn_leaves_it_ready(line: Line) -> None:
    conversation = await _ready(line)
    claim = await _claimed(line)
    await begin(line.db, claim)
    await bump(line.db, line.noisy, conversation)
    assert (await read(line.db, line.noisy, conversation)).state == "leased"
    await release(line.db, claim)
    assert (await read(line.db, line.noisy, conversation)).state == "ready"


async def test_what_comes_between_claim_and_release_is_not_lost(line: Line) -> None:
    conversation = await _ready(line)
    claim = await _claimed(line)
    await bump(line.db, line.noisy, conversation)
    await release(line.db, claim)
    assert (await read(line.db, line.noisy, conversation)).state == "ready"


async def test_a_release_waits_for_a_bump_that_is_not_committed_yet(line: Line) -> None:
    conversation = await _ready(line)
    claim = await _claimed(line)
    await begin(line.db, claim)
    async with line.db.tenant(line.noisy) as session:
        await queue.bump(session, conversation, "turn")
        releasing = asyncio.create_task(release(line.db, claim))
        await until(lambda: _waits_for_a_lock(line))
    await releasing
    assert (await read(line.db, line.noisy, conversation)).state == "ready"


async def _waits_for_a_lock(line: Line) -> bool:
    async with line.db.tenant(line.quiet) as session:
        return bool(
            await session.fetchval(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database OR l.database IS NULL"
                " WHERE NOT l.granted AND d.datname = current_database()"
            )
        )


async def test_a_wait_keeps_it_ready_but_not_due(line: Line) -> None:
    conversation = await _ready(line)
    claim = await _claimed(line)
    await begin(line.db, claim)
    await release(line.db, claim, wait_s=HOUR_S)
    row = await read(line.db, line.noisy, conversation)
    assert (row.state, row.due, row.attempts) == ("ready", False, 0)
    assert await queue.claim(line.db, "turn", OTHER, 10, HOUR_S) == []
    wait_s = await queue.next_due_s(line.db, "turn")
    assert wait_s is not None and HOUR_S - 60 < wait_s <= HOUR_S


async def test_a_wait_does_not_outlast_what_came_meanwhile(line: Line) -> None:
    conversation = await _ready(line)
    claim = await _claimed(line)
    await begin(line.db, claim)
    await bump(line.db, line.noisy, conversation)
    await release(line.db, claim, wait_s=HOUR_S)
    assert (await read(line.db, line.noisy, conversation)).due


async def test_a_failure_backs_off_and_keeps_counting(line: Line) -> None:
    conversation = await _ready(line)
    claim = await _claimed(line)
    await bump(line.db, line.noisy, conversation)
    await release(line.db, claim, wait_s=HOUR_S, failed=True)
    row = await read(line.db, line.noisy, conversation)
    assert (row.state, row.due, row.attempts) == ("ready", False, 1)


async def test_only_an_expired_lease_is_swept(line: Line) -> None:
    ended, alive = await _ready(line), await _ready(line, line.quiet)
    claims = await queue.claim(line.db, "turn", WORKER, 10, HOUR_S)
    assert await queue.sweep(line.db) == 0
    await expire(line.db, *(claim for claim in claims if claim.conversation_id == ended))
    assert await queue.sweep(line.db) == 1
    swept = await read(line.db, line.noisy, ended)
    assert (swept.state, swept.due, swept.lease_owner) == ("ready", True, None)
    assert (await read(line.db, line.quiet, alive)).state == "leased"
    again = await _claimed(line, OTHER)
    assert (again.conversation_id, again.epoch, again.attempts) == (ended, 2, 2)


async def test_a_frozen_worker_does_not_hold_up_the_sweep_of_others(line: Line) -> None:
    for scope in (line.noisy, line.quiet):
        await _ready(line, scope)
    claims = {claim.scope: claim for claim in await queue.claim(line.db, "turn", WORKER, 10, HOUR_S)}
    await expire(line.db, *claims.values())
    async with line.db.tenant(line.noisy) as frozen:
        # What a fence left locked when its process was stopped in the middle of a transaction.
        await frozen.execute("SELECT 1 FROM ready_queue WHERE tenant_id = $1 FOR UPDATE", line.noisy.tenant_id)
        async with asyncio.timeout(3):
            assert await queue.sweep(line.db) == 1
    assert (await read(line.db, line.quiet, claims[line.quiet].conversation_id)).state == "ready"
    assert await queue.sweep(line.db) == 1


async def test_a_renewal_keeps_its_own_epoch_only(line: Line) -> None:
    conversation = await _ready(line)
    old = await _claimed(line, lease_s=60)
    assert await queue.renew(line.db, WORKER, "turn", [old]) == {(conversation, old.epoch)}
    assert await queue.renew(line.db, OTHER, "turn", [old]) == set()
    await expire(line.db, old)
    # Ended, as all do in a long outage, but nobody has taken it over.
    assert await queue.renew(line.db, WORKER, "turn", [old]) == {(conversation, old.epoch)}
    await queue.sweep(line.db)
    assert await queue.renew(line.db, WORKER, "turn", [old]) == set()
    new = await _claimed(line, OTHER, lease_s=60)
    before = await read(line.db, line.noisy, conversation)
    assert await queue.renew(line.db, WORKER, "turn", [old]) == set()
    # The same worker may have it again: the old claim is not renewed by the new lease.
    assert await queue.renew(line.db, OTHER, "turn", [old]) == set()
    after = await read(line.db, line.noisy, conversation)
    assert (after.epoch, after.lease_owner) == (new.epoch, OTHER)
    assert before.lease_s is not None and after.lease_s is not None and after.lease_s <= before.lease_s


async def test_a_turn_past_its_deadline_is_not_renewed(line: Line) -> None:
    await _ready(line)
    claim = await _claimed(line, lease_s=60)
    for past_s, kept in ((30.0, True), (61.0, False)):
        async with line.db.tenant(line.noisy) as session:
            deadline = await session.fetchval("SELECT now() - make_interval(secs => $1)", past_s)
            await queue.limit(session, claim, deadline)
        held = await queue.renew(line.db, WORKER, "turn", [claim])
        assert bool(held) is kept, f"{past_s:.0f} s past the deadline, with a lease of 60 s"


async def test_the_fence_prolongs_a_lease_that_ended_and_that_nobody_has_taken(line: Line) -> None:
    """As a renewal does. After a long recovery of the server the holder may have something to write before it renews."""
    conversation = await _ready(line)
    claim = await _claimed(line, lease_s=60)
    for past_s, kept in ((30.0, True), (61.0, False)):
        async with line.db.tenant(line.noisy) as session:
            await queue.limit(session, claim, await session.fetchval("SELECT now() - make_interval(secs => $1)", past_s))
        await line.db.fleet_fetch(
            "test", "UPDATE ready_queue SET lease_until = now() - interval '1 second' WHERE state = 'leased'"
        )
        held = True
        try:
            await begin(line.db, claim)
        except LeaseLostError:
            held = False
        assert held is kept, f"{past_s:.0f} s past the deadline, with a lease of 60 s"
        lease_s = (await read(line.db, line.noisy, conversation)).lease_s
        assert lease_s is not None and (0 < lease_s <= 60) is kept


async def test_the_fence_refuses_an_old_epoch_and_a_lease_that_was_taken(line: Line) -> None:
    await _ready(line)
    old = await _claimed(line)
    await begin(line.db, old)
    await expire(line.db, old)
    await queue.sweep(line.db)
    with pytest.raises(LeaseLostError):
        await begin(line.db, old)
    with pytest.raises(LeaseLostError):
        await release(line.db, old)
    new = await _claimed(line, OTHER)
    for attempt in (begin, release):
        with pytest.raises(LeaseLostError):
            await attempt(line.db, old)
    await begin(line.db, new)
    await release(line.db, new)


async def test_the_fence_of_another_tenant_or_lane_holds_nothing(line: Line) -> None:
    await _ready(line)
    claim = await _claimed(line)
    for forged in (
        Claim(line.quiet, claim.conversation_id, "turn", claim.epoch, 1),
        Claim(claim.scope, claim.conversation_id, "send", claim.epoch, 1),
    ):
        with pytest.raises(LeaseLostError):
            await begin(line.db, forged)
