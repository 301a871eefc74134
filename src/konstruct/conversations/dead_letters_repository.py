"""SQL of dead letters: what could not be answered or shown, and what becomes of it. Ids, states and codes; no content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from konstruct.db.session import TenantSession

Kind = Literal["turn", "delivery"]
Resolution = Literal["retried", "discarded"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A turn that nobody could finish, or a part of an answer that could not be shown."""

    id: UUID
    kind: Kind
    conversation_id: UUID
    turn_id: UUID | None
    delivery_id: UUID | None
    reason: str
    attempts: int
    created_at: datetime
    resolved_at: datetime | None
    resolution: Resolution | None
    may_be_shown: bool
    """Whether nobody knows that it was not shown: a retry may show it a second time."""


_LETTER = """
SELECT l.id, l.kind, l.conversation_id, l.turn_id, l.delivery_id, l.reason, l.attempts, l.created_at, l.resolved_at,
  l.resolution, l.kind = 'delivery'
    AND (l.reason = 'outcome_unknown' OR coalesce(d.resent, false) OR d.unknown_since IS NOT NULL) AS may_be_shown
FROM dead_letters l LEFT JOIN deliveries d ON d.tenant_id = l.tenant_id AND d.id = l.delivery_id
"""


async def find(session: TenantSession, letter_id: UUID) -> DeadLetter | None:
    """Return one dead letter, or None."""
    row = await session.fetchrow(f"{_LETTER} WHERE l.tenant_id = $1 AND l.id = $2", session.scope.tenant_id, letter_id)
    return DeadLetter(**row) if row else None


async def list_open(session: TenantSession, limit: int) -> list[DeadLetter]:
    """Return the tenant's open dead letters, the oldest first."""
    rows = await session.fetch(
        f"{_LETTER} WHERE l.tenant_id = $1 AND l.resolved_at IS NULL ORDER BY l.created_at, l.id LIMIT $2",
        session.scope.tenant_id,
        limit,
    )
    return [DeadLetter(**row) for row in rows]


async def resolve(session: TenantSession, letter_id: UUID, resolution: Resolution) -> bool:
    """Say what became of it; False if somebody has said so before."""
    return bool(
        await session.execute(
            "UPDATE dead_letters SET resolved_at = now(), resolution = $3"
            " WHERE tenant_id = $1 AND id = $2 AND resolved_at IS NULL",
            session.scope.tenant_id,
            letter_id,
            resolution,
        )
    )


async def open_kinds(session: TenantSession) -> set[Kind]:
    """Return of which kinds there are open dead letters."""
    rows = await session.fetch(
        "SELECT DISTINCT kind FROM dead_letters WHERE tenant_id = $1 AND resolved_at IS NULL", session.scope.tenant_id
    )
    return {row["kind"] for row in rows}


async def lock_owner(session: TenantSession, conversation_id: UUID) -> tuple[str, int]:
    """Lock the conversation; return its owner and owner epoch."""
    row = await session.fetchrow(
        "SELECT owner, owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.scope.tenant_id,
        conversation_id,
    )
    assert row is not None  # the foreign key
    return row["owner"], row["owner_epoch"]


async def ask_again(session: TenantSession, turn_id: UUID) -> int:
    """Put the messages of a turn back among those to be answered; return how many."""
    return await session.execute(
        "UPDATE messages SET state = 'pending', turn_id = NULL"
        " WHERE tenant_id = $1 AND turn_id = $2 AND direction = 'in' AND state = 'answered'",
        session.scope.tenant_id,
        turn_id,
    )


async def send_again(session: TenantSession, delivery_id: UUID, owner_epoch: int) -> bool:
    """Put a copy of a failed delivery at the end of its conversation's outbox; False if its owner has changed since.

    A new row: it has a day of its own, and a trace of its own by which an echo tells it from the first.
    """
    return bool(
        await session.execute(
            "WITH d AS (SELECT * FROM deliveries WHERE tenant_id = $1 AND id = $2 AND state = 'failed' AND owner_epoch = $3),"
            " c AS (UPDATE conversations c SET next_seq = c.next_seq + 1 FROM d"
            "   WHERE c.tenant_id = $1 AND c.id = d.conversation_id RETURNING c.next_seq - 1 AS position)"
            " INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id,"
            "   thread_id, body, owner_epoch, form, extras)"
            " SELECT $1, uuidv7(), d.conversation_id, d.account_id, d.message_id, c.position, d.part, d.kind, d.channel_id,"
            "   d.thread_id, d.body, d.owner_epoch, d.form, d.extras FROM d, c",
            session.scope.tenant_id,
            delivery_id,
            owner_epoch,
        )
    )
