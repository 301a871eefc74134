"""After an outage of the database no lease is taken over within one lease of the server's start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from konstruct.db.bootstrap import bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.conftest import PASSWORDS
from tests.support.queueing import HOUR_S, begin, bump, connect, make_conversations

WORKER = uuid7()
OVER = "UPDATE ready_queue SET lease_until = now() - interval '1 second' WHERE state = 'leased'"


@pytest.fixture
async def young(tmp_path: Path) -> AsyncIterator[Database]:
    """A database whose server has just started: far younger than a lease of an hour."""
    folder = tmp_path / "young"
    folder.mkdir()
    server = Postgres(folder / "postgres", "young-pass", log=folder / "postgres.log")
    await server.start()
    try:
        urls = await bootstrap(server.admin_url, database="young", passwords=PASSWORDS)
        await asyncio.to_thread(migrate, urls.maintenance)
        db = await Database.open(
            Settings.model_validate({"database_url": urls.app, "fleet_database_url": urls.fleet}),
            pool=2,
        )
        try:
            yield db
        finally:
            await db.close()
    finally:
        await server.stop()


async def _claims(db: Database, tmp_path: Path, lease_s: float) -> list[Claim]:
    """Claim one conversation of each of two tenants."""
    ring = FileKeyRing(tmp_path / "keyring.json")
    await ring.init()
    vault = Vault(ring)
    for name in ("Alpha", "Beta"):
        tenant = await create_tenant(db, vault, name=name, employee="Ada", persona="You are Ada.")
        account = await connect(db, vault, tenant.scope)
        await bump(db, tenant.scope, *await make_conversations(db, tenant.scope, account, 1))
    return await queue.claim(db, "turn", WORKER, 10, lease_s)


async def test_a_lease_outlives_its_time_while_the_server_is_younger_than_a_lease(young: Database, tmp_path: Path) -> None:
    first, second = await _claims(young, tmp_path, HOUR_S)
    await young.fleet_fetch("test", OVER)
    assert await queue.sweep(young) == 0
    await begin(young, first)
    held = await queue.renew(young, WORKER, "turn", [first, second])
    assert held == {(first.conversation_id, 1), (second.conversation_id, 1)}

    # The same server is older than a lease of a millisecond: what nobody renewed is taken over.
    await young.fleet_fetch("test", OVER)
    await young.fleet_fetch(
        "test",
        "UPDATE ready_queue SET lease = interval '1 millisecond' WHERE conversation_id = $1",
        second.conversation_id,
    )
    assert await queue.sweep(young) == 1
    assert [claim.conversation_id for claim in await queue.claim(young, "turn", uuid7(), 10, HOUR_S)] == [second.conversation_id]
