"""SQL of forgetting a person. `$2` is the account, `$3` the person there, `$4` the moment up to which everything goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from konstruct.conversations.changes_repository import Post
from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to forget, and what they did until when."""

    account_id: UUID
    external_id: str
    until: datetime
    names: tuple[str, ...] = ()
    """The other ids that the provider has, or had, for them."""


Place = tuple[datetime, UUID]
"""Where a page of raw deliveries ends."""
START: Place = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))

# A conversation with one person alone is theirs altogether: both sides of it.
_THEIRS = """
theirs AS MATERIALIZED (
  SELECT c.id FROM conversations c WHERE c.tenant_id = $1 AND c.account_id = $2 AND c.kind <> 'thread'
    AND c.audience = 'person' AND c.audience_key = $3
)
"""
_DIRECT = f"""
WITH {_THEIRS}, old AS (
  SELECT m.id FROM messages m JOIN theirs t ON m.conversation_id = t.id
  WHERE m.tenant_id = $1 AND m.created_at <= $4 AND m.state <> 'in_turn'
    AND NOT EXISTS (SELECT 1 FROM deliveries d
      WHERE d.tenant_id = $1 AND d.message_id = m.id AND d.state IN ('pending', 'sending', 'unknown'))
  ORDER BY m.id LIMIT $5
), gone AS (
  DELETE FROM messages m USING old o WHERE m.tenant_id = $1 AND m.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
# What a turn thought and called; that there was one, and what it cost, stays.
_STEPS = f"""
WITH {_THEIRS}, old AS (
  SELECT r.id FROM turns r JOIN theirs t ON r.conversation_id = t.id
  WHERE r.tenant_id = $1 AND r.state = 'done' AND r.finished_at <= $4 AND NOT EXISTS (
    SELECT 1 FROM messages m WHERE m.tenant_id = $1 AND m.turn_id = r.id)
    AND (r.recalls <> '[]' OR EXISTS (SELECT 1 FROM steps s WHERE s.tenant_id = $1 AND s.turn_id = r.id)
      OR EXISTS (SELECT 1 FROM tool_calls c WHERE c.tenant_id = $1 AND c.turn_id = r.id))
  ORDER BY r.id LIMIT $5
), no_calls AS (
  DELETE FROM tool_calls c USING old o WHERE c.tenant_id = $1 AND c.turn_id = o.id
), no_steps AS (
  DELETE FROM steps s USING old o WHERE s.tenant_id = $1 AND s.turn_id = o.id
), gone AS (
  UPDATE turns r SET recalls = '[]', failure = NULL FROM old o WHERE r.tenant_id = $1 AND r.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
_SUMMARIES = f"""
WITH {_THEIRS}, old AS (
  SELECT s.id FROM summaries s JOIN theirs t ON s.conversation_id = t.id WHERE s.tenant_id = $1 AND s.created_at <= $4
  UNION SELECT s.id FROM summaries s WHERE s.tenant_id = $1 AND s.created_at <= $4 AND EXISTS (
    SELECT 1 FROM messages m JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
    WHERE m.tenant_id = $1 AND m.conversation_id = s.conversation_id AND m.seq BETWEEN s.from_seq AND s.to_seq
      AND k.account_id = $2 AND k.external_id = $3)
  LIMIT $5
), gone AS (
  DELETE FROM summaries s USING old o WHERE s.tenant_id = $1 AND s.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
_ARCHIVE = f"""
WITH {_THEIRS}, old AS (
  SELECT d.id FROM delivery_archive d JOIN theirs t ON d.conversation_id = t.id
  WHERE d.tenant_id = $1 AND d.created_at <= $4 ORDER BY d.id LIMIT $5
), gone AS (
  DELETE FROM delivery_archive d USING old o WHERE d.tenant_id = $1 AND d.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
_NOTES = f"""
WITH {_THEIRS}, old AS (
  SELECT n.id FROM conversation_notes n JOIN theirs t ON n.conversation_id = t.id
  WHERE n.tenant_id = $1 AND n.created_at <= $4 ORDER BY n.id LIMIT $5
), gone AS (
  DELETE FROM conversation_notes n USING old o WHERE n.tenant_id = $1 AND n.id = o.id RETURNING 1
) SELECT count(*) FROM gone
"""
STEPS = {
    "summaries": _SUMMARIES,
    "direct": _DIRECT,
    "steps": _STEPS,
    "archive": _ARCHIVE,
    "notes": _NOTES,
}
"""In this order: a summary names the last message that it stands for; a turn is emptied when its messages are gone."""


async def names(session: TenantSession, person: Person) -> tuple[str, ...]:
    """Return the other ids of a person."""
    rows = await session.fetch(
        "SELECT a.alias FROM contacts k JOIN contact_aliases a ON a.tenant_id = k.tenant_id AND a.contact_id = k.id"
        " WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.external_id = $3 ORDER BY a.alias",
        session.scope.tenant_id,
        person.account_id,
        person.external_id,
    )
    return tuple(row["alias"] for row in rows)


async def step(session: TenantSession, sql: str, person: Person, limit: int) -> int:
    """Take one of STEPS, `limit` rows at most; return how many there were, less than `limit` for the last."""
    return int(await session.fetchval(sql, session.scope.tenant_id, person.account_id, person.external_id, person.until, limit))


async def in_threads(session: TenantSession, person: Person, limit: int) -> list[Post]:
    """Return up to `limit` of the person's own messages in channels that still say something, the oldest first."""
    rows = await session.fetch(
        "SELECT m.id, m.conversation_id FROM messages m JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id"
        " JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id"
        " WHERE m.tenant_id = $1 AND k.account_id = $2 AND k.external_id = $3 AND c.kind = 'thread' AND m.created_at <= $4"
        "   AND m.deleted_at IS NULL ORDER BY m.id LIMIT $5",
        session.scope.tenant_id,
        person.account_id,
        person.external_id,
        person.until,
        limit,
    )
    return [Post(**row) for row in rows]


async def forget_deliveries(session: TenantSession, person: Person, after: Place, limit: int) -> Place | None:
    """Look at the next `limit` deliveries of the account as they came in, and delete those in which an id of the person stands;
    return where to go on, None behind the last. Of the other ids, a phone number may be a part of somebody else's: they count
    as a whole value."""
    row = await session.fetchrow(
        "WITH page AS MATERIALIZED (SELECT received_at, id, account_id, body FROM inbound_events"
        "   WHERE tenant_id = $1 AND (received_at, id) > ($4, $5) AND received_at <= $6 ORDER BY received_at, id LIMIT $7),"
        " gone AS (DELETE FROM inbound_events e USING page p WHERE e.tenant_id = $1 AND e.received_at = p.received_at"
        "   AND e.id = p.id AND p.account_id = $2 AND (position(convert_to($3, 'UTF8') IN p.body) > 0 OR EXISTS"
        "     (SELECT 1 FROM unnest($8::text[]) AS n WHERE position(convert_to('\"' || n || '\"', 'UTF8') IN p.body) > 0)))"
        " SELECT received_at, id, (SELECT count(*) FROM page) AS looked_at FROM page ORDER BY received_at DESC, id DESC LIMIT 1",
        session.scope.tenant_id,
        person.account_id,
        person.external_id,
        *after,
        person.until,
        limit,
        list(person.names),
    )
    return (row["received_at"], row["id"]) if row and row["looked_at"] == limit else None


async def finish(session: TenantSession, person: Person) -> int:
    """Forget the person's name and ratings; return how many of their messages are left, because they are being answered or
    what answers them is being sent."""
    ids = (session.scope.tenant_id, person.account_id, person.external_id)
    await session.execute(
        "DELETE FROM ratings r USING contacts k WHERE r.tenant_id = $1 AND k.tenant_id = $1 AND k.id = r.contact_id"
        " AND k.account_id = $2 AND k.external_id = $3 AND r.rated_at <= $4",
        *ids,
        person.until,
    )
    await session.execute(
        "UPDATE contacts SET display_name = NULL, named_at = NULL, context = NULL, context_at = NULL"
        " WHERE tenant_id = $1 AND account_id = $2 AND external_id = $3",
        *ids,
    )
    await _write_first_no_more(session, person)
    left = await session.fetchval(
        f"WITH {_THEIRS} SELECT count(*) FROM messages m JOIN theirs t ON m.conversation_id = t.id"
        " WHERE m.tenant_id = $1 AND m.created_at <= $4",
        *ids,
        person.until,
    )
    return int(left)


async def _write_first_no_more(session: TenantSession, person: Person) -> None:
    """End the person's consents, if they have given any. What proves them stays: the business must be able to show it."""
    ids = (session.scope.tenant_id, person.account_id, person.external_id, person.until)
    await session.execute(
        "SELECT consent_withdraw($1, k.id, 'forgotten', 'any', NULL, NULL, NULL, 'the person', $4) FROM contacts k"
        " WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.external_id = $3"
        "   AND EXISTS (SELECT 1 FROM consents c WHERE c.tenant_id = $1 AND c.contact_id = k.id)"
        "   AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.tenant_id = $1 AND w.contact_id = k.id"
        "     AND w.source = 'forgotten' AND w.withdrawn_at >= $4)",
        *ids,
    )
    await session.execute(
        "UPDATE contacts k SET opted_out_at = $4 WHERE k.tenant_id = $1 AND k.account_id = $2 AND k.external_id = $3"
        " AND k.opted_out_at IS NULL AND EXISTS (SELECT 1 FROM withdrawals w WHERE w.tenant_id = $1 AND w.contact_id = k.id"
        "   AND w.source = 'forgotten' AND w.withdrawn_at = $4)",
        *ids,
    )
