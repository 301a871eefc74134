"""A channel that the product has never heard of, in the real web application and the real worker: no product file knows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import aiohttp
import pytest

from konstruct.channels import accounts
from konstruct.channels.registry import CHANNELS
from konstruct.cli.handlers import build_handlers
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs.engine import Engine
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.channels.contract.plain_adapter import pigeon
from tests.channels.contract.plain_provider import SECRET, Pigeon
from tests.support.house import served, until
from tests.support.ports import free_port

_DELIVERIES = "SELECT state, reason, receipt, external_id, id FROM deliveries WHERE tenant_id = $1 ORDER BY position, part"


@dataclass
class Loft:
    """The channel's provider, and the house it delivers to."""

    provider: Pigeon
    db: Database
    scopes: tuple[TenantScope, TenantScope]
    url: str
    http: aiohttp.ClientSession
    accounts: tuple[str, str]

    async def deliver(self, body: bytes) -> int:
        """Post a signed delivery; return the status."""
        async with self.http.post(f"{self.url}/webhooks/pigeon", data=body, headers=self.provider.sign(body)) as answer:
            return answer.status

    async def rows(self, number: int, sql: str = _DELIVERIES) -> list[Record]:
        """Return rows of a business."""
        async with self.db.tenant(self.scopes[number]) as session:
            return await session.fetch(sql, self.scopes[number].tenant_id)


@pytest.fixture
async def loft(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Loft]:
    """Two businesses, each with an account of the new channel, and the same person in both."""
    names = tenants[0].tenant_id.hex[-12:], tenants[1].tenant_id.hex[-12:]
    # What other tests left would be worked on first.
    await db.fleet_fetch("test", "DELETE FROM tenant_jobs WHERE kind = 'channel_event'")
    provider = Pigeon({name: f"token-{name}" for name in names}, {name: {"p1"} for name in names})
    await provider.start()
    channels = (*CHANNELS, pigeon(provider.url))
    port = free_port()
    update = {"llm_backend": "demo", "burst_s": 0.0, "bind": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}"}
    settings = settings.model_copy(update=update)
    for scope, name in zip(tenants, names, strict=True):
        await accounts.connect(
            db, house_vault, scope, kind="pigeon", external_id=name, app_id=None, bot_user_id=None, token=f"token-{name}"
        )
    try:
        async with served(settings, port, channels=channels), aiohttp.ClientSession() as http, _working(settings, db, channels):
            yield Loft(provider, db, tenants, f"http://127.0.0.1:{port}", http, names)
    finally:
        await provider.down()


@asynccontextmanager
async def _working(settings: Settings, db: Database, channels: tuple[object, ...]) -> AsyncIterator[None]:
    counters = Counters()
    async with build_handlers(settings, db, counters, channels=channels) as parts:  # type: ignore[arg-type]
        engine = Engine(db, parts.lanes, lease_s=settings.lease_s, capacity=20)
        running = asyncio.create_task(engine.run())
        try:
            yield
        finally:
            engine.drain()
            await running


async def test_a_conversation(loft: Loft) -> None:
    first, second = loft.accounts
    for number, name in enumerate(loft.accounts):
        assert (
            await loft.deliver(loft.provider.speak(name, "p1", f"When do you open, {'shop' if number == 0 else 'cafe'}?")) == 200
        )
    await until(lambda: {each["account"] for each in loft.provider.messages} == {first, second})
    for number in (0, 1):
        await until(partial(_state, loft, number, "sent"))
    for number, name in enumerate((first, second)):
        [row] = await loft.rows(number)
        [shown] = [each for each in loft.provider.messages if each["account"] == name]
        assert (shown["to"], shown["ref"]) == ("p1", str(row["id"])), "each to its own, by its own account"
    # The same delivery again is a retry; a receipt climbs; a forged one is refused; the provider's question is answered.
    assert await loft.deliver(loft.provider.speak(first, "p1", "again", "1")) == 200
    [row] = await loft.rows(0)
    receipt = {"type": "receipt", "id": "r1", "to": "p1", "message": row["external_id"], "ref": str(row["id"]), "state": "read"}
    assert await loft.deliver(loft.provider.body(first, receipt)) == 200
    await until(lambda: _receipt(loft, "read"))
    assert [each["receipt"] for each in await loft.rows(1)] == [None]
    body = loft.provider.body(first, {**receipt, "id": "r2"})
    async with loft.http.post(f"{loft.url}/webhooks/pigeon", data=body, headers={"X-Pigeon-Signature": "0" * 64}) as answer:
        assert answer.status == 401
    async with loft.http.get(f"{loft.url}/webhooks/pigeon", params={"token": SECRET.decode(), "echo": "coo"}) as answer:
        assert (answer.status, await answer.text()) == (200, "coo")
    async with loft.http.get(f"{loft.url}/webhooks/pigeon", params={"token": "guess", "echo": "coo"}) as answer:
        assert answer.status == 403
    assert loft.provider.shown() == 2 and loft.provider.violations == 0


async def test_nothing_is_sent_into_a_closed_window(loft: Loft) -> None:
    """The person wrote two hours ago, and the question was only found now: the provider must not even be asked."""
    name = loft.accounts[0]
    body = loft.provider.speak(name, "p1", "Are you there?", "7", at=_two_hours_ago())
    assert await loft.deliver(body) == 200
    await until(lambda: _state(loft, 0, "failed"))
    assert [row["reason"] for row in await loft.rows(0)] == ["window_closed"]
    assert (loft.provider.asked(), loft.provider.violations) == (0, 0)
    [letter] = await loft.rows(0, "SELECT reason FROM dead_letters WHERE tenant_id = $1")
    assert letter["reason"] == "window_closed"
    # A word of the person opens it again.
    assert await loft.deliver(loft.provider.speak(name, "p1", "Hello?", "8")) == 200
    await until(lambda: loft.provider.shown() == 1)


async def _state(loft: Loft, number: int, state: str) -> bool:
    return state in [row["state"] for row in await loft.rows(number)]


async def _receipt(loft: Loft, receipt: str) -> bool:
    return [row["receipt"] for row in await loft.rows(0)] == [receipt]


def _two_hours_ago() -> float:
    return time.time() - 7200
