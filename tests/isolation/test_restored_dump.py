"""What is erased stays closed: a real dump of before, restored, opens nothing of the erased business, and its neighbour's all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import pytest
import redis.asyncio as plain_redis

from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.jobs.doorbell import Doorbell
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.local.postgres_binaries import find_binaries
from konstruct.local.valkey import Valkey
from konstruct.tenants import erase
from konstruct.tenants.erase import Erasing
from konstruct.tenants.key_provider import KeyDestroyedError
from konstruct.tenants.tenants_repository import tenant_name
from konstruct.tenants.vault import Vault
from tests.isolation.untouched import keep_keys
from tests.support.house import House, open_house, until
from tests.support.puppet import Puppet
from tests.tenants.filled import canary_of, fill, overview

RESTORED = "konstruct_restored"


@pytest.fixture
async def still(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    """The whole house; the test claims and works by hand."""
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, Puppet(), run_engine=False) as opened:
        yield opened


async def _run(tool: str, *words: str) -> None:
    """Run one of PostgreSQL's own programs to its end."""
    process = await asyncio.create_subprocess_exec(
        str(find_binaries(None) / tool), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def test_a_restored_dump_opens_nothing_of_an_erased_business(
    still: House, cluster: Postgres, redis: Redis, house_vault: Vault, settings: Settings, tmp_path: Path
) -> None:
    own, other = still.scopes
    for number in (0, 1):
        await fill(still, number)
    dump = str(tmp_path / "before.dump")
    await _run("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={_at(cluster.admin_url, 'konstruct_test')}")
    async with overview(cluster) as view:
        before = await view.checksums(other)
        name = await still.db.run(own, tenant_name)
        await erase.begin(still.db, own, name or "")
        await Erasing(still.db, redis, house_vault).erase(own)
        assert await view.checksums(other) == before
        await view.connection.execute(f"CREATE DATABASE {RESTORED}")
        try:
            await _run("pg_restore", f"--dbname={_at(cluster.admin_url, RESTORED)}", "--exit-on-error", dump)
            await _look_into(settings, house_vault, still)
        finally:
            await view.connection.execute(f"DROP DATABASE {RESTORED} WITH (FORCE)")


async def _look_into(settings: Settings, vault: Vault, house: House) -> None:
    assert settings.database_url and settings.fleet_database_url
    own, other = house.scopes
    addresses = {
        "database_url": _at(settings.database_url.get_secret_value(), RESTORED),
        "fleet_database_url": _at(settings.fleet_database_url.get_secret_value(), RESTORED),
    }
    db = await Database.open(Settings.model_validate(addresses), pool=2)
    try:
        sealed = {scope: await _secrets(db, scope) for scope in (own, other)}
        assert len(sealed[own]) == len(sealed[other]) == 2, "a token, and what it is renewed with"
        opened: list[str | None] = []
        for scope, opens in ((own, False), (other, True)):
            for secret_id in sealed[scope]:
                try:
                    token = await vault.reveal(db, scope, secret_id)
                except KeyDestroyedError:
                    token = None
                assert (token is not None) == opens
                opened.append(token)
        assert house.teams[1].token in opened and house.teams[0].token not in opened
        # Nor is the key made anew for whoever brings the tenant back.
        with pytest.raises(KeyDestroyedError):
            await vault.enrol(own)
    finally:
        await db.close()


async def _secrets(db: Database, scope: TenantScope) -> list[UUID]:
    async with db.tenant(scope) as session:
        return [row["id"] for row in await session.fetch("SELECT id FROM secrets WHERE tenant_id = $1", scope.tenant_id)]


async def test_no_queue_and_no_key_names_a_business_once_it_is_erased(
    still: House, redis: Redis, house_vault: Vault, settings: Settings, valkey: Valkey
) -> None:
    own, other = still.scopes
    for number, scope in enumerate(still.scopes):
        await fill(still, number)
        keys = redis.tenant(scope)
        await keys.set("cache", "answer", value=canary_of(scope), expiry_s=600)
        await keys.hold("pause", "account", "D1", seconds=600)
        await keys.draw("send", "account", "D1", rate_per_s=0.01, burst=3)
        await keep_keys(settings, scope)
    doorbell = Doorbell(settings)
    doorbell.ring()
    try:
        await until(lambda: _has_messages(valkey.url(1)))
    finally:
        doorbell.close()
    marks = [[str(scope.tenant_id), scope.tenant_id.hex, canary_of(scope)] for scope in (own, other)]
    before = await _held(valkey, marks[1])
    assert len(before) >= 3 and len(await _held(valkey, marks[0])) >= 3
    name = await still.db.run(own, tenant_name)
    await erase.begin(still.db, own, name or "")
    await Erasing(still.db, redis, house_vault).erase(own)
    assert await _held(valkey, marks[0]) == {}
    assert await _held(valkey, marks[1]) == before


async def _has_messages(url: str) -> bool:
    client = plain_redis.Redis.from_url(url)
    try:
        return bool(await client.keys("*konstruct"))
    finally:
        await client.aclose()


async def _held(valkey: Valkey, marks: list[str]) -> dict[tuple[int, bytes], bytes]:
    """Return the keys, of our data and of the broker's, that name or hold one of `marks`."""
    found: dict[tuple[int, bytes], bytes] = {}
    for number in (0, 1):
        client = plain_redis.Redis.from_url(valkey.url(number))
        async for key in client.scan_iter():
            dumped = await client.dump(key) or b""
            if any(mark.encode() in key or mark.encode() in dumped for mark in marks):
                found[number, key] = dumped
        await client.aclose()
    return found
