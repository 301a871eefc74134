"""What becomes of a message after the provider has taken it: delivered, read, or given up after all."""

from __future__ import annotations

import structlog

from konstruct.channels import deliveries_repository, receipts_repository
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import Receipt
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.tenants.notices import raise_notice
from konstruct.tenants.notices_troubles import delivery_failed

log = structlog.get_logger()


class Receipts:
    """Handles `Receipt`. Receipts come late, twice and out of order: a delivery only climbs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Note the receipt. It also proves a send whose outcome was not known."""
        receipt: Receipt = received.event

        async def work(session: TenantSession) -> bool:
            found = await receipts_repository.find(session, received.account_id, receipt)
            if found is None:
                return False
            if found.open and receipt.state != "failed":
                # The lane's row before the delivery's, as the sender does; what waits behind it may go out now.
                await queue.bump(session, found.conversation_id, "send")
                await deliveries_repository.mark_sent(session, found.delivery_id, receipt.external_id)
            climbed = await receipts_repository.climb(session, found.delivery_id, receipt)
            if climbed and receipt.state == "failed":
                await raise_notice(session, delivery_failed(found.conversation_id))
            return climbed

        if await self._db.run(received.scope, work):
            log.info("delivery_receipt", state=receipt.state, reason=receipt.reason)
