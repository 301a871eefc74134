"""SQL of the outbox as the sender sees it: what is open, and each state a delivery passes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from konstruct.conversations.part import Form, Part
from konstruct.db.session import Record, TenantSession
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.ids import uuid7
from konstruct.tenants.notices import raise_notice
from konstruct.tenants.notices_troubles import channel_broken, delivery_failed

DISCONNECTED = "account_disconnected"
"""Why what was waiting for a disconnected account is cancelled."""
State = Literal["pending", "sending", "unknown"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One visible part of an answer that has not come to its end."""

    id: UUID
    turn_id: UUID | None
    kind: str
    channel_id: str
    thread_id: str | None
    body: str = field(repr=False)
    form: Form
    extras: str = field(repr=False)
    """JSON: see `Part.extras`."""
    owner_epoch: int
    state: State
    attempt: int
    resent: bool
    created_at: datetime
    sending_since: datetime | None
    """When the last attempt began: what it showed, if anything, is not older."""
    age_s: float
    unknown_s: float | None
    """How long its outcome has not been known."""
    blocked_s: float
    """How long an earlier holder of the lane may still be sending it."""
    reason: str | None = None
    """Why it stands as it does."""
    held: int = 0
    """How many times in a row it was refused for now for that reason."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The account that sends."""

    account_id: UUID
    kind: str
    account_key: str
    secret_id: UUID | None
    """None: the account was disconnected."""
    status: str
    participants: frozenset[str] = field(repr=False)
    app_id: str | None = None
    bot_user_id: str | None = None
    heard_s: float | None = None
    """Seconds since a person wrote last in the conversation; None: nobody did, or it is forgotten."""
    window_s: float | None = None
    """How long the contact's reply window is open still, below 0 once it is over; None where none is kept."""
    contact_id: UUID | None = None
    """Whose conversation it is, where it is one contact's."""
    aliases: frozenset[str] = field(default=frozenset(), repr=False)
    """The contact's other ids."""


_OPEN = """
SELECT d.id, d.turn_id, d.kind, d.channel_id, d.thread_id, d.body, d.form, d.extras, d.owner_epoch, d.state, d.attempt,
  d.resent, d.created_at, d.sending_since,
  extract(epoch FROM now() - d.created_at)::float8 AS age_s,
  extract(epoch FROM now() - d.unknown_since)::float8 AS unknown_s,
  greatest(0, coalesce(extract(epoch FROM d.sending_until - now()), 0))::float8 AS blocked_s, d.reason,
  (SELECT count(*) FROM delivery_attempts t WHERE t.tenant_id = $1 AND t.delivery_id = d.id AND t.outcome = 'retry'
     AND t.reason = d.reason AND t.attempt > coalesce((SELECT max(o.attempt) FROM delivery_attempts o WHERE o.tenant_id = $1
       AND o.delivery_id = d.id AND (o.outcome, o.reason) IS DISTINCT FROM ('retry', d.reason)), 0))::int AS held
FROM deliveries d
WHERE d.tenant_id = $1 AND d.conversation_id = $2 AND d.state IN ('pending', 'sending', 'unknown') AND NOT d.id = ANY ($3)
ORDER BY d.position, d.part LIMIT 50
"""

_SENDER = """
SELECT a.id, a.kind, a.external_id, a.secret_id, a.status, a.app_id, a.bot_user_id, c.contact_id,
  ARRAY(SELECT i.alias FROM contact_aliases i WHERE i.tenant_id = $1 AND i.contact_id = c.contact_id AND i.ended_at IS NULL
        ORDER BY i.created_at DESC LIMIT 20) AS aliases,
  ARRAY(SELECT DISTINCT k.external_id FROM messages m JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
        WHERE m.tenant_id = $1 AND m.conversation_id = $2 LIMIT 200) AS participants,
  (SELECT extract(epoch FROM now() - m.sent_at)::float8 FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $2
     AND m.direction = 'in' ORDER BY m.seq DESC LIMIT 1) AS heard_s,
  extract(epoch FROM w.window_expires_at - now())::float8 AS window_s
FROM conversations c JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
LEFT JOIN contacts w ON w.tenant_id = c.tenant_id AND w.id = c.contact_id AND c.kind = 'contact'
WHERE c.tenant_id = $1 AND c.id = $2
"""


