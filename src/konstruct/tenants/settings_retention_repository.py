"""SQL of retention. What is under way is left for a later night; what counts money or answers stays without its words.

Each statement takes the oldest rows, `$3` of them, that are older than `$2` days, and returns how many it took. Ids grow
with time, so the oldest are the first of the primary key.
"""

from __future__ import annotations

from konstruct.db.session import TenantSession

# A summary stands for messages and goes with the first of them; what was to show a message goes with it by its key.
_MESSAGES = """
WITH old AS (
  SELECT m.id, m.conversation_id, m.seq FROM messages m
  WHERE m.tenant_id = $1 AND m.created_at < now() - make_interval(days => $2) AND m.state NOT IN ('pending', 'in_turn')
    AND NOT EXISTS (SELECT 1 FROM deliveries d
      WHERE d.tenant_id = $1 AND d.message_id = m.id AND d.state IN ('pending', 'sending', 'unknown'))
  ORDER BY m.id LIMIT $3
), no_summaries AS (
  DELETE FROM summaries s USING old o
  WHERE s.tenant_id = $1 AND s.conversation_id = o.conversation_id AND o.seq BETWEEN s.from_seq AND s.to_seq
), gone AS (
  DELETE FROM messages m USING old o WHERE m.tenant_id = $1 AND m.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
# What a turn thought and asked of tools; that there was one, and what it cost, stays.
_STEPS = """
WITH old AS (
  SELECT t.id FROM turns t
  WHERE t.tenant_id = $1 AND t.state = 'done' AND t.finished_at < now() - make_interval(days => $2)
    AND (EXISTS (SELECT 1 FROM steps s WHERE s.tenant_id = $1 AND s.turn_id = t.id)
      OR EXISTS (SELECT 1 FROM tool_calls c WHERE c.tenant_id = $1 AND c.turn_id = t.id))
  ORDER BY t.id LIMIT $3
), asked AS (
  DELETE FROM tool_calls c USING old o WHERE c.tenant_id = $1 AND c.turn_id = o.id
), gone AS (
  DELETE FROM steps s USING old o WHERE s.tenant_id = $1 AND s.turn_id = o.id
) SELECT count(*) FROM old
"""
_EVENTS = """
WITH old AS (
  SELECT e.received_at, e.id FROM inbound_events e
  WHERE e.tenant_id = $1 AND e.received_at < now() - make_interval(days => $2) ORDER BY e.received_at, e.id LIMIT $3
), gone AS (
  DELETE FROM inbound_events e USING old o
  WHERE e.tenant_id = $1 AND e.received_at = o.received_at AND e.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
# What was shown; nothing here is under way. By its own age, for no key leads here from a message that goes.
_ARCHIVE = """
WITH old AS (
  SELECT d.id FROM delivery_archive d
  WHERE d.tenant_id = $1 AND d.created_at < now() - make_interval(days => $2) ORDER BY d.id LIMIT $3
), gone AS (
  DELETE FROM delivery_archive d USING old o WHERE d.tenant_id = $1 AND d.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
_NOTES = """
WITH old AS (
  SELECT n.id FROM conversation_notes n
  WHERE n.tenant_id = $1 AND n.created_at < now() - make_interval(days => $2) ORDER BY n.id LIMIT $3
), gone AS (
  DELETE FROM conversation_notes n USING old o WHERE n.tenant_id = $1 AND n.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
CONTENT = {
    "messages": _MESSAGES,
    "delivery_archive": _ARCHIVE,
    "steps": _STEPS,
    "inbound_events": _EVENTS,
    "conversation_notes": _NOTES,
}


async def prune(session: TenantSession, content: str, days: int, limit: int) -> int:
    """Delete the oldest of one kind of content; return how many things that were, less than `limit` for the last."""
    return int(await session.fetchval(CONTENT[content], session.scope.tenant_id, days, limit))
