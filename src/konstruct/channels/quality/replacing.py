"""A number takes the place of another that was taken away: its contacts move there, and are told as far as they may be.

They bring their conversations, and what they agreed to: that was given to the business, not to a number. Who has ended it has
ended it there as well. The reply window does not move: to the provider, nobody has written to the new number yet.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.channels import accounts_repository, accounts_status_repository
from konstruct.channels.outreach import writing
from konstruct.channels.outreach.check import Refused
from konstruct.channels.quality import replacing_repository as repository
from konstruct.channels.quality.replacing_repository import Replacement
from konstruct.channels.templates import filling, templates_repository
from konstruct.conversations.template_use import TemplateUse, restored
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError

log = structlog.get_logger()

BATCH = 50
"""Contacts of one transaction: ingest of both numbers waits meanwhile."""
TOLD_AT_ONCE = 25
AGAIN_S = 900.0
"""After something that stands against telling anybody: the day's volume, a template that is paused, the number's own standing."""
KNOWN, UNREACHABLE = "known_already", "unreachable"
"""Why a contact stays: they have written to the new number, or it cannot reach them: another company's ids say nothing to it."""
UNDER_WAY_S = 60.0
"""For what is being sent to a contact that has not moved."""
FINAL = ("no_consent", "no_contact", "opted_out", "withdrawn")
"""Beginnings of the words that are about one person, and do not change by waiting."""


class CannotReplaceError(KonstructError):
    """The number cannot take the other's place; the text says why."""


async def begin(
    db: Database, scope: TenantScope, *, old_account_id: UUID, new_account_id: UUID, by: str, use: TemplateUse | None
) -> UUID:
    """Let a number take the place of another; a worker moves the contacts, and tells them with `use`. Return what names it.

    Raises CannotReplaceError, ConflictError if that number is replaced already, and NotFoundError.
    """

    async def work(session: TenantSession) -> UUID:
        await accounts_repository.get_account(session, old_account_id)
        if new_account_id not in [each.account_id for each in await repository.candidates(session, old_account_id)]:
            raise CannotReplaceError("choose another connected number of the same channel, which works")
        if use is not None:
            await _usable(session, new_account_id, use)
        found = await repository.begin(session, old_account_id, new_account_id, by, use.kept() if use else None)
        if found is None:
            raise ConflictError("the number is replaced by another one already")
        await accounts_status_repository.note(session, old_account_id, repository.MOVED)
        await tenant_jobs.ask(session, scope, "number_replacement", found)
        return found

    replacement_id = await db.run(scope, work)
    log.info("number_replaced", account_id=str(old_account_id), by_account_id=str(new_account_id))
    return replacement_id


async def _usable(session: TenantSession, account_id: UUID, use: TemplateUse) -> None:
    template = await templates_repository.find(session, account_id, use.name, use.language)
    if template is None:
        raise CannotReplaceError("the new number has no such template")
    if problems := filling.problems(template, use):
        raise CannotReplaceError(f"the template is not filled in as it has to be ({next(iter(problems.values()))})")


class Replacing:
    """The work of the tenant jobs `number_replacement`. It may die anywhere: each batch is a transaction of its own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, job: Job) -> float | None:
        """Move the contacts, then tell some of them; return in how many seconds to go on, None when all of it is done."""
        scope = job.scope
        found = await self._db.run(scope, lambda s: repository.find(s, job.subject_id))
        if found is None:
            return None
        if found.moved_at is None:
            left = await self._move_all(scope, found)
            if left:
                return UNDER_WAY_S
        if found.template is None:
            return None
        return await self._tell_some(scope, found, restored(found.template))

    async def _move_all(self, scope: TenantScope, replacement: Replacement) -> bool:
        """Return whether some are left, because something is being sent to them."""
        after, left = UUID(int=0), 0
        while (batch := await self._move_some(scope, replacement, after)) is not None:
            after, left = batch[0], left + batch[1]
        if not left:
            await self._db.run(scope, lambda s: repository.is_moved(s, replacement.id))
        return bool(left)

    async def _move_some(self, scope: TenantScope, replacement: Replacement, after: UUID) -> tuple[UUID, int] | None:
        """Move the next contacts; return the last of them and how many have to wait, None after all."""

        async def work(session: TenantSession) -> tuple[UUID, int] | None:
            await repository.hold_contacts(session, replacement)
            rows = await repository.next_contacts(session, replacement, after, BATCH)
            if not rows:
                return None
            busy = await repository.lock_conversations(session, [row["id"] for row in rows])
            same = await repository.same_company(session, replacement)
            moving: list[UUID] = []
            kept: list[tuple[UUID, str]] = []
            for row in (row for row in rows if row["id"] not in busy):
                if row["known"]:
                    kept.append((row["id"], KNOWN))
                    if row["twin"] is not None:
                        await repository.consents_follow(session, row["id"], row["twin"])
                elif same or row["external_id"].isdigit():
                    moving.append(row["id"])
                elif row["digits"] is not None:
                    await repository.call_by_number(session, row["id"], row["digits"])
                    moving.append(row["id"])
                else:
                    kept.append((row["id"], UNREACHABLE))
            await repository.cancel_waiting(session, moving)
            await repository.move(session, replacement, moving)
            await repository.looked_at(session, replacement.id, moving, kept)
            last: UUID = rows[-1]["id"]
            return last, len(busy)

        return await self._db.run(scope, work)

    async def _tell_some(self, scope: TenantScope, replacement: Replacement, use: TemplateUse) -> float | None:
        contacts = await self._db.run(scope, lambda s: repository.untold(s, replacement.id, TOLD_AT_ONCE))
        for contact_id in contacts:
            against = await self._tell(scope, replacement, contact_id, use)
            if against is not None and not against.startswith(FINAL):
                log.info("replacement_waits", reason=against)
                return AGAIN_S
        return 1.0 if len(contacts) == TOLD_AT_ONCE else None

    async def _tell(self, scope: TenantScope, replacement: Replacement, contact_id: UUID, use: TemplateUse) -> str | None:
        """Write to a contact first, under all limits; return what stands against it. That it was written is noted with it."""

        async def work(session: TenantSession) -> str | None:
            try:
                written = await writing.write_in(
                    session, account_id=replacement.new_account_id, contact_id=contact_id, use=use, by=None
                )
            except NotFoundError:
                written = Refused("no_contact")
            against = written.reason if isinstance(written, Refused) else None
            if against is None or against.startswith(FINAL):
                await repository.tell(session, replacement.id, contact_id, against or "told")
            return against

        return await self._db.run(scope, work)
