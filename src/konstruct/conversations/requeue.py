"""What the employee is asked again when a human hands a conversation back: everything that nobody has answered."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.jobs import queue

_LOOK_BACK = 200
"""Answers made right before the takeover, of which one may have been taken back."""

# Not answered is what came after a human's last reply and (a) was left to the human, (b) is in a turn that began before the
# takeover and will end without an answer, or (c) got an answer of which the takeover let nothing go out.
_ASK = """
WITH replied AS (
  SELECT coalesce(max(h.seq), 0) AS seq FROM human_messages h WHERE h.tenant_id = $1 AND h.conversation_id = $2
), unseen AS (
  SELECT d.turn_id FROM conversation_events e
  JOIN messages n ON n.tenant_id = e.tenant_id AND n.id = e.message_id
  JOIN deliveries d ON d.tenant_id = e.tenant_id AND d.conversation_id = e.conversation_id
    AND d.position BETWEEN n.seq - $4 AND n.seq
  WHERE e.tenant_id = $1 AND e.conversation_id = $2 AND e.owner_epoch = $3 - 1 AND d.turn_id IS NOT NULL
  GROUP BY d.turn_id HAVING bool_and(d.state IN ('pending', 'cancelled') AND NOT d.resent)
)
UPDATE messages m SET state = 'pending', turn_id = NULL
FROM replied r
WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.direction = 'in' AND m.addressed AND m.seq > r.seq
  AND (m.state IN ('human', 'in_turn') OR m.state = 'answered' AND m.turn_id IN (SELECT turn_id FROM unseen))
"""


async def ask_again(session: TenantSession, conversation_id: UUID, epoch: int) -> int:
    """Make what nobody has answered pending, and the conversation ready; return how many messages. `epoch` is the new one.

    The conversation's row is locked by the caller, so that no turn ends and no message arrives meanwhile.
    """
    asked = await session.execute(_ASK, session.scope.tenant_id, conversation_id, epoch, _LOOK_BACK)
    if asked:
        await queue.bump(session, conversation_id, "turn")
    return asked
