"""Notices: what the owner must know. Raised in the transaction that finds the trouble, resolved when its cause is gone.

None repeats endlessly: there is one open notice for a trouble and what it is about. Raised again, it counts; it e-mails
again a day later at the earliest, and MAILS_MAX times at most. One that resolved by itself and is raised again within a
day is the same notice still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import structlog

from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import notices_repository as repository

log = structlog.get_logger()

Kind = Literal[
    "channel_broken",
    "turn_failed",
    "delivery_failed",
    "budget_low",
    "budget_spent",
    "document_failed",
    "human_wanted",
    "number_paused",
    "number_replies_only",
    "number_suspended",
    "number_priced_as_ai",
    "answer_waits",
    "payment_wanted",
    "portfolio_shared",
    "token_expiring",
]
Severity = Literal["info", "warning", "critical"]
MAILS_MAX = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that an owner must know, in words without anybody's message. `subject` is an id, or a month."""

    kind: Kind
    subject: str
    severity: Severity
    title: str
    body: str
    action_path: str
    """Where something can be done about it."""


async def raise_notice(session: TenantSession, trouble: Trouble) -> UUID:
    """Open a notice, or count on the one that is open; return its id. Its e-mail is sent later, by a worker."""
    # Two that find the same trouble at once make one notice; the lock is the last that their transactions take.
    await repository.lock(session, trouble.kind, trouble.subject)
    known = await repository.latest(session, trouble.kind, trouble.subject)
    if known is None or not known.is_open:
        notice_id, mail = uuid7(), True
        await repository.insert(session, notice_id, trouble)
        log.info("notice_raised", tenant_id=str(session.scope.tenant_id), notice_id=str(notice_id), what=trouble.kind)
    else:
        notice_id, mail = known.id, known.mails < MAILS_MAX and known.mailed_long_ago
        await repository.count_on(session, notice_id, trouble)
    if mail:
        await repository.begin_mails(session, notice_id)
        await tenant_jobs.ask(session, session.scope, "notice_mail", notice_id)
    return notice_id


async def settle(session: TenantSession, *kinds: Kind, subject: str | None = None) -> int:
    """The cause is gone: resolve the open notices of these kinds, about `subject` or about anything; return how many."""
    return await repository.settle(session, list(kinds), subject)


async def forget(session: TenantSession, kind: Kind, subject: str) -> None:
    """What the notices of this kind were about is deleted: so are they, for they name it."""
    await repository.delete(session, kind, subject)


async def resolve(session: TenantSession, notice_id: UUID, member_id: UUID) -> None:
    """A person says that it is dealt with; one that is resolved stays as it is. Raises NotFoundError."""
    if not await repository.resolve(session, notice_id, member_id) and await repository.find(session, notice_id) is None:
        raise NotFoundError(f"there is no notice {notice_id}")
