"""SQL of `tryouts`: what a member asked a draft, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from konstruct.agents.turn import Line
from konstruct.db.session import TenantSession

HISTORY = 20
"""Questions, with their answers, that a draft remembers and the page shows."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A question and its answer, which is None while the draft thinks, or for good if the process that asked died."""

    id: UUID
    question: str = field(repr=False)
    answer: str | None = field(repr=False)
    reason: str | None
    """Why the answer is a fallback; None for a real one."""
    asked_at: datetime
    answered_at: datetime | None


async def lock_member(session: TenantSession, member_id: UUID) -> bool:
    """Let one question of the member begin at a time; return whether there is such a member."""
    return bool(
        await session.execute(
            "SELECT 1 FROM members WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", session.scope.tenant_id, member_id
        )
    )


async def forget_expired(session: TenantSession) -> None:
    """Delete what the tenant's members tried long ago."""
    await session.execute("DELETE FROM tryouts WHERE tenant_id = $1 AND expires_at <= now()", session.scope.tenant_id)


async def forget(session: TenantSession, member_id: UUID) -> None:
    """Delete all that a member tried."""
    await session.execute("DELETE FROM tryouts WHERE tenant_id = $1 AND member_id = $2", session.scope.tenant_id, member_id)


async def under_way(session: TenantSession, member_id: UUID, within: timedelta) -> int:
    """Return how many of the member's questions wait for an answer; older ones than `within` never get one."""
    count: int = await session.fetchval(
        "SELECT count(*) FROM tryouts WHERE tenant_id = $1 AND member_id = $2 AND answer IS NULL"
        " AND asked_at > now() - $3::interval",
        session.scope.tenant_id,
        member_id,
        within,
    )
    return count


async def ask(session: TenantSession, tryout_id: UUID, member_id: UUID, question: str, lifetime: timedelta) -> None:
    """Store a question."""
    await session.execute(
        "INSERT INTO tryouts (tenant_id, id, member_id, question, expires_at) VALUES ($1, $2, $3, $4, now() + $5::interval)",
        session.scope.tenant_id,
        tryout_id,
        member_id,
        question,
        lifetime,
    )


async def answer(session: TenantSession, tryout_id: UUID, text: str, reason: str | None) -> None:
    """Store the answer, unless the question was forgotten meanwhile."""
    await session.execute(
        "UPDATE tryouts SET answer = $3, reason = $4, answered_at = now() WHERE tenant_id = $1 AND id = $2 AND answer IS NULL",
        session.scope.tenant_id,
        tryout_id,
        text,
        reason,
    )


async def recent(session: TenantSession, member_id: UUID) -> list[Tried]:
    """Return what the member tried of late, oldest first."""
    rows = await session.fetch(
        "SELECT id, question, answer, reason, asked_at, answered_at FROM tryouts"
        " WHERE tenant_id = $1 AND member_id = $2 AND expires_at > now() ORDER BY asked_at DESC, id DESC LIMIT $3",
        session.scope.tenant_id,
        member_id,
        HISTORY,
    )
    return [Tried(**row) for row in reversed(rows)]


def lines_of(tried: list[Tried]) -> tuple[Line, ...]:
    """Return answered questions as the prompt's history."""
    lines: list[Line] = []
    for each in tried:
        if each.answer is not None and each.answered_at is not None:
            lines.append(line(len(lines) + 1, each.question, each.asked_at))
            lines.append(Line(len(lines) + 1, "ai", None, None, each.answer, (), None, each.answered_at))
    return tuple(lines)


def line(seq: int, question: str, asked_at: datetime) -> Line:
    """Return a question as the prompt shows it: from somebody who writes to the employee alone."""
    return Line(seq, "contact", None, "tryout", question, (), None, asked_at)
