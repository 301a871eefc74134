"""SQL of a thread: messages in order, each with what became of it and of the turn that made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from konstruct.db.session import Record, TenantSession

PAGE = 50
WINDOW = 200
"""Most messages that a live page looks back for changes."""

Shown = Literal["sent", "pending", "held", "unknown", "failed", "cancelled", "partly"]
"""held: it waits for the reply window to open."""


@dataclass(frozen=True, slots=True)
class TurnLine:
    """A turn, folded to one line."""

    id: UUID
    running: bool
    outcome: str | None
    reason: str | None
    """Why the answer was a fallback."""
    ms: int | None
    steps: int
    tools: int
    calls: int
    cost_micro: int | None
    """None where a price is not known."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the thread shows it."""

    id: UUID
    seq: int
    author: Literal["contact", "ai", "human"]
    who: str | None
    """The person's name, or the colleague's; None for the employee."""
    text: str = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    state: str
    """withdrawn: deleted by whoever wrote it; nothing of it is left. settled: done at once, with nobody to answer it."""
    at: datetime
    edited_at: datetime | None
    event: Literal["taken_over", "handed_back", "asked_for_human"] | None
    """Set if this is how the end user was told of a takeover or a hand-back by `who`, or that a human was asked for."""
    delivery: Shown | None
    """What became of it on its way out; None for what came in."""
    delivery_reason: str | None
    turn: TurnLine | None
    """The turn that answered with it; or that ended, or goes on, without an answer to it."""
    good: int
    """How many people rate it as good, and how many as bad."""
    bad: int
    comments: tuple[str, ...] = field(repr=False)
    """What those say about it who rate it as bad, the oldest first."""


_MESSAGES = """
SELECT m.id, m.seq, m.author, m.text, m.attachments, m.state, m.sent_at AS at, m.turn_id, m.direction, m.edited_at,
  coalesce(e.member_name, h.member_name, k.display_name, k.external_id) AS who, e.kind AS event,
  d.parts, d.sent, d.failed, d.cancelled, d.unknown, d.held, d.reason AS delivery_reason,
  t.state = 'running' AS running, t.outcome, t.reason AS turn_reason, t.ms, s.steps, c.tools, l.calls, l.cost_micro,
  r.good, r.bad, r.comments
FROM messages m
LEFT JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
LEFT JOIN conversation_events e ON e.tenant_id = m.tenant_id AND e.message_id = m.id
LEFT JOIN human_messages h ON h.tenant_id = m.tenant_id AND h.message_id = m.id
-- A message of which all was shown long ago has no rows left here: no part of it is wanting.
LEFT JOIN LATERAL (
  SELECT count(*) AS parts, count(*) FILTER (WHERE d.state = 'sent') AS sent,
    count(*) FILTER (WHERE d.state = 'failed') AS failed,
    count(*) FILTER (WHERE d.state = 'cancelled') AS cancelled, count(*) FILTER (WHERE d.state = 'unknown') AS unknown,
    count(*) FILTER (WHERE d.state = 'pending' AND d.reason = 'window_closed') AS held,
    max(d.reason) FILTER (WHERE d.state IN ('failed', 'cancelled')) AS reason
  FROM deliveries d WHERE d.tenant_id = m.tenant_id AND d.message_id = m.id
) d ON m.direction = 'out'
LEFT JOIN LATERAL (
  SELECT count(*) FILTER (WHERE r.good) AS good, count(*) FILTER (WHERE NOT r.good) AS bad,
    array_agg(r.comment ORDER BY r.rated_at, r.contact_id) FILTER (WHERE r.comment IS NOT NULL) AS comments
  FROM ratings r WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id
) r ON m.direction = 'out'
LEFT JOIN LATERAL (
  SELECT t.id, t.state, t.outcome, t.reason, (extract(epoch FROM t.finished_at - t.started_at) * 1000)::bigint AS ms
  FROM turns t WHERE t.tenant_id = m.tenant_id AND t.id = m.turn_id
    AND (m.direction = 'out' OR t.outcome IS NULL OR t.outcome IN ('handed_over', 'withdrawn'))
) t ON m.turn_id IS NOT NULL
LEFT JOIN LATERAL (SELECT count(*) AS steps FROM steps s WHERE s.tenant_id = m.tenant_id AND s.turn_id = t.id) s
  ON t.id IS NOT NULL
LEFT JOIN LATERAL (SELECT count(*) AS tools FROM tool_calls c WHERE c.tenant_id = m.tenant_id AND c.turn_id = t.id) c
  ON t.id IS NOT NULL
LEFT JOIN LATERAL (
  SELECT count(*) AS calls, CASE WHEN count(*) = count(l.cost_micro) THEN sum(l.cost_micro)::bigint END AS cost_micro
  FROM llm_calls l WHERE l.tenant_id = m.tenant_id AND l.turn_id = t.id AND l.id BETWEEN ids_from(t.id) AND ids_to(t.id)
) l ON t.id IS NOT NULL
WHERE m.tenant_id = $1 AND m.conversation_id = $2
"""


async def messages_before(session: TenantSession, conversation_id: UUID, seq: int | None, limit: int = PAGE) -> list[Message]:
    """Return up to `limit` messages before `seq` (None: the latest), in order."""
    rows = await session.fetch(
        f"{_MESSAGES} AND ($3::bigint IS NULL OR m.seq < $3) ORDER BY m.seq DESC LIMIT $4",
        session.scope.tenant_id,
        conversation_id,
        seq,
        limit,
    )
    return _messages(rows[::-1])


async def messages_from(session: TenantSession, conversation_id: UUID, seq: int) -> list[Message]:
    """Return the messages from `seq` on, in order; the latest WINDOW of them."""
    rows = await session.fetch(
        f"{_MESSAGES} AND m.seq >= $3 ORDER BY m.seq DESC LIMIT $4", session.scope.tenant_id, conversation_id, seq, WINDOW
    )
    return _messages(rows[::-1])


def _messages(rows: list[Record]) -> list[Message]:
    # A turn without an answer is shown once: under the last of the messages it was to answer.
    last = {row["turn_id"]: row["seq"] for row in rows if row["direction"] == "in"}
    return [_message(row, row["direction"] == "out" or last.get(row["turn_id"]) == row["seq"]) for row in rows]


def _message(row: Record, with_turn: bool) -> Message:
    return Message(
        id=row["id"],
        seq=row["seq"],
        author=row["author"],
        who=row["who"],
        text=row["text"],
        files=tuple(str(file.get("name") or "file") for file in orjson.loads(row["attachments"])),
        state=row["state"],
        at=row["at"],
        edited_at=row["edited_at"],
        event=row["event"],
        delivery=_shown(row) if row["direction"] == "out" else None,
        delivery_reason=row["delivery_reason"],
        turn=_turn(row) if with_turn and row["running"] is not None else None,
        good=row["good"] or 0,
        bad=row["bad"] or 0,
        comments=tuple(row["comments"] or ()),
    )


def _turn(row: Record) -> TurnLine:
    values: dict[str, Any] = {key: row[key] for key in ("running", "outcome", "ms", "steps", "tools", "calls", "cost_micro")}
    return TurnLine(id=row["turn_id"], reason=row["turn_reason"], **values)


def _shown(row: Record) -> Shown:
    """Return what the parts of a message came to together."""
    if row["parts"] == row["sent"]:
        return "sent"
    if row["failed"] + row["cancelled"] and row["sent"]:
        return "partly"
    if row["failed"]:
        return "failed"
    if row["cancelled"]:
        return "cancelled"
    if row["unknown"]:
        return "unknown"
    return "held" if row["held"] else "pending"
