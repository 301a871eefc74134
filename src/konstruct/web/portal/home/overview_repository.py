"""What the morning page tells: the last day, what waits for a person, and how the channels are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.tenants.service import DEFAULT_PERSONA


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours beside the 24 before."""

    answered: int
    answered_before: int
    fallbacks: int
    people: int
    cost_micro: int | None
    """Millionths of a US dollar; None where calls were made and the price of none is known."""
    unpriced: int
    """Calls whose price is not known."""
    waiting: int
    """Conversations that wait for the employee now."""
    with_humans: int
    """Conversations that a human has, in which somebody waits."""
    dead_letters: int
    documents: int
    described: bool
    """Whether somebody has said who the employee is: in a version after the first, or when it was made."""
    tried: bool
    """Whether somebody of the business has asked the employee beside its form: a call without a turn."""


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A connected account."""

    id: UUID
    kind: str
    external_id: str
    status: str
    status_reason: str | None
    paused: bool
    last_message_at: datetime | None


_DAY = """
SELECT y.answered, y.answered_before, y.fallbacks, p.people, c.cost_micro, c.unpriced,
  (SELECT count(*) FROM ready_queue q WHERE q.tenant_id = $1 AND q.lane = 'turn' AND q.state <> 'idle') AS waiting,
  (SELECT count(DISTINCT m.conversation_id) FROM messages m JOIN conversations v ON v.tenant_id = m.tenant_id
     AND v.id = m.conversation_id WHERE m.tenant_id = $1 AND v.owner = 'human' AND m.state = 'human'
     AND m.created_at > now() - interval '7 days') AS with_humans,
  (SELECT count(*) FROM dead_letters l WHERE l.tenant_id = $1 AND l.resolved_at IS NULL) AS dead_letters,
  (SELECT count(*) FROM documents d WHERE d.tenant_id = $1) AS documents,
  EXISTS (SELECT 1 FROM persona_versions v WHERE v.tenant_id = $1 AND (v.version > 1 OR v.persona <> $4)) AS described,
  EXISTS (SELECT 1 FROM llm_calls k WHERE k.tenant_id = $1 AND k.turn_id IS NULL) AS tried
FROM (
  SELECT count(*) FILTER (WHERE outcome = 'answered' AND finished_at > now() - interval '1 day') AS answered,
    count(*) FILTER (WHERE outcome = 'answered' AND finished_at <= now() - interval '1 day') AS answered_before,
    count(*) FILTER (WHERE outcome = 'fallback' AND finished_at > now() - interval '1 day') AS fallbacks
  FROM turns WHERE tenant_id = $1 AND id > $2 AND finished_at > now() - interval '2 days'
) y CROSS JOIN (
  SELECT count(DISTINCT contact_id) AS people FROM messages
  WHERE tenant_id = $1 AND id > $3 AND direction = 'in' AND addressed AND created_at > now() - interval '1 day'
) p CROSS JOIN (
  SELECT sum(cost_micro)::bigint AS cost_micro, count(*) FILTER (WHERE cost_micro IS NULL AND outcome = 'ok') AS unpriced
  FROM llm_calls WHERE tenant_id = $1 AND id > $3 AND created_at > now() - interval '1 day'
) c
"""

_CHANNELS = """
SELECT a.id, a.kind, a.external_id, a.status, a.status_reason, a.paused_at IS NOT NULL AS paused, (
  SELECT c.last_message_at FROM conversations c WHERE c.tenant_id = $1 AND c.account_id = a.id
  ORDER BY c.last_message_at DESC LIMIT 1) AS last_message_at
FROM channel_accounts a WHERE a.tenant_id = $1 AND a.status <> 'disconnected' ORDER BY a.kind, a.external_id LIMIT 20
"""


async def read_day(session: TenantSession, two_days: UUID, one_day: UUID) -> Day:
    """Return the last day. `two_days` and `one_day` are the smallest ids of that age: ids are ordered by time."""
    row = await session.fetchrow(_DAY, session.scope.tenant_id, two_days, one_day, DEFAULT_PERSONA)
    assert row is not None
    return Day(**dict(row))


async def read_channels(session: TenantSession) -> list[ChannelLine]:
    """Return the accounts that are connected, or should be."""
    return [ChannelLine(**dict(row)) for row in await session.fetch(_CHANNELS, session.scope.tenant_id)]
