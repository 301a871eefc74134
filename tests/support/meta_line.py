"""WhatsApp as two businesses have it: the real web application, the real worker, and a strict Graph API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from pydantic import SecretStr

from konstruct.channels import accounts
from konstruct.channels.port_abilities import Grant
from konstruct.cli.handlers import build_handlers
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs.engine import Engine
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support import meta_events
from tests.support.fake_meta import FakeMeta, Number, Person
from tests.support.house import served
from tests.support.ports import free_port

SECRET = "app-secret-canary"
_DELIVERIES = (
    "SELECT id, state, reason, receipt, external_id, attempt, resent, form, body FROM deliveries WHERE tenant_id = $1"
    " ORDER BY position, part"
)


def number_of(which: int, scope: TenantScope) -> meta_events.Number:
    """Return a number of its own for a tenant of a test: ids are unique over the whole database."""
    mark = str(int(scope.tenant_id.hex[-12:], 16))
    return meta_events.Number(f"7{mark}", f"1{mark}", f"4930{which}{mark[-7:]}", f"EAAG-{mark}-canary", f"9{mark}")


@dataclass
class Line:
    """What a test talks to."""

    meta: FakeMeta
    db: Database
    scopes: tuple[TenantScope, TenantScope]
    numbers: tuple[meta_events.Number, meta_events.Number]
    people: tuple[meta_events.Person, meta_events.Person]
    """One of each business's customers. They are called the same."""
    accounts: tuple[Any, Any]
    url: str
    counters: Counters
    http: aiohttp.ClientSession = field(repr=False)

    async def deliver(self, payload: meta_events.Payload) -> int:
        """Post a signed delivery of Meta's; return the status."""
        body = meta_events.encode(payload)
        headers = meta_events.sign(body, SECRET)
        async with self.http.post(f"{self.url}/webhooks/whatsapp", data=body, headers=headers) as answer:
            return answer.status

    async def say(self, which: int, text: str) -> str:
        """Let the business's customer write; return the message's id."""
        delivery = meta_events.text(self.numbers[which], text, self.people[which])
        wamid = meta_events.wamid_of(delivery)
        person = self.people[which]
        self.meta.hear(self.numbers[which].phone_number_id, person.phone or "", wamid)
        assert await self.deliver(delivery) == 200
        return wamid

    async def rows(self, which: int, sql: str = _DELIVERIES) -> list[Record]:
        """Return rows of a business."""
        async with self.db.tenant(self.scopes[which]) as session:
            return await session.fetch(sql, self.scopes[which].tenant_id)

    async def states(self, which: int) -> list[str]:
        """Return the states of a business's deliveries, in order."""
        return [row["state"] for row in await self.rows(which)]

    def tried(self) -> int:
        """How many times something was to be shown."""
        return sum(call.path[-1] == "messages" and "status" not in call.body for call in self.meta.calls)


@asynccontextmanager
async def open_line(
    settings: Settings, db: Database, vault: Vault, scopes: tuple[TenantScope, TenantScope], **more: Any
) -> AsyncIterator[Line]:
    """Run everything, connected; `more` are settings."""
    numbers = number_of(0, scopes[0]), number_of(1, scopes[1])
    people = (
        meta_events.Person(phone="4917770001", user_id="DE.1349120865530274", name="Ann"),
        meta_events.Person(phone="4917770002", user_id="DE.2459120865530274", name="Ann"),
    )
    meta = FakeMeta(
        [Number(each.phone_number_id, each.waba, each.display, each.token) for each in numbers],
        [Person(each.phone or "", each.user_id, each.name) for each in people],
    )
    await meta.start()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    update: dict[str, Any] = {
        "llm_backend": "demo", "burst_s": 0.0, "bind": f"127.0.0.1:{port}", "public_url": url,
        "whatsapp_api_url": meta.url, "whatsapp_app_secret": SecretStr(SECRET), "whatsapp_verify_token": SecretStr("verify"),
    }  # fmt: skip
    settings = settings.model_copy(update=update | more)
    connected = [
        await accounts.connect_grant(
            db, vault, scope, kind="whatsapp",
            grant=Grant(
                account_key=each.phone_number_id, token=each.token, business_account_id=each.waba,
                portfolio_id=each.portfolio, phone_number=each.display,
            ),
        )
        for scope, each in zip(scopes, numbers, strict=True)
    ]  # fmt: skip
    counters = Counters()
    try:
        async with served(settings, port), aiohttp.ClientSession() as http, _working(settings, db, counters):
            yield Line(meta, db, scopes, numbers, people, (connected[0], connected[1]), url, counters, http)
    finally:
        await meta.stop()


@asynccontextmanager
async def _working(settings: Settings, db: Database, counters: Counters) -> AsyncIterator[None]:
    async with build_handlers(settings, db, counters) as parts:
        engine = Engine(db, parts.lanes, lease_s=settings.lease_s, capacity=20)
        running = asyncio.create_task(engine.run())
        try:
            yield
        finally:
            engine.drain()
            await running