async def open_deliveries(session: TenantSession, claim: Claim, *, besides: Sequence[UUID] = ()) -> tuple[Sender, list[Delivery]]:
    """Begin the claim; return who sends, and what is open in order, without `besides`.

    A `sending` whose time is over becomes `unknown`.
    """
    await queue.begin(session, claim)
    await session.execute(
        "WITH over AS (UPDATE deliveries SET state = 'unknown', unknown_since = now(), sending_until = NULL"
        "   WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'sending' AND sending_until <= now() RETURNING id, attempt)"
        " UPDATE delivery_attempts t SET ended_at = now(), outcome = 'unknown', reason = 'window_over'"
        " FROM over o WHERE t.tenant_id = $1 AND t.delivery_id = o.id AND t.attempt = o.attempt",
        claim.scope.tenant_id,
        claim.conversation_id,
    )
    row = await session.fetchrow(_SENDER, claim.scope.tenant_id, claim.conversation_id)
    assert row is not None
    named = ("kind", "secret_id", "status", "app_id", "bot_user_id", "heard_s", "window_s", "contact_id")
    sender = Sender(
        account_id=row["id"],
        account_key=row["external_id"],
        participants=frozenset(row["participants"]),
        aliases=frozenset(row["aliases"]),
        **{name: row[name] for name in named},
    )
    rows = await session.fetch(_OPEN, claim.scope.tenant_id, claim.conversation_id, list(besides))
    return sender, [Delivery(**dict(row)) for row in rows]


async def start_sending(session: TenantSession, claim: Claim, delivery_id: UUID, window_s: float) -> str | None:
    """Commit to a send that must start within `window_s`; return None, or why this delivery may not go out (any more).

    The last word before the call: the owner unchanged since the answer was made, the tenant and the account active.
    """
    # The conversation is locked before the queue's row, as everywhere: the other order would deadlock.
    owner_epoch = await session.fetchval(
        "SELECT owner_epoch FROM conversations WHERE tenant_id = $1 AND id = $2 FOR SHARE",
        claim.scope.tenant_id,
        claim.conversation_id,
    )
    await queue.fence(session, claim)
    row = await session.fetchrow(
        "SELECT d.owner_epoch, t.status AS tenant, a.status AS account, coalesce(s.level = 'suspended', false) AS suspended"
        " FROM deliveries d JOIN tenant_directory t ON t.tenant_id = d.tenant_id"
        " JOIN channel_accounts a ON a.tenant_id = d.tenant_id AND a.id = d.account_id"
        " LEFT JOIN account_standings s ON s.tenant_id = d.tenant_id AND s.account_id = d.account_id"
        " WHERE d.tenant_id = $1 AND d.id = $2 AND d.state = 'pending'",
        claim.scope.tenant_id,
        delivery_id,
    )
    if row is None:
        return "not_pending"
    if row["owner_epoch"] != owner_epoch:
        return "owner_changed"
    if row["tenant"] != "active" or row["account"] != "active" or row["suspended"]:
        return "inactive"
    # A disconnection may have cancelled it since it was read: it must still be pending.
    started = await session.execute(
        "WITH begun AS (UPDATE deliveries SET state = 'sending', attempt = attempt + 1, sending_since = clock_timestamp(),"
        "   sending_until = clock_timestamp() + $3 WHERE tenant_id = $1 AND id = $2 AND state = 'pending'"
        "   RETURNING tenant_id, id, attempt, sending_since)"
        " INSERT INTO delivery_attempts (tenant_id, delivery_id, attempt, started_at) SELECT * FROM begun",
        claim.scope.tenant_id,
        delivery_id,
        timedelta(seconds=window_s),
    )
    return None if started else "not_pending"


