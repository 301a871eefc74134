"""SQL of ratings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the employee, and somebody of its conversation."""

    message_id: UUID
    conversation_id: UUID
    contact_id: UUID


@dataclass(frozen=True, slots=True)
class Share:
    """How many ratings there are, and how many of them are good."""

    good: int
    ratings: int

    @property
    def percent(self) -> int | None:
        """The good ones of a hundred; None without ratings."""
        return round(100 * self.good / self.ratings) if self.ratings else None


# A delivery's id is the only thing that is believed of a press: what it showed, where, and to whom stands in our rows.
_ANSWER = """
SELECT d.message_id, d.conversation_id, k.id AS contact_id FROM (
  SELECT message_id, conversation_id FROM deliveries
  WHERE tenant_id = $1 AND id = $3 AND account_id = $2 AND kind = 'reply'
  UNION ALL
  SELECT message_id, conversation_id FROM delivery_archive
  WHERE tenant_id = $1 AND id = $3 AND account_id = $2 AND kind = 'reply'
) d
JOIN messages a ON a.tenant_id = $1 AND a.id = d.message_id
JOIN contacts k ON k.tenant_id = $1 AND k.account_id = $2 AND k.external_id = $4
WHERE EXISTS (SELECT 1 FROM messages m WHERE m.tenant_id = $1 AND m.contact_id = k.id AND m.conversation_id = d.conversation_id)
"""
_SHARE = "SELECT count(*) FILTER (WHERE good) AS good, count(*) AS ratings FROM ratings WHERE tenant_id = $1"


async def find_answer(session: TenantSession, account_id: UUID, delivery_id: UUID, person: str) -> Answer | None:
    """Return the answer that a delivery of the account showed, if the person has written in its conversation."""
    row = await session.fetchrow(_ANSWER, session.scope.tenant_id, account_id, delivery_id, person)
    return Answer(**row) if row else None


async def put(session: TenantSession, answer: Answer, good: bool, pressed_at: datetime) -> bool:
    """Note a rating, unless a later one is known; return whether the person's rating is good now.

    What was said about a bad answer goes when it is found good after all.
    """
    now: bool = await session.fetchval(
        "WITH put AS (INSERT INTO ratings AS r (tenant_id, message_id, contact_id, conversation_id, good, pressed_at)"
        "   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, message_id, contact_id) DO UPDATE"
        "   SET good = excluded.good, pressed_at = excluded.pressed_at, rated_at = now(),"
        "     comment = CASE WHEN excluded.good THEN NULL ELSE r.comment END"
        "   WHERE r.pressed_at < excluded.pressed_at RETURNING good)"
        " SELECT good FROM put UNION ALL"
        " SELECT good FROM ratings WHERE tenant_id = $1 AND message_id = $2 AND contact_id = $3"
        "   AND NOT EXISTS (SELECT 1 FROM put) LIMIT 1",
        session.scope.tenant_id,
        answer.message_id,
        answer.contact_id,
        answer.conversation_id,
        good,
        pressed_at,
    )
    return now


async def put_comment(session: TenantSession, answer: Answer, text: str | None) -> bool:
    """Keep what a person says about an answer that they rate as bad; False if they do not."""
    return bool(
        await session.execute(
            "UPDATE ratings SET comment = $4 WHERE tenant_id = $1 AND message_id = $2 AND contact_id = $3 AND NOT good",
            session.scope.tenant_id,
            answer.message_id,
            answer.contact_id,
            text,
        )
    )


async def share_of_days(session: TenantSession, days: int) -> Share:
    """Return the ratings of the last `days` times 24 hours."""
    row = await session.fetchrow(f"{_SHARE} AND rated_at > now() - make_interval(days => $2)", session.scope.tenant_id, days)
    assert row is not None
    return Share(**row)


async def share_between(session: TenantSession, first: date, last: date) -> Share:
    """Return the ratings of these days and those between, as the business counts its days."""
    zone = "(SELECT time_zone FROM tenants WHERE tenant_id = $1)"
    row = await session.fetchrow(
        f"{_SHARE} AND rated_at >= $2::date::timestamp AT TIME ZONE {zone}"  # a constant
        f" AND rated_at < ($3::date + 1)::timestamp AT TIME ZONE {zone}",
        session.scope.tenant_id,
        first,
        last,
    )
    assert row is not None
    return Share(**row)
