"""SQL of the answers that people see grow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from konstruct.conversations.answer_place import AnswerPlace
from konstruct.db.session import Record, TenantSession
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.ids import uuid7

State = Literal["opening", "growing", "still"]


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer of which people may see something."""

    turn_id: UUID
    delivery_id: UUID
    """The delivery that it becomes, or would have become."""
    account_id: UUID
    channel_id: str
    thread_id: str | None
    state: State
    external_id: str | None
    shown: int | None
    asked_at: datetime
    age_s: float
    over: bool
    """Whether its turn has come to its end."""
    elsewhere: bool
    """Whether the turn's answer is shown in other messages than this one."""


_LIVE = """
SELECT s.turn_id, s.delivery_id, s.account_id, s.channel_id, s.thread_id, s.state, s.external_id, s.shown, s.asked_at,
  extract(epoch FROM now() - s.begun_at)::float8 AS age_s, t.state = 'done' AS over,
  t.outcome <> 'handed_over' AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant_id = $1 AND d.id = s.delivery_id)
    AS elsewhere
FROM streams s JOIN turns t ON t.tenant_id = s.tenant_id AND t.id = s.turn_id
WHERE s.tenant_id = $1 AND s.conversation_id = $2
"""


async def live(session: TenantSession, conversation_id: UUID) -> list[Stream]:
    """Return the conversation's answers that have not come to their end; there is one at most."""
    rows = await session.fetch(_LIVE, session.scope.tenant_id, conversation_id)
    return [Stream(**dict(row)) for row in rows]


_BEGIN = """
INSERT INTO streams (tenant_id, turn_id, delivery_id, conversation_id, account_id, channel_id, thread_id, epoch, asked_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
FROM tenant_directory t JOIN channel_accounts a ON a.tenant_id = t.tenant_id AND a.id = $5
WHERE t.tenant_id = $1 AND t.status = 'active' AND a.status = 'active'
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant_id = $1 AND d.conversation_id = $4
    AND d.state IN ('pending', 'sending', 'unknown'))
ON CONFLICT DO NOTHING
"""


async def begin(session: TenantSession, place: AnswerPlace) -> UUID | None:
    """Commit to an answer that is about to be begun; return the id of its delivery, None if it may not be begun.

    Not while anything else of the conversation is on its way: what was said first is shown first. Raises LeaseLostError.
    """
    claim = place.claim
    # The conversation is locked before the queue's row, as everywhere: the other order would deadlock.
    owner_epoch = await session.fetchval(
        "SELECT owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2 AND owner = 'ai' FOR SHARE",
        claim.scope.tenant_id,
        claim.conversation_id,
    )
    await queue.fence(session, claim)
    if owner_epoch != place.owner_epoch:
        return None
    delivery_id = uuid7()
    begun = await session.execute(
        _BEGIN,
        claim.scope.tenant_id,
        place.turn_id,
        delivery_id,
        claim.conversation_id,
        place.account_id,
        place.channel_id,
        place.thread_id,
        claim.epoch,
        place.asked_at,
    )
    return delivery_id if begun else None


async def opened(session: TenantSession, turn_id: UUID, external_id: str, state: State) -> None:
    """The provider shows it, as `external_id`: the truth, whoever says it. Whether it still grows may not be known: it then
    counts as `growing`, which asks for one stop too many at the most."""
    await session.execute(
        "UPDATE streams SET state = $4, external_id = $3, shown = NULL"
        " WHERE tenant_id = $1 AND turn_id = $2 AND state = 'opening'",
        session.scope.tenant_id,
        turn_id,
        external_id,
        state,
    )


async def adopt(session: TenantSession, claim: Claim, turn_id: UUID) -> Record | None:
    """Go on with what an earlier claim of the turn began; return its state and external_id. Raises LeaseLostError."""
    await queue.fence(session, claim)
    return await session.fetchrow(
        "UPDATE streams SET epoch = $3, shown = NULL WHERE tenant_id = $1 AND turn_id = $2 RETURNING state, external_id",
        session.scope.tenant_id,
        turn_id,
        claim.epoch,
    )


