"""SQL that moves deliveries which were shown long ago out of the outbox, into partitions by month."""

from __future__ import annotations

from datetime import timedelta

from konstruct.db.session import TenantSession

_COLUMNS = (
    "tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind, channel_id, thread_id, body,"
    " owner_epoch, state, attempt, sending_since, sending_until, unknown_since, resent, external_id, reason, created_at, sent_at,"
    " form, extras, receipt, receipt_at, receipt_reason"
)
# A message moves if all of it was shown: a part of it that was not says so in `deliveries` for good. The oldest are the first
# of the primary key. The attempts go with their deliveries by their key; the statement sees them as they were before.
_MOVE = f"""
WITH old AS (
  SELECT d.id FROM deliveries d
  WHERE d.tenant_id = $1 AND d.id < first_id(now() - $2::interval) AND d.state = 'sent' AND d.sent_at < now() - $2::interval
    AND NOT EXISTS (SELECT 1 FROM deliveries o
      WHERE o.tenant_id = $1 AND o.message_id = d.message_id AND (o.state <> 'sent' OR o.sent_at >= now() - $2::interval))
    AND NOT EXISTS (SELECT 1 FROM dead_letters l WHERE l.tenant_id = $1 AND l.kind = 'delivery' AND l.delivery_id = d.id)
  ORDER BY d.id LIMIT $3 FOR UPDATE OF d SKIP LOCKED
), moved AS (
  DELETE FROM deliveries d USING old o WHERE d.tenant_id = $1 AND d.id = o.id RETURNING d.*
)
INSERT INTO delivery_archive ({_COLUMNS}, tries)
SELECT {_COLUMNS}, coalesce((
  SELECT jsonb_agg(to_jsonb(t) - 'tenant_id' - 'delivery_id' ORDER BY t.attempt) FROM delivery_attempts t
  WHERE t.tenant_id = $1 AND t.delivery_id = m.id), '[]')
FROM moved m
"""


async def move_some(session: TenantSession, after: timedelta, limit: int) -> int:
    """Move the tenant's oldest deliveries that were shown more than `after` ago; return how many, less than `limit` for the
    last. What somebody else holds is left."""
    return await session.execute(_MOVE, session.scope.tenant_id, after, limit)
