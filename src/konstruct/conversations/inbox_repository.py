"""SQL of the inbox: the conversations of a tenant, the latest first, with what each looks like from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from konstruct.db.session import TenantSession

State = Literal["ai", "waiting", "human"]
Show = Literal["all", "ai", "waiting", "human", "needs_me"]
PAGE = 30
MOMENT = timedelta(seconds=5)
"""An answer takes a moment; what waits for longer is waiting."""
_LINE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which conversations to list."""

    show: Show = "all"
    channel: str | None = None
    account_id: UUID | None = None
    contact_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends: the next one begins right behind it."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation in the list."""

    id: UUID
    at: datetime
    channel: str
    account: str
    kind: str
    channel_id: str
    state: State
    person: str | None
    """The name of whoever wrote last, or what the provider calls them; of nobody yet, whose conversation it is."""
    author: str | None
    """Who wrote the last line: contact, ai or human."""
    line_by: str | None
    """The colleague who wrote it, if one did."""
    line: str
    files: int
    deleted: bool
    """Whether the last line was deleted by whoever wrote it."""
    answered_by: str | None
    """The colleague who took over."""
    needs_me: bool
    """A human owns it, and somebody waits for that human's answer."""


_WAITING = (
    "EXISTS (SELECT 1 FROM ready_queue q WHERE q.tenant_id = $1 AND q.conversation_id = c.id"
    " AND q.state <> 'idle' AND q.ready_since < now() - $2::interval)"
)
_UNANSWERED = (
    "EXISTS (SELECT 1 FROM messages w WHERE w.tenant_id = $1 AND w.conversation_id = c.id AND w.state = 'human'"
    " AND w.seq > coalesce((SELECT max(h.seq) FROM human_messages h WHERE h.tenant_id = $1 AND h.conversation_id = c.id), 0))"
)
# From the few rows of the queue that are not idle, by its partial indexes: not from the many conversations.
_AMONG_WAITING = (
    "c.id IN (SELECT q.conversation_id FROM ready_queue q WHERE q.tenant_id = $1 AND q.lane IN ('turn', 'send')"
    " AND (q.state = 'ready' OR q.state = 'leased') AND q.ready_since < now() - $2::interval)"
)
_SHOWN: dict[Show, str] = {
    "all": "true",
    "ai": f"c.owner = 'ai' AND NOT {_WAITING}",
    "waiting": f"c.owner = 'ai' AND {_AMONG_WAITING}",
    "human": "c.owner = 'human'",
    "needs_me": f"c.owner = 'human' AND {_UNANSWERED}",
}

# The page is cut first; what each row looks like is then read for PAGE rows, whatever the tenant's size.
_LIST = """
WITH page AS MATERIALIZED (
  SELECT c.id, c.account_id, c.kind, c.channel_id, c.owner, c.owner_epoch, c.last_message_at, c.contact_id
  FROM conversations c WHERE c.tenant_id = $1 AND {where}
  ORDER BY c.last_message_at DESC, c.id DESC LIMIT {limit}
)
SELECT c.id, c.last_message_at AS at, a.kind AS channel, a.external_id AS account, c.kind, c.channel_id,
  CASE WHEN c.owner = 'human' THEN 'human' WHEN {waiting} THEN 'waiting' ELSE 'ai' END AS state,
  coalesce(p.person, w.display_name, w.external_id) AS person,
  l.author, l.line_by, coalesce(l.line, '') AS line, coalesce(l.files, 0) AS files,
  coalesce(l.deleted, false) AS deleted, e.member_name AS answered_by,
  c.owner = 'human' AND {unanswered} AS needs_me
FROM page c
JOIN channel_accounts a ON a.tenant_id = $1 AND a.id = c.account_id
LEFT JOIN contacts w ON w.tenant_id = $1 AND w.id = c.contact_id
LEFT JOIN LATERAL (
  SELECT m.author, left(m.text, {chars}) AS line, jsonb_array_length(m.attachments) AS files, h.member_name AS line_by,
    m.state = 'withdrawn' AS deleted
  FROM messages m LEFT JOIN human_messages h ON h.tenant_id = m.tenant_id AND h.message_id = m.id
  WHERE m.tenant_id = $1 AND m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1
) l ON true
LEFT JOIN LATERAL (
  SELECT coalesce(k.display_name, k.external_id) AS person FROM messages m
  JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
  WHERE m.tenant_id = $1 AND m.conversation_id = c.id ORDER BY m.seq DESC LIMIT 1
) p ON true
LEFT JOIN conversation_events e
  ON e.tenant_id = $1 AND e.conversation_id = c.id AND e.owner_epoch = c.owner_epoch AND c.owner = 'human'
ORDER BY c.last_message_at DESC, c.id DESC
"""


async def list_conversations(
    session: TenantSession, wanted: Filter, before: Cursor | None = None, limit: int = PAGE
) -> tuple[list[Listed], Cursor | None]:
    """Return one page, the latest first, and the cursor of the next one (None: this is the last)."""
    sql, args = _query(wanted, before, limit + 1)
    rows = [Listed(**row) for row in await session.fetch(sql, session.scope.tenant_id, MOMENT, *args)]
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], Cursor(rows[limit - 1].at, rows[limit - 1].id)


def _query(wanted: Filter, before: Cursor | None, limit: int) -> tuple[str, list[Any]]:
    """Return the statement and its arguments from $3 on. Its text is made of constants."""
    args: list[Any] = []
    clauses = [_SHOWN[wanted.show]]

    def bound(value: Any) -> str:
        args.append(value)
        return f"${len(args) + 2}"

    if wanted.channel is not None:
        clauses.append(
            f"c.account_id IN (SELECT a.id FROM channel_accounts a WHERE a.tenant_id = $1 AND a.kind = {bound(wanted.channel)})"
        )
    if wanted.account_id is not None:
        clauses.append(f"c.account_id = {bound(wanted.account_id)}")
    if wanted.contact_id is not None:
        spoke = f"SELECT m.conversation_id FROM messages m WHERE m.tenant_id = $1 AND m.contact_id = {bound(wanted.contact_id)}"
        clauses.append(f"c.id IN ({spoke})")
    if before is not None:
        clauses.append(f"(c.last_message_at, c.id) < ({bound(before.at)}, {bound(before.id)})")
    where, most = " AND ".join(clauses), bound(limit)
    sql = _LIST.format(where=where, limit=most, waiting=_WAITING, unanswered=_UNANSWERED, chars=_LINE_CHARS)
    return sql, args


@dataclass(frozen=True, slots=True)
class Account:
    """A connected account, for the filter."""

    id: UUID
    kind: str
    external_id: str


async def accounts(session: TenantSession) -> list[Account]:
    """Return the tenant's accounts, 100 at most."""
    rows = await session.fetch(
        "SELECT id, kind, external_id FROM channel_accounts WHERE tenant_id = $1 ORDER BY kind, external_id LIMIT 100",
        session.scope.tenant_id,
    )
    return [Account(**row) for row in rows]
