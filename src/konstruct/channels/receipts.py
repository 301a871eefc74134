"""What becomes of a message after the provider has taken it: delivered, read, or given up after all."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from konstruct.channels import accounts_repository, deliveries_repository, receipts_repository, refusals
from konstruct.channels.events_handling import Received
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_abilities import Judging
from konstruct.channels.port_events import Receipt
from konstruct.channels.receipts_repository import Acknowledged
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs import queue
from konstruct.tenants.notices import raise_notice
from konstruct.tenants.notices_troubles import delivery_failed

log = structlog.get_logger()


class Receipts:
    """Handles `Receipt`. Receipts come late, twice and out of order: a delivery only climbs."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._adapters = adapters

    async def __call__(self, received: Received) -> None:
        """Note the receipt. It also proves a send whose outcome was not known."""
        receipt: Receipt = received.event

        async def work(session: TenantSession) -> Acknowledged | None:
            found = await receipts_repository.find(session, received.account_id, receipt)
            if found is None:
                return None
            if found.open and receipt.state != "failed":
                # The lane's row before the delivery's, as the sender does; what waits behind it may go out now.
                await queue.bump(session, found.conversation_id, "send")
                await deliveries_repository.mark_sent(session, found.delivery_id, receipt.external_id)
            climbed = await receipts_repository.climb(session, found.delivery_id, receipt)
            if climbed and receipt.state == "failed":
                await raise_notice(session, delivery_failed(found.conversation_id))
            # An earlier attempt may have come as far as here, and no further.
            return found if climbed or received.attempt > 1 else None

        found = await self._db.run(received.scope, work)
        if found is not None:
            log.info("delivery_receipt", state=receipt.state, reason=receipt.reason)
            if receipt.state == "failed":
                await self._judge(received, found, receipt.reason or "")

    async def _judge(self, received: Received, found: Acknowledged, reason: str) -> None:
        """What the provider says late concerns as much as what it says at once. Twice is as once."""
        account = await self._db.run(received.scope, lambda s: accounts_repository.get_account(s, received.account_id))
        adapter = self._adapters.get(account.kind)
        if not isinstance(adapter, Judging):
            return
        said = adapter.judge(reason)
        await self._db.run(received.scope, lambda s: refusals.note(s, found.delivery_id, said))
        if said.account_broken:
            await self._db.run(
                received.scope, lambda s: deliveries_repository.account_broken(s, received.account_id, said.reason)
            )
