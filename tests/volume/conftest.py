from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from konstruct.db.bootstrap import RoleUrls
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.conftest import PASSWORDS
from tests.support import simulated
from tests.support.queueing import empty_queue
from tests.support.simulated import Clock
from tests.support.strict_meta import StrictMeta
from tests.volume.world import World


@pytest.fixture(scope="session")
def simulated_urls(cluster: Postgres) -> RoleUrls:
    """A migrated database whose clock the tests set."""
    urls = asyncio.run(simulated.prepare(cluster, PASSWORDS))
    migrate(urls.maintenance)
    return urls


@pytest.fixture
async def clock(cluster: Postgres, simulated_urls: RoleUrls) -> AsyncIterator[Clock]:
    """The database's clock."""
    async with simulated.clock(cluster) as made:
        yield made


@pytest.fixture
async def world(settings: Settings, simulated_urls: RoleUrls, clock: Clock, house_vault: Vault) -> AsyncIterator[World]:
    """Three workers in simulated time, without numbers as yet."""
    addresses = {"database_url": simulated_urls.app, "fleet_database_url": simulated_urls.fleet}
    there = Settings.model_validate(settings.model_dump(exclude_none=True, exclude_defaults=True) | addresses)
    db, redis = await Database.open(there, pool=12), Redis.open(settings)
    await empty_queue(db)
    made = World(there, db, house_vault, clock, StrictMeta(clock.now), redis)
    made.restart()
    yield made
    await redis.close()
    await db.close()


@pytest.fixture
async def businesses(world: World) -> tuple[TenantScope, TenantScope]:
    """Two businesses."""
    alpha = await create_tenant(world.db, world.vault, name="Alpha Bikes", employee="Ada", persona="You are Ada.")
    beta = await create_tenant(world.db, world.vault, name="Beta Bakery", employee="Ben", persona="You are Ben.")
    return alpha.scope, beta.scope
