"""SQL that reads turns: the list of them, and one with all that it did, in one query each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class LoggedTurn:
    """A turn with its sums. `cost_micro` is None where the cost of a call is not known."""

    id: UUID
    conversation_id: UUID
    agent_id: UUID
    persona_version: int
    state: str
    outcome: str | None
    reason: str | None
    attempts: int
    started_at: datetime
    finished_at: datetime | None
    calls: int
    input_tokens: int
    output_tokens: int
    cost_micro: int | None


@dataclass(frozen=True, slots=True)
class TurnDetail:
    """A turn with what it answered and did; the rows as JSON objects, in their order."""

    turn: LoggedTurn
    asked: list[UUID]
    answer: UUID | None
    steps: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    tool_calls: list[dict[str, Any]]


# What each row adds up to is read for the page's rows only.
_TURN = """
SELECT t.id, t.conversation_id, t.agent_id, t.persona_version, t.state, t.outcome, t.reason, t.attempts, t.started_at,
  t.finished_at, l.calls, l.input_tokens, l.output_tokens, l.cost_micro{more}
FROM {turns} t
CROSS JOIN LATERAL (
  SELECT count(*) AS calls, coalesce(sum(l.input_tokens), 0)::bigint AS input_tokens,
    coalesce(sum(l.output_tokens), 0)::bigint AS output_tokens,
    CASE WHEN count(*) = count(l.cost_micro) THEN coalesce(sum(l.cost_micro), 0)::bigint END AS cost_micro
  FROM llm_calls l WHERE l.tenant_id = $1 AND l.turn_id = t.id AND l.id BETWEEN ids_from(t.id) AND ids_to(t.id)
) l
"""
_PAGE = f"""
WITH page AS MATERIALIZED (
  SELECT t.* FROM turns t
  WHERE t.tenant_id = $1 AND ($2::uuid IS NULL OR t.id < $2) AND ($3::uuid IS NULL OR t.conversation_id = $3)
    AND ($4::text IS NULL OR t.outcome = $4)
  ORDER BY t.id DESC LIMIT $5
)
{_TURN.format(turns="page", more="")} ORDER BY t.id DESC
"""
_MORE = """,
  ARRAY(SELECT m.id FROM messages m WHERE m.tenant_id = $1 AND m.turn_id = t.id AND m.direction = 'in' ORDER BY m.seq) AS asked,
  (SELECT m.id FROM messages m
   WHERE m.tenant_id = $1 AND m.turn_id = t.id AND m.direction = 'out' ORDER BY m.seq LIMIT 1) AS answer,
  (SELECT jsonb_agg(jsonb_build_object('position', s.position, 'kind', s.kind, 'text', s.content->>'text',
     'results', s.content->'results', 'created_at', s.created_at) ORDER BY s.position)
   FROM steps s WHERE s.tenant_id = $1 AND s.turn_id = t.id) AS step_rows,
  (SELECT jsonb_agg(to_jsonb(c) - 'tenant_id' - 'turn_id' ORDER BY c.step NULLS LAST, c.id)
   FROM llm_calls c WHERE c.tenant_id = $1 AND c.turn_id = t.id AND c.id BETWEEN ids_from(t.id) AND ids_to(t.id)) AS call_rows,
  (SELECT jsonb_agg(to_jsonb(u) - 'tenant_id' - 'turn_id' ORDER BY u.step, u.call_index)
   FROM tool_calls u WHERE u.tenant_id = $1 AND u.turn_id = t.id) AS tool_rows"""
_DETAIL = f"{_TURN.format(turns='turns', more=_MORE)} WHERE t.tenant_id = $1 AND t.id = $2"
_LISTS = ("step_rows", "call_rows", "tool_rows")


async def page(
    session: TenantSession,
    limit: int,
    *,
    before: UUID | None = None,
    conversation_id: UUID | None = None,
    outcome: str | None = None,
) -> list[LoggedTurn]:
    """Return up to `limit` turns, the newest first, older than `before`: ids are made in the order of time."""
    rows = await session.fetch(_PAGE, session.scope.tenant_id, before, conversation_id, outcome, limit)
    return [LoggedTurn(**row) for row in rows]


async def find(session: TenantSession, turn_id: UUID) -> TurnDetail | None:
    """Return a turn with all that it did, or None."""
    row = await session.fetchrow(_DETAIL, session.scope.tenant_id, turn_id)
    if row is None:
        return None
    values = dict(row)
    asked, answer = values.pop("asked"), values.pop("answer")
    steps, calls, tool_calls = (orjson.loads(values.pop(name) or "[]") for name in _LISTS)
    return TurnDetail(LoggedTurn(**values), asked, answer, steps, calls, tool_calls)
