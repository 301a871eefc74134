"""The strict fake as a process of its own, and the seed's memory."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

import konstruct
from konstruct.db.bootstrap import bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.kit.settings import Settings
from konstruct.local.hooks import seed_sandbox
from konstruct.local.postgres import Postgres
from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from konstruct.local.sandbox.store import SandboxStore
from konstruct.memory.documents import Documents
from konstruct.tenants.service import list_tenants, require_tenant
from konstruct.tenants.tenants_repository import directory
from tests.conftest import PASSWORDS
from tests.sandbox.support import Listener
from tests.support.ports import free_port


async def test_the_process_serves_and_stops_with_a_page_open(tmp_path: Path, listener: Listener) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "konstruct.local.sandbox", "--port", str(port), "--webhook-base", listener.url),
        *("--store", str(tmp_path / "fake.db"), "--signing-secret", "a secret", "--retry-delays", "0,0.1"),
        env={**os.environ, "PYTHONPATH": str(Path(konstruct.__file__).parents[1])},
    )
    url = f"http://127.0.0.1:{port}/sandbox"
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as http:
            while not await _serves(http, url):
                await asyncio.sleep(0.05)
            stream = await http.get(f"{url}/events?team={FERNWOOD.workspace.team_id}")
            post = {"channel": FERNWOOD.channel.channel_id, "text": "hi"}
            authorization = {"Authorization": f"Bearer {FERNWOOD.workspace.bot_token}"}
            async with http.post(f"{url}/slack/api/chat.postMessage", json=post, headers=authorization) as response:
                assert (await response.json())["ok"] is True
            await listener.wait(1)
            process.send_signal(signal.SIGTERM)
            await process.wait()
            stream.close()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode in (0, -signal.SIGTERM)


async def _serves(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


@pytest.fixture
async def own_settings(settings: Settings, cluster: Postgres, tmp_path: Path) -> Settings:
    """A database without the sample businesses: their workspaces may exist once only."""
    addresses = await bootstrap(cluster.admin_url, database=f"sandbox_{os.urandom(4).hex()}", passwords=PASSWORDS)
    await asyncio.to_thread(migrate, addresses.maintenance)
    urls = {"database_url": addresses.app, "fleet_database_url": addresses.fleet}
    return Settings.model_validate({**settings.model_dump(), **urls, "data_dir": tmp_path})


async def test_the_seed_makes_both_businesses_once(own_settings: Settings, tmp_path: Path) -> None:
    await seed_sandbox(own_settings)
    db = await Database.open(own_settings, pool=2)
    store = SandboxStore.in_folder(tmp_path)
    try:
        first = {tenant.name for tenant in await list_tenants(db)}
        assert first == {FERNWOOD.workspace.name, MARLOW.workspace.name}
        documents = Documents(db)
        for business in (FERNWOOD, MARLOW):
            seeded = store.records.tenant_of(business.workspace.team_id)
            assert seeded is not None and seeded.finished
            scope = await require_tenant(db, seeded.scope.tenant_id)
            assert {d.title for d in await documents.list(scope)} == {d.title for d in business.documents}
            (removed,) = [d for d in await documents.list(scope) if d.title == business.documents[0].title]
            await documents.remove(scope, removed.id)
            await seed_sandbox(own_settings)
            # What an owner took away stays away.
            assert len(await documents.list(scope)) == len(business.documents) - 1
        assert len(await list_tenants(db)) == 2
    finally:
        store.close()
        await db.close()


async def test_an_interrupted_seed_is_finished(own_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("konstruct.channels.accounts.connect", stop)
        with pytest.raises(RuntimeError, match="killed"):
            await seed_sandbox(own_settings)
    await seed_sandbox(own_settings)
    db = await Database.open(own_settings, pool=2)
    try:
        assert len(await list_tenants(db)) == 2
    finally:
        await db.close()


async def test_a_lost_sandbox_file_finds_its_tenants_again(own_settings: Settings, tmp_path: Path) -> None:
    await seed_sandbox(own_settings)
    db = await Database.open(own_settings, pool=1)
    try:
        before = await directory(db)
        assert own_settings.data_dir is not None
        for path in own_settings.data_dir.glob("sandbox.db*"):
            path.unlink()
        await seed_sandbox(own_settings)
        assert await directory(db) == before
    finally:
        await db.close()


def test_only_the_owner_reads_the_file_with_the_tokens(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = SandboxStore.in_folder(tmp_path)
        store.deliver_mail("a@example.org", "Hello", "text")
        files = sorted(tmp_path.iterdir())
        assert [path.name for path in files] == ["sandbox.db", "sandbox.db-shm", "sandbox.db-wal"]
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        # Also what an earlier version made for everybody.
        for path in files:
            path.chmod(0o644)
        again = SandboxStore.in_folder(tmp_path)
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        again.close()
        store.close()
    finally:
        os.umask(before)