_MAY = """
SELECT extract(epoch FROM q.lease_until - now())::float8 AS lease_s, t.status = 'active' AS tenant,
  a.status = 'active' AS account, c.owner = 'ai' AND c.owner_epoch = $4 AS ours
FROM ready_queue q
JOIN conversations c ON c.tenant_id = q.tenant_id AND c.id = q.conversation_id
JOIN tenant_directory t ON t.tenant_id = q.tenant_id
JOIN channel_accounts a ON a.tenant_id = q.tenant_id AND a.id = $5
WHERE q.tenant_id = $1 AND q.conversation_id = $2 AND q.lane = 'turn' AND q.epoch = $3 AND q.state = 'leased'
"""


@dataclass(frozen=True, slots=True)
class May:
    """Whether more of an answer may be shown. Nothing is locked: it holds for as long as the lease does by itself."""

    lease_s: float
    """Seconds for which nobody else can hold the turn."""
    tenant: bool
    account: bool
    ours: bool
    """Whether the employee still owns the conversation, unchanged."""


async def may_show(session: TenantSession, place: AnswerPlace) -> May | None:
    """Return what stands in the way of the next call for `place`; None if its claim has been lost."""
    row = await session.fetchrow(
        _MAY,
        place.claim.scope.tenant_id,
        place.claim.conversation_id,
        place.claim.epoch,
        place.owner_epoch,
        place.account_id,
    )
    return May(**dict(row)) if row else None


async def left_behind(session: TenantSession, place: AnswerPlace) -> bool:
    """Return whether the tenant is no longer active, and nobody has gone on with the turn since."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM tenant_directory WHERE tenant_id = $1 AND status <> 'active') AND NOT EXISTS"
            " (SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'turn' AND epoch > $3)",
            place.claim.scope.tenant_id,
            place.claim.conversation_id,
            place.claim.epoch,
        )
    )


async def settle(
    session: TenantSession, turn_id: UUID, state: State | None, external_id: str | None, shown: int | None
) -> UUID | None:
    """In the turn's last transaction: keep what is known of what people see; return the id of its delivery, None without it.

    `state` None: whoever ends the turn has shown nothing himself, and knows nothing.
    """
    found: UUID | None = await session.fetchval(
        "UPDATE streams SET state = CASE WHEN $4::text IS NULL THEN state ELSE coalesce($3, state) END,"
        "   external_id = coalesce($4, external_id), shown = $5 WHERE tenant_id = $1 AND turn_id = $2 RETURNING delivery_id",
        session.scope.tenant_id,
        turn_id,
        state,
        external_id,
        shown,
    )
    return found


async def forget(session: TenantSession, turn_id: UUID) -> None:
    """Nothing of it is to be seen, or it has come to its end."""
    await session.execute("DELETE FROM streams WHERE tenant_id = $1 AND turn_id = $2", session.scope.tenant_id, turn_id)


async def hand_on(session: TenantSession, delivery_id: UUID, heir_id: UUID) -> None:
    """Another delivery will be shown in the place of the one that could not."""
    await session.execute(
        "UPDATE streams SET delivery_id = $3, shown = NULL WHERE tenant_id = $1 AND delivery_id = $2",
        session.scope.tenant_id,
        delivery_id,
        heir_id,
    )


async def known_ids(session: TenantSession, account_id: UUID, channel_id: str, since: datetime) -> set[str]:
    """Return the names of the messages in a channel that deliveries explain, of about the time since then."""
    rows = await session.fetch(
        "SELECT external_id FROM deliveries WHERE tenant_id = $1 AND account_id = $2 AND channel_id = $3 AND state = 'sent'"
        " AND sent_at > $4::timestamptz - interval '5 minutes'",
        session.scope.tenant_id,
        account_id,
        channel_id,
        since,
    )
    return {row["external_id"] for row in rows}


_OPENING = """
SELECT s.conversation_id, s.turn_id FROM streams s
WHERE s.tenant_id = $1 AND s.account_id = $2 AND s.channel_id = $3 AND s.thread_id IS NOT DISTINCT FROM $4 AND s.state = 'opening'
  AND s.asked_at < $6 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant_id = $1 AND d.account_id = $2
    AND d.channel_id = $3 AND d.external_id = $5)
"""


async def opening(
    session: TenantSession, account_id: UUID, channel_id: str, thread_id: str | None, external_id: str, sent_at: datetime
) -> Record | None:
    """Return the conversation_id and turn_id of the answer that was being begun where a message of ours appeared that no
    delivery explains; None if there is none."""
    return await session.fetchrow(_OPENING, session.scope.tenant_id, account_id, channel_id, thread_id, external_id, sent_at)
