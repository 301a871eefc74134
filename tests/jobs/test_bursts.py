"""When a burst is due: a while after its last message, and three whiles after its first at the latest."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.kit.ids import uuid7
from tests.jobs.conftest import Line
from tests.support.queueing import HOUR_S, begin

BURST_S = 1.0


async def _due_in_s(session: TenantSession, conversation: UUID) -> float:
    """Seconds from the transaction's time, which stands still, to when the conversation is due."""
    return float(
        await session.fetchval(
            "SELECT extract(epoch FROM due_at - now())::float8 FROM ready_queue WHERE tenant_id = $1 AND conversation_id = $2",
            session.scope.tenant_id,
            conversation,
        )
    )


async def _age(session: TenantSession, conversation: UUID, seconds: float) -> None:
    """Make the burst older."""
    await session.execute(
        "UPDATE ready_queue SET ready_since = ready_since - make_interval(secs => $3),"
        " due_at = due_at - make_interval(secs => $3) WHERE tenant_id = $1 AND conversation_id = $2",
        session.scope.tenant_id,
        conversation,
        seconds,
    )


async def test_due_one_burst_after_the_last_and_three_after_the_first(line: Line) -> None:
    (conversation,) = await line.conversations(line.noisy, 1)
    async with line.db.tenant(line.noisy) as session:
        await queue.bump(session, conversation, "turn", BURST_S)
        assert await _due_in_s(session, conversation) == BURST_S
        expected = {0.75: BURST_S, 1.5: BURST_S, 2.25: 0.75, 3.0: 0.0}
        for age_s, due_s in expected.items():
            await _age(session, conversation, 0.75)
            await queue.bump(session, conversation, "turn", BURST_S)
            assert await _due_in_s(session, conversation) == due_s, f"{age_s} s after the first message"


async def test_a_burst_during_a_turn_starts_anew(line: Line) -> None:
    (conversation,) = await line.conversations(line.noisy, 1)
    async with line.db.tenant(line.noisy) as session:
        await queue.bump(session, conversation, "turn")
        await _age(session, conversation, 60)
    (claim,) = await queue.claim(line.db, "turn", uuid7(), 10, HOUR_S)
    await begin(line.db, claim)
    async with line.db.tenant(line.noisy) as session:
        await queue.bump(session, conversation, "turn", BURST_S)
        assert await _due_in_s(session, conversation) == BURST_S
        await _age(session, conversation, 0.75)
        await queue.bump(session, conversation, "turn", BURST_S)
        assert await _due_in_s(session, conversation) == BURST_S
        await queue.release(session, claim)
        assert await _due_in_s(session, conversation) == BURST_S


async def test_a_message_that_is_not_due_is_not_claimed(line: Line) -> None:
    (conversation,) = await line.conversations(line.noisy, 1)
    async with line.db.tenant(line.noisy) as session:
        await queue.bump(session, conversation, "turn", HOUR_S)
    assert await queue.claim(line.db, "turn", uuid7(), 10, HOUR_S) == []
