"""Notices by e-mail: to each owner and admin who wants them, at most once in a round.

That somebody is written to is recorded before the e-mail is handed over, and outside of any transaction it is. A worker
that dies in between leaves `sending`: perhaps it went out, so it is never sent again.
"""

from __future__ import annotations

import structlog

from konstruct.db.database import Database
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.mail import Mailer, MailError
from konstruct.tenants import notices_mailing_repository as repository
from konstruct.tenants.notices_mailing_repository import Recipient, Round, State

log = structlog.get_logger()

ATTEMPTS_MAX = 8
"""Over about four hours; a server that is away for longer has other worries."""
FIRST_WAIT_S = 60.0
LONGEST_WAIT_S = 3600.0


class NoticeMails:
    """The work of the job `notice_mail`; its subject is a notice."""

    def __init__(self, db: Database, mailer: Mailer, public_url: str) -> None:
        self._db = db
        self._mailer = mailer
        self._portal = public_url.rstrip("/")

    async def __call__(self, job: Job) -> float | None:
        """Write to whoever of the notice's round has not been written to; return when to try again those that failed."""
        async with self._db.tenant(job.scope) as session:
            found = await repository.read_round(session, job.subject_id)
        waits = [await self._send(job, found, recipient) for recipient in found.recipients] if found else []
        return max((wait for wait in waits if wait is not None), default=None)

    async def _send(self, job: Job, found: Round, recipient: Recipient) -> float | None:
        async with self._db.tenant(job.scope) as session:
            attempt = await repository.begin(session, job.subject_id, found.number, recipient.member_id)
        if attempt is None:
            return None
        state, wait_s = await self._hand_over(found, recipient, attempt)
        async with self._db.tenant(job.scope) as session:
            await repository.end(session, job.subject_id, found.number, recipient.member_id, state)
        log.info("notice_mailed", notice_id=str(job.subject_id), state=state, attempt=attempt)
        return wait_s

    async def _hand_over(self, found: Round, recipient: Recipient, attempt: int) -> tuple[State, float | None]:
        try:
            await self._mailer.send(recipient.email, subject_of(found), text_of(found, self._portal))
        except MailError as error:
            if error.perhaps:
                return "unknown", None
            if error.for_good or attempt >= ATTEMPTS_MAX:
                return "refused", None
            return "waiting", min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1))
        return "sent", None


def subject_of(found: Round) -> str:
    """Return the subject line."""
    return f"{found.title} · {found.business}"


def text_of(found: Round, portal: str) -> str:
    """Return the text: what it is, where to go, and why it came. No message of anybody is in it."""
    often = f"It has happened {found.count} times since {found.first_at:%d %b %Y, %H:%M} UTC.\n\n" if found.count > 1 else ""
    return (
        f"{found.title}\n\n{found.body}\n\n{often}"
        f"What to do: {portal}{found.action_path}\n"
        f"All notices: {portal}/notices\n\n"
        f"You get this as an owner or admin of {found.business}. Whether you do is up to you: {portal}/settings"
    )
