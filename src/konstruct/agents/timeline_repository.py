"""SQL of a turn's timeline: four queries, each by a key."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import Record, TenantSession

_TURN = """
SELECT t.id, t.conversation_id, t.state, t.outcome, t.reason, t.attempts, t.started_at, t.finished_at, t.deadline_at,
  t.persona_version, t.recalls, t.failure, now() AS read_at, c.kind AS conversation_kind, a.kind AS channel_kind,
  g.name AS employee, to_jsonb(t) - 'tenant_id' - 'recalls' AS raw,
  (SELECT jsonb_agg(to_jsonb(m) - 'tenant_id' || jsonb_build_object('name', k.display_name) ORDER BY m.sent_at, m.seq)
   FROM messages m LEFT JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
   WHERE m.tenant_id = $1 AND m.turn_id = t.id AND m.direction = 'in') AS asked,
  (SELECT jsonb_agg(jsonb_build_object('file_id', f.file_id, 'chars', length(f.text), 'left_out', f.left_out, 'reason', f.reason,
     'read_ms', (extract(epoch FROM f.read_at - t.started_at) * 1000)::bigint) ORDER BY f.read_at, f.file_id)
   FROM messages m JOIN message_files f ON f.tenant_id = m.tenant_id AND f.message_id = m.id
   WHERE m.tenant_id = $1 AND m.turn_id = t.id AND m.direction = 'in') AS files,
  (SELECT min(m.created_at) FROM messages m
   WHERE m.tenant_id = $1 AND m.turn_id = t.id AND m.direction = 'in') AS asked_at,
  (SELECT m.text FROM messages m WHERE m.tenant_id = $1 AND m.turn_id = t.id AND m.direction = 'out' LIMIT 1) AS answer,
  (SELECT jsonb_agg(to_jsonb(l) - 'tenant_id' ORDER BY l.created_at, l.id) FROM dead_letters l
   WHERE l.tenant_id = $1 AND l.conversation_id = t.conversation_id AND l.turn_id = t.id) AS letters
FROM turns t
JOIN conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
JOIN agents g ON g.tenant_id = t.tenant_id AND g.id = t.agent_id
WHERE t.tenant_id = $1 AND t.id = $2
"""

_STEPS = """
SELECT s.position, s.kind, s.started_ms, s.ended_ms, s.created_at, to_jsonb(s) - 'tenant_id' AS raw,
  (SELECT jsonb_agg(to_jsonb(c) - 'tenant_id' ORDER BY c.call_index) FROM tool_calls c
   WHERE c.tenant_id = $1 AND c.turn_id = $2 AND c.step = s.position) AS calls
FROM steps s WHERE s.tenant_id = $1 AND s.turn_id = $2 ORDER BY s.position
"""

_CALLS = """
SELECT l.step, l.model, l.outcome, l.input_tokens, l.cached_tokens, l.output_tokens, l.cost_micro, l.latency_ms,
  l.first_token_ms, l.started_ms, l.created_at, to_jsonb(l) - 'tenant_id' AS raw
FROM llm_calls l WHERE l.tenant_id = $1 AND l.turn_id = $2 AND l.id BETWEEN ids_from($2) AND ids_to($2)
ORDER BY l.step, l.started_ms, l.id
"""

# A delivery that was shown long ago carries its attempts.
_DELIVERIES = """
SELECT d.id, d.part, d.state, d.attempt, d.reason, d.external_id, d.created_at, d.sent_at, to_jsonb(d) - 'tenant_id' AS raw,
  t.attempt AS try, t.started_at AS try_started_at, t.ended_at AS try_ended_at, t.outcome AS try_outcome, t.reason AS try_reason
FROM deliveries d LEFT JOIN delivery_attempts t ON t.tenant_id = d.tenant_id AND t.delivery_id = d.id
WHERE d.tenant_id = $1 AND d.turn_id = $2
UNION ALL
SELECT d.id, d.part, d.state, d.attempt, d.reason, d.external_id, d.created_at, d.sent_at, to_jsonb(d) - 'tenant_id' - 'tries',
  t.attempt, t.started_at, t.ended_at, t.outcome, t.reason
FROM messages m
JOIN delivery_archive d ON d.tenant_id = $1 AND d.message_id = m.id AND d.id BETWEEN ids_from($2) AND ids_to($2)
LEFT JOIN LATERAL jsonb_to_recordset(d.tries)
  AS t (attempt integer, started_at timestamptz, ended_at timestamptz, outcome text, reason text) ON true
WHERE m.tenant_id = $1 AND m.turn_id = $2 AND m.direction = 'out' AND d.turn_id = $2
ORDER BY part, try
"""


async def find_turn(session: TenantSession, turn_id: UUID) -> Record | None:
    """Return the turn with what it was asked, what it answered and its dead letters; None if the tenant has none of that id."""
    return await session.fetchrow(_TURN, session.scope.tenant_id, turn_id)


async def steps(session: TenantSession, turn_id: UUID) -> list[Record]:
    """Return the turn's steps in order, each with the tool calls it asked for."""
    return await session.fetch(_STEPS, session.scope.tenant_id, turn_id)


async def calls(session: TenantSession, turn_id: UUID) -> list[Record]:
    """Return the attempts at a model, in order."""
    return await session.fetch(_CALLS, session.scope.tenant_id, turn_id)


async def deliveries(session: TenantSession, turn_id: UUID) -> list[Record]:
    """Return the turn's deliveries in order, one row for each attempt at sending, and one for a delivery without any."""
    return await session.fetch(_DELIVERIES, session.scope.tenant_id, turn_id)
