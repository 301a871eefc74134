"""Forgetting a person of a channel: what they said, what was answered to them alone, and what was made of both.

The work of the job `forget_person`; its subject is the action by which the person confirmed it. A step at a time and each
step for good, so that a crash costs nothing. What is being answered at that moment is left, and taken when it is over; what
they write afterwards is a new beginning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import structlog

from konstruct.conversations import actions_repository, changes
from konstruct.conversations import forgetting_repository as repository
from konstruct.conversations.actions_repository import Action
from konstruct.conversations.forgetting_repository import Person
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job
from konstruct.tenants.identities import Presser

log = structlog.get_logger()

KIND = "forget"
"""Of the action that confirms it. Its subject is the channel in which the person is told, or NOWHERE."""
NOWHERE = "-"
STEP = 500
"""Rows of one transaction."""
AGAIN_S = 30.0
"""Before what was being answered is looked at again."""
FORGOTTEN = "I have forgotten you: what you wrote to me, what I answered you in direct messages, and your name."

Tell = Callable[[TenantScope, UUID, str, str, str], Awaitable[None]]
"""Tells one person something that nobody else sees: tenant, account, channel, person, text. Best effort."""


async def confirmed(session: TenantSession, action: Action, presser: Presser) -> str:
    """The handler of the action: ask for the work, or leave it; return what to say."""
    if action.decision != "forget":
        return "Nothing was forgotten."
    await tenant_jobs.ask(session, session.scope, "forget_person", action.id)
    return "I am forgetting what you wrote to me, what I answered you in direct messages, and your name. It takes a moment."


class Forgetting:
    """The work of the job `forget_person`."""

    def __init__(self, db: Database, tell: Tell, step: int = STEP) -> None:
        self._db = db
        self._tell = tell
        self._step = step

    async def __call__(self, job: Job) -> float | None:
        """Forget the person of the job's action; return in how many seconds to look again, None when nothing is left."""
        action = await self._db.run(job.scope, lambda s: actions_repository.find(s, job.subject_id))
        if action is None or action.who.person is None or action.decided_at is None:
            return None
        person = Person(action.account_id, action.who.person, action.decided_at)
        person = replace(person, names=await self._db.run(job.scope, lambda s: repository.names(s, person)))
        gone = {what: await self._all(job.scope, person, sql) for what, sql in repository.STEPS.items()}
        gone["threads"] = await self._threads(job.scope, person)
        await self._raw(job.scope, person)
        left = await self._db.run(job.scope, lambda s: repository.finish(s, person))
        log.info(
            "person_forgotten", action_id=str(action.id), left=left, **{f"{what}_gone": count for what, count in gone.items()}
        )
        if left:
            return AGAIN_S
        if action.subject != NOWHERE:
            await self._tell(job.scope, action.account_id, action.subject, person.external_id, FORGOTTEN)
        return None

    async def _all(self, scope: TenantScope, person: Person, sql: str) -> int:
        """Do one kind of step until it finds nothing more; return how much went."""
        gone = 0
        while True:
            async with self._db.tenant(scope) as session:
                some = await repository.step(session, sql, person, self._step)
            gone += some
            if some < self._step:
                return gone

    async def _threads(self, scope: TenantScope, person: Person) -> int:
        """Withdraw what the person said in channels, as if they had deleted it; return how many messages.

        There the conversation is the others' as well: it goes on without these words.
        """
        gone = 0
        while posts := await self._db.run(scope, lambda s: repository.in_threads(s, person, self._step)):
            for post in posts:
                async with self._db.tenant(scope) as session:
                    gone += await changes.withdraw_post(session, post)
        return gone

    async def _raw(self, scope: TenantScope, person: Person) -> None:
        """Go through the deliveries as they came in, and delete those that name the person."""
        cursor: repository.Place | None = repository.START
        while cursor is not None:
            async with self._db.tenant(scope) as session:
                cursor = await repository.forget_deliveries(session, person, cursor, self._step)
