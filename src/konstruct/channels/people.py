"""The handler that asks a channel what people are called: at most once a day and person, within the channel's rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository
from konstruct.channels.credentials import AccountUnusableError, Credentials
from konstruct.channels.events_handling import NotYet, Received
from konstruct.channels.port import ChannelAdapter, Retry
from konstruct.channels.port_abilities import KnowsPeople, Person
from konstruct.channels.port_events import Met
from konstruct.conversations import contacts_repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession

log = structlog.get_logger()

PATIENCE_S = 3600.0
"""How long a question for a name waits for the channel. After that the next message asks again."""


class CallLimits(Protocol):
    """How fast a method may be called (`SendLimits`)."""

    async def take(self, scope: TenantScope, account_id: UUID, method: str) -> float:
        """Return 0 if it may be called now, else the seconds to wait."""

    async def pause(self, scope: TenantScope, account_id: UUID, seconds: float, *, method: str | None = None) -> None:
        """Let it rest."""


class People:
    """Gives contacts their names. A name that nobody tells leaves the provider's id. Keeps nothing."""

    def __init__(
        self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials, limits: CallLimits
    ) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials
        self._limits = limits

    async def met(self, received: Received) -> None:
        """Ask for the name of somebody who wrote. Raises NotYet where the channel has to be waited for."""
        event: Met = received.event
        scope, contact_id = received.scope, UUID(event.contact_id)
        contact = await self._db.run(scope, lambda s: contacts_repository.find(s, contact_id))
        account = await self._db.run(scope, lambda s: accounts_repository.get_account(s, received.account_id))
        adapter = self._adapters.get(account.kind)
        if contact is None or contact.asked or not isinstance(adapter, KnowsPeople):
            return
        try:
            credential = await self._credentials.of(scope, received.account_id)
        except AccountUnusableError:
            return
        await self._wait(received, await self._limits.take(scope, received.account_id, adapter.person_method))
        found = await adapter.person(contact.external_id, credential)
        if isinstance(found, Retry):
            await self._limits.pause(scope, received.account_id, found.after_s, method=adapter.person_method)
            await self._wait(received, found.after_s)
        name = found.name if isinstance(found, Person) else None
        await self._db.run(scope, lambda s: _keep(s, contact_id, name))
        log.info("person_asked", contact_id=str(contact_id), named=name is not None)

    async def _wait(self, received: Received, seconds: float) -> None:
        if seconds > 0 and received.age_s < PATIENCE_S:
            raise NotYet(seconds)


async def _keep(session: TenantSession, contact_id: UUID, name: str | None) -> None:
    if await contacts_repository.name(session, contact_id, name) and name is not None:
        await contacts_repository.index_name(session, contact_id, name)
