"""SQL of a conversation seen as a whole: its head, and the pane beside its thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from konstruct.conversations.notes_repository import Note, notes_of
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError

PEOPLE = 20
_RECENT = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wrote in the conversation, or whose it is."""

    id: UUID
    name: str
    external_id: str
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands above and beside the thread."""

    id: UUID
    kind: str
    channel: str
    account: str
    account_status: str
    channel_id: str
    owner: Literal["ai", "human"]
    owner_epoch: int
    answered_by: str | None
    """The colleague who took over."""
    owned_since: datetime | None
    employee: str
    since: datetime
    messages: int
    turns: int
    human_replies: int
    cost_micro: int
    unpriced_calls: int
    """Model calls whose price is not known: the cost does not hold them."""
    account_id: UUID
    contact_id: UUID | None
    """Whose conversation it is, where it is one contact's."""
    window_expires_at: datetime | None
    """Until when that contact may be written to freely, where that is kept."""
    time_zone: str
    """Of the business."""
    people: list[Person] = field(repr=False)
    notes: list[Note] = field(repr=False)


# Each count is over one index of the conversation's own rows.
_OVERVIEW = """
SELECT c.id, c.kind, a.kind AS channel, a.external_id AS account, a.status AS account_status, c.channel_id, c.owner,
  c.owner_epoch, e.member_name AS answered_by, e.created_at AS owned_since, g.name AS employee, c.created_at AS since,
  c.next_seq - 1 AS messages, c.account_id, c.contact_id, w.window_expires_at, b.time_zone, u.cost_micro, u.unpriced_calls,
  (SELECT count(*) FROM turns t WHERE t.tenant_id = $1 AND t.conversation_id = $2) AS turns,
  (SELECT count(*) FROM human_messages h WHERE h.tenant_id = $1 AND h.conversation_id = $2) AS human_replies, p.people
FROM conversations c
JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
JOIN agents g ON g.tenant_id = c.tenant_id AND g.id = c.agent_id
JOIN tenants b ON b.tenant_id = c.tenant_id
LEFT JOIN contacts w ON w.tenant_id = c.tenant_id AND w.id = c.contact_id AND c.kind = 'contact'
LEFT JOIN conversation_events e
  ON e.tenant_id = c.tenant_id AND e.conversation_id = c.id AND e.owner_epoch = c.owner_epoch AND c.owner = 'human'
CROSS JOIN LATERAL (
  SELECT coalesce(sum(u.cost_micro), 0)::bigint AS cost_micro, coalesce(sum(u.unknown_cost_calls), 0)::bigint AS unpriced_calls
  FROM usage_conversations u WHERE u.tenant_id = $1 AND u.conversation_id = $2
) u
CROSS JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('id', k.id, 'name', coalesce(k.display_name, k.external_id),
    'external_id', k.external_id, 'first_seen', extract(epoch FROM k.created_at)) ORDER BY s.seq DESC) AS people
  FROM (
    SELECT r.contact_id, max(r.seq) AS seq FROM (
      (SELECT m.contact_id, m.seq FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $2 ORDER BY m.seq DESC LIMIT $3)
      UNION ALL SELECT c.contact_id, 0
    ) r WHERE r.contact_id IS NOT NULL GROUP BY r.contact_id ORDER BY seq DESC LIMIT $4
  ) s JOIN contacts k ON k.tenant_id = $1 AND k.id = s.contact_id
) p
WHERE c.tenant_id = $1 AND c.id = $2
"""


async def overview(session: TenantSession, conversation_id: UUID) -> Overview:
    """Return the conversation's head and pane. Raises NotFoundError."""
    row = await session.fetchrow(_OVERVIEW, session.scope.tenant_id, conversation_id, _RECENT, PEOPLE)
    if row is None:
        raise NotFoundError(f"there is no conversation {conversation_id}")
    values = dict(row)
    people = [_person(person) for person in orjson.loads(values.pop("people") or "[]")]
    return Overview(**values, people=people, notes=await notes_of(session, conversation_id))


async def exists(session: TenantSession, conversation_id: UUID) -> bool:
    """Return whether the tenant has that conversation."""
    sql = "SELECT EXISTS (SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2)"
    return bool(await session.fetchval(sql, session.scope.tenant_id, conversation_id))


def _person(found: dict[str, Any]) -> Person:
    return Person(UUID(found["id"]), found["name"], found["external_id"], datetime.fromtimestamp(float(found["first_seen"]), UTC))
