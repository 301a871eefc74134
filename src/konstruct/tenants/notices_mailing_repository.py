"""SQL of `notice_mails`: who has been written to about a notice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from konstruct.db.session import TenantSession

State = Literal["waiting", "sent", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """A member who is to be written to."""

    member_id: UUID
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Round:
    """An open notice, and who has not been written to in its round of e-mail."""

    number: int
    business: str
    title: str
    body: str
    action_path: str
    count: int
    first_at: datetime
    recipients: tuple[Recipient, ...]


async def read_round(session: TenantSession, notice_id: UUID) -> Round | None:
    """Return the round of an open notice, or None if it is resolved or gone."""
    row = await session.fetchrow(
        "SELECT n.mails AS number, t.name AS business, n.title, n.body, n.action_path, n.count, n.first_at"
        " FROM notices n JOIN tenants t ON t.tenant_id = n.tenant_id"
        " WHERE n.tenant_id = $1 AND n.id = $2 AND n.resolved_at IS NULL",
        session.scope.tenant_id,
        notice_id,
    )
    if row is None:
        return None
    rows = await session.fetch(
        "SELECT m.id AS member_id, m.email FROM members m"
        " LEFT JOIN notice_mails s ON s.tenant_id = m.tenant_id AND s.member_id = m.id AND s.notice_id = $2 AND s.round = $3"
        " WHERE m.tenant_id = $1 AND m.role IN ('owner', 'admin') AND m.email IS NOT NULL AND m.notice_mail"
        " AND (s.state IS NULL OR s.state = 'waiting') ORDER BY m.id",
        session.scope.tenant_id,
        notice_id,
        row["number"],
    )
    return Round(**row, recipients=tuple(Recipient(**found) for found in rows))


async def begin(session: TenantSession, notice_id: UUID, number: int, member_id: UUID) -> int | None:
    """Say that the e-mail is about to be handed over; return which attempt it is, or None if nobody may (any more)."""
    attempt: int | None = await session.fetchval(
        "INSERT INTO notice_mails AS s (tenant_id, notice_id, round, member_id, state)"
        " SELECT $1, $2, $3, m.id, 'sending' FROM members m WHERE m.tenant_id = $1 AND m.id = $4"
        " ON CONFLICT (tenant_id, notice_id, round, member_id) DO UPDATE"
        "   SET state = 'sending', attempts = s.attempts + 1, changed_at = now() WHERE s.state = 'waiting'"
        " RETURNING attempts",
        session.scope.tenant_id,
        notice_id,
        number,
        member_id,
    )
    return attempt


async def end(session: TenantSession, notice_id: UUID, number: int, member_id: UUID, state: State) -> None:
    """Say what came of it."""
    await session.execute(
        "UPDATE notice_mails SET state = $5, changed_at = now()"
        " WHERE tenant_id = $1 AND notice_id = $2 AND round = $3 AND member_id = $4 AND state = 'sending'",
        session.scope.tenant_id,
        notice_id,
        number,
        member_id,
        state,
    )
