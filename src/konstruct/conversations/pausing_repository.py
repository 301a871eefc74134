"""SQL of pauses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession


async def pause(session: TenantSession, account_id: UUID, by: str | None) -> bool:
    """Note the pause; False if there is one."""
    return bool(
        await session.execute(
            "UPDATE channel_accounts SET paused_at = now(), paused_by = $3"
            " WHERE tenant_id = $1 AND id = $2 AND paused_at IS NULL",
            session.scope.tenant_id,
            account_id,
            by,
        )
    )


async def resume(session: TenantSession, account_id: UUID) -> bool:
    """End the pause; False if there is none."""
    return bool(
        await session.execute(
            "UPDATE channel_accounts SET paused_at = NULL, paused_by = NULL"
            " WHERE tenant_id = $1 AND id = $2 AND paused_at IS NOT NULL",
            session.scope.tenant_id,
            account_id,
        )
    )


async def wake(session: TenantSession, account_id: UUID) -> int:
    """Let what waits for an answer in the account be due now; return how many conversations that are.

    Whoever has just found the account paused, and is about to wait, finds that something came since.
    """
    return await session.execute(
        "WITH waiting AS (SELECT q.conversation_id FROM ready_queue q"
        "   JOIN conversations c ON c.tenant_id = q.tenant_id AND c.id = q.conversation_id"
        "   WHERE q.tenant_id = $1 AND q.lane = 'turn' AND (q.state = 'ready' OR q.state = 'leased') AND c.account_id = $2"
        "   ORDER BY q.conversation_id FOR UPDATE OF q)"
        " UPDATE ready_queue q SET seq = q.seq + 1, due_at = least(q.due_at, now()) FROM waiting w"
        " WHERE q.tenant_id = $1 AND q.lane = 'turn' AND q.conversation_id = w.conversation_id",
        session.scope.tenant_id,
        account_id,
    )


async def paused_at(session: TenantSession, account_id: UUID) -> datetime | None:
    """Return since when the account is paused; None if it is not."""
    found: datetime | None = await session.fetchval(
        "SELECT paused_at FROM channel_accounts WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, account_id
    )
    return found


async def waits(session: TenantSession, conversation_id: UUID) -> bool:
    """Return whether a message of the conversation waits for the employee."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending')",
            session.scope.tenant_id,
            conversation_id,
        )
    )


async def put_back(session: TenantSession, turn_id: UUID) -> None:
    """End a turn without an answer: what it was to answer waits again."""
    tenant_id = session.scope.tenant_id
    await session.execute(
        "UPDATE messages SET state = 'pending', turn_id = NULL WHERE tenant_id = $1 AND turn_id = $2 AND state = 'in_turn'",
        tenant_id,
        turn_id,
    )
    await session.execute(
        "UPDATE turns SET state = 'done', outcome = 'handed_over', reason = 'paused', finished_at = now()"
        " WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        tenant_id,
        turn_id,
    )


async def note_told(session: TenantSession, conversation_id: UUID, since: datetime) -> bool:
    """Note that the people of the conversation are told of the pause that began at `since`; False if they were."""
    return bool(
        await session.execute(
            "UPDATE conversations SET paused_told_at = now()"
            " WHERE tenant_id = $1 AND id = $2 AND (paused_told_at IS NULL OR paused_told_at < $3)",
            session.scope.tenant_id,
            conversation_id,
            since,
        )
    )