async def mark_sent(session: TenantSession, delivery_id: UUID, external_id: str) -> bool:
    """The provider showed it: as `external_id`. True even from a holder whose lease has ended, for it is the truth, and
    even when a resend has been decided on but not begun."""
    touched = await session.execute(
        "WITH sent AS (UPDATE deliveries SET state = 'sent', external_id = $3, sent_at = now(), sending_until = NULL,"
        "   reason = NULL WHERE tenant_id = $1 AND id = $2"
        "   AND (state IN ('sending', 'unknown') OR state = 'pending' AND attempt > 0) RETURNING tenant_id, id, attempt),"
        " whole AS (DELETE FROM streams s USING sent WHERE s.tenant_id = sent.tenant_id AND s.delivery_id = sent.id)"
        " INSERT INTO delivery_attempts AS t (tenant_id, delivery_id, attempt, ended_at, outcome)"
        " SELECT tenant_id, id, attempt, clock_timestamp(), 'sent' FROM sent"
        " ON CONFLICT (tenant_id, delivery_id, attempt) DO UPDATE"
        " SET ended_at = coalesce(t.ended_at, excluded.ended_at), outcome = 'sent', reason = NULL",
        session.scope.tenant_id,
        delivery_id,
        external_id,
    )
    if touched:
        await session.execute(
            "UPDATE messages m SET external_id = $3 FROM deliveries d WHERE d.tenant_id = $1 AND d.id = $2 AND d.part = 0"
            " AND m.tenant_id = d.tenant_id AND m.id = d.message_id",
            session.scope.tenant_id,
            delivery_id,
            external_id,
        )
    return bool(touched)


async def mark_unknown(session: TenantSession, claim: Claim, delivery_id: UUID, reason: str) -> None:
    """Nobody can say whether it was shown."""
    await _mark(session, claim, delivery_id, "state = 'unknown', unknown_since = now(), reason = $4", "sending", reason)


async def mark_pending(session: TenantSession, claim: Claim, delivery_id: UUID, reason: str) -> None:
    """It was certainly not shown: it may be sent again."""
    await _mark(session, claim, delivery_id, "state = 'pending', reason = $4", "sending", reason)


async def mark_for_resend(session: TenantSession, claim: Claim, delivery_id: UUID) -> None:
    """No trace of it was found in time: it is sent once more, and never a third time."""
    change = "state = 'pending', resent = true, unknown_since = NULL, reason = $4"
    await _mark(session, claim, delivery_id, change, "unknown", "no_trace")


async def mark_again(session: TenantSession, claim: Claim, delivery_id: UUID) -> None:
    """Nobody can say whether it was shown, but trying again cannot show it twice."""
    await _mark(session, claim, delivery_id, "state = 'pending', unknown_since = NULL, reason = $4", "unknown", "tried_again")


async def end(
    session: TenantSession, claim: Claim, delivery_id: UUID, state: Literal["failed", "cancelled"], reason: str
) -> None:
    """It will not be shown by us any more."""
    await queue.fence(session, claim)
    await session.execute(
        "WITH ended AS (UPDATE deliveries SET state = $3, reason = $4, sending_until = NULL"
        "   WHERE tenant_id = $1 AND id = $2 AND state IN ('pending', 'sending', 'unknown') RETURNING id, attempt)"
        " UPDATE delivery_attempts t SET ended_at = clock_timestamp(), outcome = $3, reason = $4 FROM ended e"
        " WHERE t.tenant_id = $1 AND t.delivery_id = e.id AND t.attempt = e.attempt AND t.ended_at IS NULL",
        claim.scope.tenant_id,
        delivery_id,
        state,
        reason,
    )
    if state == "failed":
        buried = await session.execute(
            "INSERT INTO dead_letters (tenant_id, id, kind, conversation_id, turn_id, delivery_id, reason, attempts)"
            " SELECT tenant_id, $3, 'delivery', conversation_id, turn_id, id, $4, attempt FROM deliveries"
            " WHERE tenant_id = $1 AND id = $2 ON CONFLICT DO NOTHING",
            claim.scope.tenant_id,
            delivery_id,
            uuid7(),
            reason,
        )
        if buried:
            await raise_notice(session, delivery_failed(claim.conversation_id))


