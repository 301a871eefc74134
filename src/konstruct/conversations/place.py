"""Where what the business says in a conversation goes, and how its channel will show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from konstruct.conversations import outbox
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError

Render = Callable[[str, str, "str | None", "frozenset[str]", str], list[Part]]
"""The channel's rendering: kind, channel, thread, participants, text → the parts that will be shown. Pure."""


@dataclass(frozen=True, slots=True)
class Place:
    """A locked conversation: who answers it, and where an answer goes (the thread of the last message asked)."""

    conversation_id: UUID
    account_id: UUID
    channel_kind: str
    channel_id: str
    thread_id: str | None
    participants: frozenset[str] = field(repr=False)
    owner: Literal["ai", "human"]
    owner_epoch: int
    business: str
    employee: str
    window_closed: bool = False
    """Whether it is a contact's who may not be written to freely now: only a template gets through."""

    def parts(self, render: Render, text: str) -> list[Part]:
        """Return `text` as the channel will show it; empty if it shows nothing."""
        return render(self.channel_kind, self.channel_id, self.thread_id, self.participants, text)


_LOCK = """
SELECT c.id AS conversation_id, c.account_id, c.channel_id, c.owner, c.owner_epoch, a.kind AS channel_kind,
  c.kind = 'contact' AND coalesce(k.window_expires_at <= now() + interval '60 seconds',
    NOT EXISTS (SELECT 1 FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.direction = 'in')
  ) AS window_closed,
  b.name AS business, g.name AS employee,
  (SELECT m.thread_id FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.direction = 'in' AND m.addressed
   ORDER BY m.seq DESC LIMIT 1) AS thread_id,
  ARRAY(SELECT DISTINCT k.external_id FROM messages m JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
        WHERE m.tenant_id = $1 AND m.conversation_id = $2 LIMIT 200) AS participants
FROM conversations c
JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
JOIN tenants b ON b.tenant_id = c.tenant_id
JOIN agents g ON g.tenant_id = c.tenant_id AND g.id = c.agent_id
LEFT JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
WHERE c.tenant_id = $1 AND c.id = $2 FOR NO KEY UPDATE OF c
"""


async def lock(session: TenantSession, conversation_id: UUID) -> Place:
    """Lock the conversation and return its place. Raises NotFoundError."""
    row = await session.fetchrow(_LOCK, session.scope.tenant_id, conversation_id)
    if row is None:
        raise NotFoundError(f"there is no conversation {conversation_id}")
    values = dict(row)
    return Place(**values | {"participants": frozenset(values["participants"])})


async def say(
    session: TenantSession,
    place: Place,
    kind: Literal["human", "notice"],
    text: str,
    parts: list[Part],
    *,
    owner_epoch: int,
    first_id: UUID | None = None,
) -> UUID:
    """Put `text` into the outbox of a locked conversation; return the id of its message. `first_id`: see `outbox.put`."""
    reply = Reply(
        conversation_id=place.conversation_id,
        account_id=place.account_id,
        channel_id=place.channel_id,
        thread_id=place.thread_id,
        owner_epoch=owner_epoch,
        kind=kind,
        text=text,
        parts=parts,
    )
    return await outbox.put(session, reply, first_id=first_id)
