"""SQL of search: postings of what is indexed, and the few messages that are not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from konstruct.db.session import Record, TenantSession

LATE_MS = 120_000
"""A message may become visible this long after its id was made; the index looks back so far."""
EXPANSIONS = 50
"""Terms that a word being typed may become."""
TAIL_MAX = 2000
_BEYOND = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Found:
    """A message with what the result shows of it."""

    id: UUID
    conversation_id: UUID
    seq: int
    author: str
    text: str = field(repr=False)
    at: datetime
    name: str | None
    """The name of whoever wrote it, or what the provider calls them; None for the employee."""
    person: str | None
    channel: str
    channel_id: str


# A message's words are its text's and its author's. What the provider calls somebody is shown, and not searched.
_FOUND = """
SELECT m.id, m.conversation_id, m.seq, m.author, m.text, m.sent_at AS at, coalesce(h.member_name, k.display_name) AS name,
  coalesce(h.member_name, k.display_name, k.external_id) AS person, a.kind AS channel, c.channel_id
FROM messages m
JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
LEFT JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
LEFT JOIN human_messages h ON h.tenant_id = m.tenant_id AND h.message_id = m.id
"""
# One probe per term: each finds the next term behind the last one.
_STATE = """
WITH RECURSIVE grown AS (
  (SELECT p.term FROM message_terms p WHERE p.tenant_id = $1 AND p.term >= $2 AND p.term < $3 ORDER BY p.term LIMIT 1)
  UNION ALL
  SELECT (SELECT p.term FROM message_terms p WHERE p.tenant_id = $1 AND p.term > g.term AND p.term < $3 ORDER BY p.term LIMIT 1)
  FROM grown g WHERE g.term IS NOT NULL
)
SELECT (SELECT s.indexed_to FROM search_progress s WHERE s.tenant_id = $1) AS indexed_to,
  ARRAY(SELECT g.term FROM grown g WHERE g.term IS NOT NULL LIMIT $4) AS grown
"""
_UNINDEXED = "NOT EXISTS (SELECT 1 FROM message_terms p WHERE p.tenant_id = $1 AND p.message_id = m.id)"


async def read_state(session: TenantSession, prefix: str | None) -> tuple[UUID, list[str]]:
    """Return the first id that may not be indexed, and the terms that begin with `prefix`, EXPANSIONS at most."""
    low, high = (prefix, prefix + _BEYOND) if prefix else ("", "")
    row = await session.fetchrow(_STATE, session.scope.tenant_id, low, high, EXPANSIONS)
    assert row is not None
    return unindexed_from(row["indexed_to"] or UUID(int=0)), list(row["grown"])


async def find(session: TenantSession, slots: Sequence[Sequence[str]], before: UUID, limit: int) -> list[Found]:
    """Return messages that hold one term of each of `slots`, the newest first, older than `before`."""
    first, *others = slots
    also = "".join(
        " AND EXISTS (SELECT 1 FROM message_terms o"
        f" WHERE o.tenant_id = $1 AND o.term = ANY (${n}) AND o.message_id = p.message_id)"
        for n in range(5, 5 + len(others))
    )
    # One term has its messages in order already; of several, each message must count once.
    which = "p.term = $2" if len(first) == 1 else "p.term = ANY ($2)"
    distinct = "" if len(first) == 1 else "DISTINCT "
    sql = (
        f"WITH hits AS MATERIALIZED (SELECT {distinct}p.message_id FROM message_terms p"
        f" WHERE p.tenant_id = $1 AND {which} AND p.message_id < $3{also} ORDER BY p.message_id DESC LIMIT $4)"
        f" {_FOUND} JOIN hits ON hits.message_id = m.id WHERE m.tenant_id = $1 ORDER BY m.id DESC"
    )
    wanted: Any = first[0] if len(first) == 1 else list(first)
    rows = await session.fetch(sql, session.scope.tenant_id, wanted, before, limit, *(list(slot) for slot in others))
    return [_found(row) for row in rows]


async def tail(session: TenantSession, since: UUID, before: UUID) -> list[Found]:
    """Return the messages that are not indexed yet, the newest first, TAIL_MAX at most."""
    rows = await session.fetch(
        f"{_FOUND} WHERE m.tenant_id = $1 AND m.id >= $2 AND m.id < $3 AND {_UNINDEXED} ORDER BY m.id DESC LIMIT $4",
        session.scope.tenant_id,
        since,
        before,
        TAIL_MAX,
    )
    return [_found(row) for row in rows]


def unindexed_from(indexed_to: UUID) -> UUID:
    """Return the first id that may lack its postings: LATE_MS before the last one that has them."""
    return UUID(int=max(0, (indexed_to.int >> 80) - LATE_MS) << 80)


def _found(row: Record) -> Found:
    return Found(**row)


async def lock_progress(session: TenantSession) -> UUID | None:
    """Return up to where the tenant is indexed, locked; None if another worker is at it."""
    found: UUID | None = await session.fetchval(
        "SELECT indexed_to FROM search_progress WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED", session.scope.tenant_id
    )
    return found


async def unindexed(session: TenantSession, since: UUID, limit: int) -> list[Record]:
    """Return `id`, `text` and the author's `name` of messages without postings, the oldest first."""
    return await session.fetch(
        "SELECT m.id, m.text, coalesce(h.member_name, k.display_name) AS name FROM messages m"
        " LEFT JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id"
        " LEFT JOIN human_messages h ON h.tenant_id = m.tenant_id AND h.message_id = m.id"
        f" WHERE m.tenant_id = $1 AND m.id >= $2 AND {_UNINDEXED} ORDER BY m.id LIMIT $3",
        session.scope.tenant_id,
        since,
        limit,
    )


async def add_postings(session: TenantSession, postings: Sequence[tuple[str, UUID]], indexed_to: UUID, again_s: float) -> None:
    """Store postings, note how far the tenant is indexed, and look again after `again_s` seconds."""
    tenant_id = session.scope.tenant_id
    # Each posting's message is looked up by its key, for which no tenant's size makes another plan better: planning anew, as
    # the app role does elsewhere, took ten times as long as the rest.
    await session.execute(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"
    )
    await session.execute(
        "INSERT INTO message_terms (tenant_id, term, message_id) SELECT $1, t, m FROM unnest($2::text[], $3::uuid[]) AS p (t, m)"
        " ON CONFLICT DO NOTHING",
        tenant_id,
        [term for term, _ in postings],
        [message_id for _, message_id in postings],
    )
    await session.execute(
        "UPDATE search_progress SET indexed_to = greatest(indexed_to, $2),"
        " due_at = least(due_at, now() + make_interval(secs => $3)) WHERE tenant_id = $1",
        tenant_id,
        indexed_to,
        again_s,
    )
