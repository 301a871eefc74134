from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from konstruct.channels.channel import open_adapters, rates_of
from konstruct.channels.credentials import Credentials
from konstruct.channels.desk import Desk as ChannelDesk
from konstruct.channels.events_handling import EventHandling
from konstruct.channels.events_intake import EventIntake
from konstruct.channels.ingest import Ingest, Result
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import ChannelAdapter, Ignored, InboundMessage
from konstruct.channels.port_events import AccountChanged, Called, Readdressed, Receipt, Revoked
from konstruct.channels.readdressing import Hearing, Readdressing
from konstruct.channels.receipts import Receipts
from konstruct.channels.registry import CHANNELS
from konstruct.channels.revocations import Revocations
from konstruct.channels.standing import Standing
from konstruct.channels.whatsapp.reading import read
from konstruct.channels.window import windows_of
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import tenant_jobs
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support import meta_events
from tests.support.meta_events import Number, Payload
from tests.support.meta_numbers import connect, number_of


@dataclass
class Desk:
    """Two businesses with a number each, and what the web process does with a delivery, without HTTP."""

    db: Database
    scopes: tuple[TenantScope, TenantScope]
    numbers: tuple[Number, Number]
    accounts: tuple[UUID, UUID]
    ingest: Ingest
    intake: EventIntake
    handling: EventHandling
    handlers: dict[Any, Any]
    """By the type of the event."""
    adapters: dict[str, ChannelAdapter]

    async def deliver(self, *deliveries: Payload) -> Sequence[Result]:
        """Store what each delivery brings; return what became of it."""
        found: list[Result] = []
        for delivery in deliveries:
            body = meta_events.encode(delivery)
            inbound = read(body)
            messages = [each for each in inbound if isinstance(each, InboundMessage)]
            events: Any = [each for each in inbound if not isinstance(each, InboundMessage | Ignored)]
            found += await self.intake.accept("whatsapp", events, body) if events else []
            found += await self.ingest.accept("whatsapp", messages, body) if messages else []
        return found

    async def rows(self, sql: str, *values: Any, tenant: int = 0) -> list[Record]:
        """Return rows of a business; `$1` is the tenant."""
        async with self.db.tenant(self.scopes[tenant]) as session:
            return await session.fetch(sql, self.scopes[tenant].tenant_id, *values)

    async def contacts(self, tenant: int = 0) -> list[tuple[str, ...]]:
        """Return the contacts of a business by what they are called, each with its other names; those of before end in "-"."""
        rows = await self.rows(
            "SELECT c.external_id, ARRAY(SELECT a.alias || CASE WHEN a.ended_at IS NULL THEN '' ELSE '-' END"
            "   FROM contact_aliases a WHERE a.tenant_id = $1 AND a.contact_id = c.id ORDER BY a.alias) AS names"
            " FROM contacts c WHERE c.tenant_id = $1 ORDER BY c.external_id",
            tenant=tenant,
        )
        return [(row["external_id"], *row["names"]) for row in rows]

    async def work(self) -> int:
        """Handle what waits, as a worker does; what has to wait for something is due at once again, and counted."""
        for scope in self.scopes:
            async with self.db.tenant(scope) as session:
                sql = "UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1 AND kind = 'channel_event'"
                await session.execute(sql, scope.tenant_id)
        waits = 0
        for job in await tenant_jobs.claim(self.db, "channel_event", 10_000):
            if job.scope in self.scopes:
                again_s = await self.handling(job)
                await tenant_jobs.end(self.db, job, again_s)
                waits += again_s is not None
        return waits


@pytest.fixture
async def desk(settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> Desk:
    """See `Desk`."""
    numbers = number_of(tenants[0]), number_of(tenants[1])
    ids = [await connect(db, house_vault, scope, number) for scope, number in zip(tenants, numbers, strict=True)]
    adapters = open_adapters(CHANNELS, settings)
    ingest = Ingest(db, burst_s=0.0, ring=lambda: None, windows=windows_of(adapters))
    readdressing, hearing = Readdressing(db), Hearing(db, adapters)
    handlers: dict[Any, Any] = {
        Readdressed: readdressing, Called: hearing.called, Receipt: Receipts(db, adapters), Revoked: Revocations(db),
        AccountChanged: Standing(db),
    }  # fmt: skip
    handling = EventHandling(db, handlers, Counters())
    intake = EventIntake(db, ring=lambda: None)
    return Desk(db, tenants, numbers, (ids[0], ids[1]), ingest, intake, handling, handlers, adapters)


@pytest.fixture
async def desk_of_channels(desk: Desk, settings: Settings, house_vault: Vault, redis: Redis) -> AsyncIterator[ChannelDesk]:
    """What handles presses, as a worker has it."""
    credentials = Credentials(desk.db, house_vault, desk.adapters)
    yield ChannelDesk(desk.db, desk.adapters, credentials, SendLimits(redis, rates_of(CHANNELS, settings)))
    await credentials.close()
