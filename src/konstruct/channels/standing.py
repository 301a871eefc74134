"""What the provider says about an account: it may do less from now on, nothing at all, or everything again."""

from __future__ import annotations

import structlog

from konstruct.channels import accounts_status_repository, deliveries_repository
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import AccountChanged
from konstruct.db.database import Database
from konstruct.db.session import TenantSession

log = structlog.get_logger()


class Standing:
    """Handles `AccountChanged`: the history of the account shows it, and an account that is stopped waits for its owner."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Note the change. Twice is as once for a stopped account; of others the history has a line more."""
        event: AccountChanged = received.event

        async def work(session: TenantSession) -> None:
            if event.standing == "stopped":
                await deliveries_repository.account_broken(session, received.account_id, event.change)
            else:
                await accounts_status_repository.note(session, received.account_id, event.change)

        await self._db.run(received.scope, work)
        log.info("account_changed", account_id=str(received.account_id), standing=event.standing, change=event.change)
