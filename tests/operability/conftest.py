"""Databases of their own for tests that break them on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from konstruct.db.bootstrap import RoleUrls, bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from tests.conftest import PASSWORDS

_TEMPLATE = "konstruct_spare"


@dataclass(frozen=True)
class Spare:
    """A migrated database of one test. `admin` runs SQL as superuser; `open` connects as two logins."""

    urls: RoleUrls
    admin_url: str

    async def admin(self, sql: str) -> None:
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def settings(self, **more: object) -> Settings:
        return Settings.model_validate({"database_url": self.urls.app, "fleet_database_url": self.urls.fleet, **more})

    async def open(self, *, app: str | None = None, fleet: str | None = None) -> Database:
        addresses = {"database_url": app or self.urls.app, "fleet_database_url": fleet or self.urls.fleet}
        return await Database.open(self.settings(**addresses), pool=2)

    def login(self, role: str, password: str) -> str:
        where = urlsplit(self.urls.app)
        return urlunsplit(where._replace(netloc=f"{role}:{password}@{where.hostname}:{where.port}"))


def _in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def spare_template(cluster: Postgres) -> RoleUrls:
    """A migrated database that others are copied from."""
    urls = asyncio.run(bootstrap(cluster.admin_url, database=_TEMPLATE, passwords=PASSWORDS))
    migrate(urls.maintenance)
    return urls


@pytest.fixture
async def spare(cluster: Postgres, spare_template: RoleUrls) -> AsyncIterator[Spare]:
    """A database that nobody else uses, dropped after the test."""
    name = f"spare_{uuid4().hex}"
    outer = await asyncpg.connect(cluster.admin_url)
    await outer.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    urls = RoleUrls(*(_in_database(url, name) for url in (spare_template.app, spare_template.fleet, spare_template.maintenance)))
    yield Spare(urls, _in_database(cluster.admin_url, name))
    await outer.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await outer.close()


MakeLogin = Callable[[str], Awaitable[str]]


@pytest.fixture
async def make_login(cluster: Postgres, spare: Spare) -> AsyncIterator[MakeLogin]:
    """Make a login with the attributes given; return its address in the spare database. Dropped after the test."""
    made: list[str] = []
    outer = await asyncpg.connect(cluster.admin_url)

    async def make(attributes: str) -> str:
        role = f"wrong_{uuid4().hex[:12]}"
        await outer.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw' {attributes}")
        made.append(role)
        return spare.login(role, "pw")

    yield make
    for role in made:
        await spare.admin(f"DROP OWNED BY {role}")
        await outer.execute(f"DROP ROLE {role}")
    await outer.close()
