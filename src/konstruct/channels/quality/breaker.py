"""The breaker: looks at what was written first from a number, and stops it until a person has looked as well."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import PreferenceChanged, TemplateChanged
from konstruct.channels.quality import acting, breaker_repository, planning, repository
from konstruct.channels.quality.acting import Moved
from konstruct.channels.quality.breaker_rules import BLOCKED, TEMPLATE_PAUSED, tripped
from konstruct.channels.quality.machine import Told, Tripped
from konstruct.channels.quality.rating import word_of
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs.tenant_jobs import Job

_TEMPLATES = {"PAUSED": TEMPLATE_PAUSED, "DISABLED": "breaker_template_disabled"}


class Watching:
    """The work of the tenant jobs `number_watch`: a look at what was sent, a minute after something was."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, job: Job) -> float | None:
        """Look once. The next message that is sent, refused or not wanted asks for the next look."""

        async def work(session: TenantSession) -> list[Moved]:
            trip = tripped(await breaker_repository.count(session, job.subject_id))
            return await acting.observe(session, [job.subject_id], trip) if trip else []

        await acting.follow(self._db, job.scope, await self._db.run(job.scope, work))
        return None


class BreakerEvents:
    """What a channel tells that says something about how messages are liked."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def preference(self, received: Received) -> None:
        """Somebody told the provider that they want no more: all who did are looked at in a minute."""
        event: PreferenceChanged = received.event
        if not event.wants:
            await self._db.run(received.scope, lambda s: planning.watch(s, received.account_id))

    async def template(self, received: Received) -> None:
        """The provider stopped a template of the business account: no number of it writes first any more."""
        event: TemplateChanged = received.event
        cause = _TEMPLATES.get((event.state or "").upper())
        if cause is None:
            return

        async def work(session: TenantSession) -> list[Moved]:
            numbers = await repository.siblings(session, received.account_id)
            return await acting.observe(session, numbers, Tripped(cause))

        await acting.follow(self._db, received.scope, await self._db.run(received.scope, work))


async def blocked(db: Database, scope: TenantScope, account_id: UUID, reason: str) -> bool:
    """The provider refuses the account. Return whether it says that it is blocked: then it is suspended, until a person says
    that it is not; for any other reason nothing is done here."""
    if reason not in BLOCKED:
        return False
    told = Told("suspended", word_of(reason))

    async def work(session: TenantSession) -> list[Moved]:
        return await acting.observe(session, [account_id], told)

    await acting.follow(db, scope, await db.run(scope, work))
    return True
