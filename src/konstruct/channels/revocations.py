"""The provider says that an account's credential no longer holds: nothing is sent with it, and its owner is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from konstruct.channels import accounts_repository, deliveries_repository
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import Revoked
from konstruct.db.database import Database
from konstruct.db.session import TenantSession

log = structlog.get_logger()

ROUNDED = timedelta(seconds=1)
"""Times of events are cut to whole seconds."""


class Revocations:
    """Handles `Revoked`. It needs no token: that is gone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Mark the account as broken, unless it was connected anew since or the event is about another bot."""
        event: Revoked = received.event
        account = await self._db.run(received.scope, lambda s: accounts_repository.get_account(s, received.account_id))
        if event.bots and account.bot_user_id is not None and account.bot_user_id not in event.bots:
            return
        at = datetime.fromtimestamp(event.at, UTC) + ROUNDED

        async def work(session: TenantSession) -> bool:
            meant = [received.account_id]
            if event.whole_business:
                known = [account.business_account_id] if account.business_account_id else []
                meant = sorted(each.id for each in await accounts_repository.of_businesses(session, account.kind, known))
            marked = [
                await deliveries_repository.account_broken(session, account_id, event.reason, unless_changed_since=at)
                for account_id in meant
            ]
            return any(marked)

        broken = await self._db.run(received.scope, work)
        log.info("account_revoked", account_id=str(received.account_id), reason=event.reason, broken=broken)
