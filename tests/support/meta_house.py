"""The web application with two WhatsApp numbers, and the hands of a worker: what comes in is answered, and nothing is sent."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
from pydantic import SecretStr

from konstruct.agents.loop import TurnLoop
from konstruct.channels.changing import Changing
from konstruct.channels.channel import open_adapters, rates_of
from konstruct.channels.credentials import Credentials
from konstruct.channels.events_handling import EventHandling, Handle
from konstruct.channels.limits import SendLimits
from konstruct.channels.media import Media
from konstruct.channels.port_events import AccountChanged, Called, ChannelEvent, Deleted, Edited, Readdressed, Receipt, Revoked
from konstruct.channels.readdressing import Hearing, Readdressing
from konstruct.channels.receipts import Receipts
from konstruct.channels.registry import CHANNELS
from konstruct.channels.revocations import Revocations
from konstruct.channels.standing import Standing
from konstruct.channels.surface import Surface
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import queue, tenant_jobs
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.port import LlmBackend
from konstruct.llm.prices import load_prices
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents
from konstruct.tenants.vault import Vault
from tests.support import meta_events
from tests.support.house import served
from tests.support.meta_events import Number, Payload
from tests.support.meta_numbers import connect, number_of
from tests.support.ports import free_port
from tests.support.queueing import HOUR_S

SECRET, VERIFY_TOKEN = "meta-app-secret-canary", "meta-verify-canary"
ROUNDS = 4
"""Looks at what waits for something else to come: by then it is there."""


@dataclass
class MetaHouse:
    """What a test talks to."""

    db: Database
    scopes: tuple[TenantScope, TenantScope]
    numbers: tuple[Number, Number]
    accounts: tuple[UUID, UUID]
    url: str
    app: Any
    turns: TurnLoop
    handlers: dict[type[ChannelEvent], Handle]
    _http: aiohttp.ClientSession = field(repr=False)

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Post a body, signed unless `headers` are given; return status and text."""
        signed = meta_events.sign(body, SECRET) if headers is None else headers
        async with self._http.post(f"{self.url}/webhooks/whatsapp", data=io.BytesIO(body), headers=signed) as answer:
            return answer.status, await answer.text()

    async def ask(self, query: dict[str, str]) -> tuple[int, str]:
        """Ask by GET whether the webhook is ours; return status and text."""
        async with self._http.get(f"{self.url}/webhooks/whatsapp", params=query) as answer:
            return answer.status, await answer.text()

    async def deliver(self, *deliveries: Payload) -> list[int]:
        """Post deliveries one after the other; return the status codes."""
        return [(await self.post(meta_events.encode(delivery)))[0] for delivery in deliveries]

    async def rows(self, sql: str, *values: Any, tenant: int = 0) -> list[Record]:
        """Return rows of a business; `$1` is the tenant."""
        async with self.db.tenant(self.scopes[tenant]) as session:
            return await session.fetch(sql, self.scopes[tenant].tenant_id, *values)

    async def handle(self) -> None:
        """Handle what is due of the events. Other tests' are left to nobody."""
        handling = EventHandling(self.db, self.handlers, Counters())
        for job in await tenant_jobs.claim(self.db, "channel_event", 10_000):
            if job.scope in self.scopes:
                await tenant_jobs.end(self.db, job, await handling(job))

    async def settle(self) -> None:
        """Handle every event and answer everything, until nothing is left to do."""
        for _ in range(ROUNDS):
            for tenant in (0, 1):
                sql = "UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1 AND kind = 'channel_event' RETURNING 1"
                await self.rows(sql, tenant=tenant)
            await self.handle()
        while claims := await queue.claim(self.db, "turn", uuid7(), 50, HOUR_S):
            for claim in claims:
                await self.turns(claim)


@asynccontextmanager
async def open_meta_house(
    settings: Settings, db: Database, vault: Vault, scopes: tuple[TenantScope, TenantScope], backend: LlmBackend
) -> AsyncIterator[MetaHouse]:
    """Run the web application: number 0 belongs to `scopes[0]`, number 1 to `scopes[1]`. Meta itself is out of reach."""
    port, numbers = free_port(), (number_of(scopes[0]), number_of(scopes[1]))
    settings = settings.model_copy(
        update={
            "whatsapp_app_secret": SecretStr(SECRET),
            "whatsapp_verify_token": SecretStr(VERIFY_TOKEN),
            "whatsapp_api_url": f"http://127.0.0.1:{free_port()}/v25.0/",
            "burst_s": 0.0,
            "bind": f"127.0.0.1:{port}",
            "public_url": f"http://127.0.0.1:{port}",
        }
    )
    ids = [await connect(db, vault, scope, number) for scope, number in zip(scopes, numbers, strict=True)]
    adapters, counters, redis = open_adapters(CHANNELS, settings), Counters(), Redis.open(settings)
    router = Router([backend], prices=load_prices(), sleep=lambda _: asyncio.sleep(0))
    credentials, limits = Credentials(db, vault, adapters), SendLimits(redis, rates_of(CHANNELS, settings))
    surface = Surface(db, adapters, credentials, limits, counters=counters)
    turns = TurnLoop(
        db, router, surface, Documents(db), Media(db, adapters, credentials), deadline_s=settings.turn_deadline_s, attempts=2,
        counters=counters,
    )  # fmt: skip
    changing, hearing = Changing(db, burst_s=0.0), Hearing(db, adapters)
    handlers: dict[type[ChannelEvent], Handle] = {
        Edited: changing.edited, Deleted: changing.deleted, Receipt: Receipts(db, adapters), AccountChanged: Standing(db),
        Revoked: Revocations(db), Readdressed: Readdressing(db), Called: hearing.called,
    }  # fmt: skip
    async with served(settings, port) as app, aiohttp.ClientSession() as http:
        try:
            url = f"http://127.0.0.1:{port}"
            yield MetaHouse(db, scopes, numbers, (ids[0], ids[1]), url, app, turns, handlers, http)
        finally:
            await surface.close()
            await credentials.close()
            for adapter in adapters.values():
                await adapter.close()
            await router.close()
            await redis.close()
