"""The handlers of what happens around the employee: it is added to a channel, somebody looks at something else."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.events_handling import Received
from konstruct.channels.port import ChannelAdapter, Target
from konstruct.channels.port_events import Joined, Looked
from konstruct.conversations import contacts_repository, welcome
from konstruct.conversations.part import Part
from konstruct.db.database import Database
from konstruct.db.session import TenantSession

log = structlog.get_logger()


class Arriving:
    """Greets channels and notes where people look. Keeps nothing."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._adapters = adapters

    async def joined(self, received: Received) -> None:
        """Greet the channel that the employee was added to, once and for all."""
        event: Joined = received.event

        async def work(session: TenantSession) -> bool:
            account = await accounts_repository.get_account(session, received.account_id)
            # Not every provider says whom its delivery is for.
            if account.status != "active" or account.bot_user_id not in (None, event.member_id):
                return False
            return await welcome.greet(session, received.account_id, event.channel_id, self._render)

        if await self._db.run(received.scope, work):
            log.info("channel_greeted", tenant_id=str(received.scope.tenant_id), account_id=str(received.account_id))

    async def looked(self, received: Received) -> None:
        """Keep what a person looks at, for the message that comes next."""
        event: Looked = received.event
        await self._db.run(
            received.scope, lambda s: contacts_repository.look(s, received.account_id, event.person_id, event.context)
        )

    def _render(self, kind: str, channel: str, thread: str | None, participants: frozenset[str], text: str) -> list[Part]:
        return self._adapters[kind].render(text, Target(channel, thread, participants))
