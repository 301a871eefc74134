"""The outbox: an answer becomes a message and its deliveries in the transaction that decides on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from konstruct.conversations.part import Part
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.kit.ids import uuid7


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be said, where, and under whose ownership of the conversation."""

    conversation_id: UUID
    account_id: UUID
    channel_id: str
    thread_id: str | None
    owner_epoch: int
    kind: Literal["reply", "fallback", "human", "notice", "outreach"]
    """notice: the house says who answers from now on. outreach: the business writes first, by a template."""
    text: str
    parts: Sequence[Part]
    """The text as the channel will show it: its visible messages; at least one."""
    turn_id: UUID | None = None


async def put(session: TenantSession, reply: Reply, *, first_id: UUID | None = None) -> UUID:
    """Store `reply` and make its conversation ready to send; return the id of its message.

    `first_id` becomes the id of the first part's delivery, of which people see something already. A second reply of the same
    turn fails on a unique index. No network is used here: the sender lane delivers.
    """
    message_id = uuid7()
    position = await session.fetchval(
        "WITH c AS (UPDATE conversations SET next_seq = next_seq + 1, last_message_at = now()"
        "   WHERE tenant_id = $1 AND id = $2 RETURNING next_seq - 1 AS seq)"
        " INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, thread_id, addressed, state,"
        "   turn_id, sent_at)"
        " SELECT $1, $3, $2, c.seq, 'out', $4, $5, $6, false, 'sent', $7, clock_timestamp() FROM c RETURNING seq",
        session.scope.tenant_id,
        reply.conversation_id,
        message_id,
        "human" if reply.kind in ("human", "outreach") else "ai",
        reply.text,
        reply.thread_id,
        reply.turn_id,
    )
    await session.execute(
        "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind,"
        "   channel_id, thread_id, body, owner_epoch, form, extras)"
        " SELECT $1, coalesce(CASE p.part WHEN 1 THEN $14::uuid END, uuidv7()), $2, $3, $4, $5, $6, p.part - 1, $7, $8, $9,"
        "   p.body, $10, p.form, p.extras::jsonb"
        " FROM unnest($11::text[], $12::text[], $13::text[]) WITH ORDINALITY AS p (body, form, extras, part)",
        session.scope.tenant_id,
        reply.conversation_id,
        reply.account_id,
        reply.turn_id,
        message_id,
        position,
        reply.kind,
        reply.channel_id,
        reply.thread_id,
        reply.owner_epoch,
        [part.text for part in reply.parts],
        [part.form for part in reply.parts],
        [json.dumps(part.extras()) for part in reply.parts],
        first_id,
    )
    await queue.bump(session, reply.conversation_id, "send")
    return message_id
