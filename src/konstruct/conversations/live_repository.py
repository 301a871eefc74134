"""SQL of a live thread: one cheap look that says whether anything changed, and from where on to read it again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError

LOOK_BACK = 30
"""Messages that a page which was away for a while is given again: what changed meanwhile is among them."""
MARGIN_S = 60
"""Of a reply window, what is kept back for the send itself."""
_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})(?:\.(\d{1,18}))?")


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a page has seen: everything up to `seq`, of which nothing before `open_from` was still changing; the owner; and until
    when the reply window is open."""

    seq: int
    open_from: int
    owner_epoch: int
    window: int = 0
    """Unix seconds; 0: it is closed, or there is none."""

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor that `str` made; None for anything else."""
        found = _CURSOR.fullmatch(text)
        return cls(*(int(number or 0) for number in found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.seq}.{self.open_from}.{self.owner_epoch}" + (f".{self.window}" if self.window else "")

    @property
    def resume_from(self) -> int:
        """The first message that a page may have missed a change of, when it comes back."""
        return max(1, min(self.open_from, self.seq + 1 - LOOK_BACK))


@dataclass(frozen=True, slots=True)
class Pulse:
    """The conversation's state as far as a thread shows it. Two equal pulses: nothing changed."""

    seq: int
    owner_epoch: int
    open: str
    """What is still under way, and how."""
    open_from: int
    window: int = 0
    """See `Cursor.window`."""

    @property
    def cursor(self) -> Cursor:
        """The cursor of a page that shows this."""
        return Cursor(self.seq, self.open_from, self.owner_epoch, self.window)


# Six probes of indexes that hold only what is under way, or was edited or deleted a moment ago.
_PULSE = """
SELECT c.next_seq - 1 AS seq, c.owner_epoch,
  coalesce((SELECT extract(epoch FROM k.window_expires_at)::bigint FROM contacts k WHERE k.tenant_id = $1 AND k.id = c.contact_id
    AND c.kind = 'contact' AND k.window_expires_at > now() + $3), 0) AS window,
  concat_ws('|', d.open, t.id, m.waiting, e.changed) AS open,
  least(c.next_seq, d.first, m.first, e.first,
    (SELECT min(i.seq) FROM messages i WHERE i.tenant_id = $1 AND i.turn_id = t.id)) AS open_from
FROM conversations c
-- A page that is open when the business is suspended shows nothing that comes after it.
JOIN tenant_directory b ON b.tenant_id = c.tenant_id AND b.status = 'active'
CROSS JOIN LATERAL (
  SELECT string_agg(o.position || o.state || o.part || o.held, ',' ORDER BY o.position, o.part) AS open,
    min(o.position) AS first FROM (
    SELECT d.position, d.state, d.part, d.reason IS NOT DISTINCT FROM 'window_closed' AS held FROM deliveries d
    WHERE d.tenant_id = $1 AND d.conversation_id = $2 AND d.state IN ('pending', 'sending', 'unknown')
    ORDER BY d.position, d.part LIMIT 100) o
) d
LEFT JOIN turns t ON t.tenant_id = $1 AND t.conversation_id = $2 AND t.state = 'running'
CROSS JOIN LATERAL (
  SELECT count(*) AS waiting, min(w.seq) AS first FROM (
    SELECT m.seq FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.state IN ('pending', 'held')
    ORDER BY m.sent_at DESC LIMIT 100) w
) m
CROSS JOIN LATERAL (
  SELECT max(x.changed_at) AS changed, min(x.seq) AS first FROM messages x
  WHERE x.tenant_id = $1 AND x.conversation_id = $2 AND x.changed_at > now() - interval '1 minute'
) e
WHERE c.tenant_id = $1 AND c.id = $2
"""


async def pulse(session: TenantSession, conversation_id: UUID) -> Pulse:
    """Return the conversation's pulse. Raises NotFoundError, also when the business is not active."""
    row = await session.fetchrow(_PULSE, session.scope.tenant_id, conversation_id, timedelta(seconds=MARGIN_S))
    if row is None:
        raise NotFoundError(f"there is no conversation {conversation_id}")
    return Pulse(**row)
