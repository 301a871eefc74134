"""What the provider says about an account: it may do less from now on, nothing at all, or everything again."""

from __future__ import annotations

import structlog

from konstruct.channels import accounts_status_repository, deliveries_repository
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import AccountChanged
from konstruct.channels.quality import acting, rating
from konstruct.channels.quality import repository as quality_repository
from konstruct.channels.quality.acting import Moved
from konstruct.channels.quality.machine import Told
from konstruct.db.database import Database
from konstruct.db.session import TenantSession

log = structlog.get_logger()


class Standing:
    """Handles `AccountChanged`: the history of the account shows it, and an account that is stopped waits for its owner.

    A number stands as its provider says; what is said of the whole business account holds for all its numbers.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Note the change. Twice is as once for a stopped account; of others the history has a line more."""
        event: AccountChanged = received.event

        async def work(session: TenantSession) -> list[Moved]:
            if await quality_repository.is_number(session, received.account_id):
                return await self._number(session, received)
            if event.standing == "stopped":
                await deliveries_repository.account_broken(session, received.account_id, event.change)
            else:
                await accounts_status_repository.note(session, received.account_id, event.change)
            return []

        await acting.follow(self._db, received.scope, await self._db.run(received.scope, work))
        log.info("account_changed", account_id=str(received.account_id), standing=event.standing, change=event.change)

    async def _number(self, session: TenantSession, received: Received) -> list[Moved]:
        event: AccountChanged = received.event
        numbers = [received.account_id]
        if event.whole_business:
            numbers = await quality_repository.siblings(session, received.account_id, event.phone_number)
        await quality_repository.note_change(session, numbers, event.change)
        if not rating.concerns_sending(event):
            return []
        said = rating.of_change(event)
        return await acting.observe(session, numbers, Told(said.level, said.cause, event.until))
