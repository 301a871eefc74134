"""The handlers of what tells who somebody is: another number, another id; and of calls, which open the reply window."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.events_handling import NotYet, Received
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_events import Called, Pressed, Readdressed
from konstruct.conversations import addresses
from konstruct.conversations.merging import BusyError
from konstruct.db.database import Database

log = structlog.get_logger()

PATIENCE_S = 60.0
"""How long an event waits for the person that it is about, who may come after it."""
BUSY_S = 2.0
"""Before a conversation is looked at again in which somebody was being answered."""
AGAIN_S = 5.0


class Readdressing:
    """Keeps nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Apply a `Readdressed`. Raises NotYet while nobody is known by the ids, or somebody is being answered."""
        event: Readdressed = received.event
        if not event.old_ids or not event.new_ids:
            return
        account_id = received.account_id
        try:
            outcome = await self._db.run(
                received.scope, lambda s: addresses.readdress(s, account_id, event.old_ids, event.new_ids)
            )
        except BusyError:
            raise NotYet(BUSY_S) from None
        if outcome == "nobody" and received.age_s < PATIENCE_S:
            raise NotYet(AGAIN_S)
        log.info("person_readdressed", tenant_id=str(received.scope.tenant_id), outcome=outcome)


class Hearing:
    """Notes that people did something other than writing that opens the reply window. Keeps nothing."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._adapters = adapters

    async def called(self, received: Received) -> None:
        """Note a `Called`."""
        event: Called = received.event
        await self._heard(received, event.person_id, event.at)

    async def pressed(self, received: Received) -> None:
        """Note a `Pressed`, beside what was pressed."""
        event: Pressed = received.event
        if event.at > 0:
            await self._heard(received, event.person_id, event.at)

    async def _heard(self, received: Received, person: str, at: float) -> None:
        account = await self._db.run(received.scope, lambda s: accounts_repository.get_account(s, received.account_id))
        window_s = self._adapters[account.kind].caps.reply_window_s
        if window_s is not None:
            await self._db.run(received.scope, lambda s: addresses.heard(s, received.account_id, person, at, window_s))