async def give_up(session: TenantSession, claim: Claim, delivery_id: UUID, reason: str) -> int:
    """The delivery was refused, and without it the other open parts of its message say nothing: none of them is shown.

    Each gets its dead letter, so that each may be tried again. Returns how many there were. Locks the conversation, for
    what is to be said instead.
    """
    # The conversation is locked before the queue's row, as everywhere: the other order would deadlock.
    await session.execute(
        "SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        claim.scope.tenant_id,
        claim.conversation_id,
    )
    parts = await session.fetch(
        "SELECT o.id FROM deliveries d JOIN deliveries o ON o.tenant_id = d.tenant_id AND o.message_id = d.message_id"
        " WHERE d.tenant_id = $1 AND d.id = $2 AND o.state IN ('pending', 'sending', 'unknown') ORDER BY o.position, o.part",
        claim.scope.tenant_id,
        delivery_id,
    )
    for part in parts:
        await end(session, claim, part["id"], "failed", reason)
    return len(parts)


async def show_as_text(session: TenantSession, claim: Claim, delivery_id: UUID, reason: str, parts: Sequence[Part]) -> None:
    """The file of a delivery cannot be shown: its words go out as `parts`, in its place. It is the last part of its message."""
    await mark_pending(session, claim, delivery_id, reason)
    await session.execute(
        "WITH file AS (UPDATE deliveries SET form = 'text', body = $3 WHERE tenant_id = $1 AND id = $2 RETURNING *)"
        " INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind,"
        "   channel_id, thread_id, body, owner_epoch)"
        " SELECT f.tenant_id, uuidv7(), f.conversation_id, f.account_id, f.turn_id, f.message_id, f.position,"
        "   f.part + p.number, f.kind, f.channel_id, f.thread_id, p.body, f.owner_epoch"
        " FROM file f, unnest($4::text[]) WITH ORDINALITY AS p (body, number)",
        claim.scope.tenant_id,
        delivery_id,
        parts[0].text,
        [part.text for part in parts[1:]],
    )


async def account_broken(
    session: TenantSession, account_id: UUID, reason: str, *, unless_changed_since: datetime | None = None
) -> bool:
    """The provider no longer accepts the account's credential: nothing goes out until somebody reconnects it.

    False if it was not in use, or came into use after `unless_changed_since`.
    """
    broken = await session.fetchrow(
        "WITH broken AS (UPDATE channel_accounts SET status = 'broken', status_reason = $3, status_changed_at = now()"
        "   WHERE tenant_id = $1 AND id = $2 AND status = 'active' AND ($4::timestamptz IS NULL OR status_changed_at <= $4)"
        "   RETURNING id, kind, external_id, status, status_reason),"
        " noted AS (INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        "   SELECT $1, id, status, status_reason FROM broken)"
        " SELECT kind, external_id FROM broken",
        session.scope.tenant_id,
        account_id,
        reason,
        unless_changed_since,
    )
    if broken is not None:
        await raise_notice(session, channel_broken(account_id, broken["kind"], broken["external_id"]))
    return broken is not None


async def find_open(session: TenantSession, delivery_id: UUID) -> Record | None:
    """Return the conversation_id and channel_id of a delivery that has not come to its end, or None."""
    return await session.fetchrow(
        "SELECT conversation_id, channel_id FROM deliveries"
        " WHERE tenant_id = $1 AND id = $2 AND state IN ('pending', 'sending', 'unknown')",
        session.scope.tenant_id,
        delivery_id,
    )


async def _mark(session: TenantSession, claim: Claim, delivery_id: UUID, change: str, state: State, reason: str) -> None:
    await queue.fence(session, claim)
    until = "" if state == "unknown" else ", sending_until = NULL"
    # An attempt that has ended already keeps its end: looking it up, or deciding to send again, is no part of it.
    await session.execute(
        f"WITH marked AS (UPDATE deliveries SET {change}{until} WHERE tenant_id = $1 AND id = $2 AND state = $3"  # constants
        "   RETURNING id, attempt, state)"
        " UPDATE delivery_attempts t SET ended_at = clock_timestamp(), reason = $4,"
        "   outcome = CASE m.state WHEN 'pending' THEN 'retry' ELSE 'unknown' END"
        " FROM marked m WHERE t.tenant_id = $1 AND t.delivery_id = m.id AND t.attempt = m.attempt AND t.ended_at IS NULL",
        claim.scope.tenant_id,
        delivery_id,
        state,
        reason,
    )
