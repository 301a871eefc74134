"""Real parts for every test: an embedded PostgreSQL and Valkey per test process, a migrated database, and two tenants."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from konstruct.db.bootstrap import RolePasswords, RoleUrls, bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests import sharing
from tests.support.queueing import empty_queue

PASSWORDS = RolePasswords(app="app-pass", fleet="fleet-pass", maintenance="maintenance-pass")
SIGNING_SECRET = "test-signing-secret"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Share the tests out as `tests/sharing.py` says."""
    return sharing.share(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin."""
    sharing.longest_first(items)


def pytest_collection_finish() -> None:
    """Let the collector of garbage leave alone what stays for good: every module, and every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """A developer's own KONSTRUCT_ variables must not change what a test sees."""
    for name in [name for name in os.environ if name.startswith("KONSTRUCT_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """An empty PostgreSQL, started once per test process."""
    folder = tmp_path_factory.mktemp("cluster")
    server = Postgres(folder / "postgres", "cluster-pass", log=folder / "postgres.log")
    asyncio.run(_start_throw_away(server))
    yield server
    asyncio.run(server.stop())


async def _start_throw_away(server: Postgres) -> None:
    """Start it without waiting for the disk, which is half of the time of making and dropping a database, and with passwords
    that are quick to check: each test opens connections. Nothing is lost but by a power cut; the tests that kill a server
    have one of their own."""
    await server.start()
    connection = await asyncpg.connect(server.admin_url)
    for setting, value in (("fsync", "off"), ("full_page_writes", "off"), ("scram_iterations", "1")):
        await connection.execute(f"ALTER SYSTEM SET {setting} = {value}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey, started once per test process."""
    folder = tmp_path_factory.mktemp("valkey")
    server = Valkey(folder / "valkey", "valkey-pass", log=folder / "valkey.log")
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def urls(cluster: Postgres) -> RoleUrls:
    """A migrated database, shared by the tests of a process: each makes its own tenants in it."""
    addresses = asyncio.run(bootstrap(cluster.admin_url, database="konstruct_test", passwords=PASSWORDS))
    migrate(addresses.maintenance)
    return addresses


@pytest.fixture
def settings(urls: RoleUrls, valkey: Valkey, tmp_path: Path) -> Settings:
    """Settings of a process on the real parts, quick enough for tests."""
    return Settings.model_validate(
        {
            "database_url": urls.app,
            "fleet_database_url": urls.fleet,
            "owner_database_url": urls.maintenance,
            "redis_url": valkey.url(0),
            "broker_url": valkey.url(1),
            "keyring": str(tmp_path / "house" / "keyring.json"),
            "slack_signing_secret": SIGNING_SECRET,
            "llm_backend": "demo",
            "burst_s": 0.05,
            "lease_s": 2.0,
        }
    )


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """Both pools on the shared database."""
    database = await Database.open(settings, pool=4)
    yield database
    await database.close()


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """The platform's Redis."""
    opened = Redis.open(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def house_vault(settings: Settings) -> Vault:
    """The vault of `settings`."""
    ring = FileKeyRing(Path(str(settings.keyring)))
    await ring.init()
    return Vault(ring)


@pytest.fixture
async def tenants(db: Database, house_vault: Vault) -> tuple[TenantScope, TenantScope]:
    """Two tenants, each with an employee, made for this test. What earlier tests left undone is nobody's any more:
    an engine works for all tenants of the database, and would answer with this test's model what another one asked."""
    await empty_queue(db)
    alpha = await create_tenant(db, house_vault, name="Alpha Bikes", employee="Ada", persona="You are Ada of Alpha Bikes.")
    beta = await create_tenant(db, house_vault, name="Beta Bakery", employee="Ben", persona="You are Ben of Beta Bakery.")
    return alpha.scope, beta.scope
