"""The parts under a benchmark: an embedded PostgreSQL and Valkey with the settings of production, tenants, accounts."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from konstruct.channels import accounts
from konstruct.db.bootstrap import RolePasswords, RoleUrls, bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import PREFIX, Settings
from konstruct.local.postgres import Postgres
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault

SECRET = "bench-signing-secret"
_PASSWORDS = RolePasswords(app="app-pass", fleet="fleet-pass", maintenance="maintenance-pass")


@dataclass(frozen=True, slots=True)
class Team:
    """A tenant's Slack workspace."""

    scope: TenantScope
    team_id: str
    app_id: str
    bot_user_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Site:
    """One migrated database with its tenants, and the environment of the processes that serve it."""

    folder: Path
    env: dict[str, str]
    db: Database
    teams: Sequence[Team]
    admin_url: str

    async def count(self, sql: str) -> int:
        """Return the sum over the tenants of a query that counts rows of one tenant, its $1."""
        total = 0
        for team in self.teams:
            async with self.db.tenant(team.scope) as session:
                total += int(await session.fetchval(sql, team.scope.tenant_id))
        return total

    async def analyze(self) -> None:
        """Take the statistics that autovacuum takes within a minute of a database's first use."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute("ANALYZE")
        finally:
            await connection.close()

    async def messages(self) -> int:
        """Return how many messages of people are stored."""
        return await self.count("SELECT count(*) FROM messages WHERE tenant_id = $1 AND direction = 'in'")


class Parts:
    """The two servers. Each `site` is a database of its own on them."""

    def __init__(self, folder: Path, postgres: Postgres, valkey: Valkey) -> None:
        self.folder = folder
        self._postgres = postgres
        self._valkey = valkey
        self._sites = 0

    @property
    def admin_url(self) -> str:
        """The database server's superuser."""
        return self._postgres.admin_url

    def postgres_cpu_s(self) -> float:
        """Return the CPU seconds that PostgreSQL's processes have used, those that have ended among them."""
        postmaster = psutil.Process(self._postgres.pid)
        own = postmaster.cpu_times()
        used = own.user + own.system + own.children_user + own.children_system
        for process in postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                time = process.cpu_times()
                used += time.user + time.system
        return float(used)

    @asynccontextmanager
    async def site(self, tenants: int, **settings: object) -> AsyncIterator[Site]:
        """A fresh database with `tenants` connected tenants; `settings` are those of its processes."""
        self._sites += 1
        name = f"bench{self._sites}"
        folder = self.folder / name
        folder.mkdir()
        urls = await bootstrap(self._postgres.admin_url, database=name, passwords=_PASSWORDS)
        await asyncio.to_thread(migrate, urls.maintenance)
        env = self._environment(urls, folder, settings)
        db = await Database.open(Settings.model_validate({k.removeprefix(PREFIX).lower(): v for k, v in env.items()}), pool=4)
        try:
            ring = FileKeyRing(Path(env[f"{PREFIX}KEYRING"]))
            await ring.init()
            vault = Vault(ring)
            teams = [await _team(db, vault, number) for number in range(tenants)]
            yield Site(folder, env, db, teams, self._admin_url(name))
        finally:
            await db.close()

    def _admin_url(self, database: str) -> str:
        return f"{self._postgres.admin_url.rpartition('/')[0]}/{database}"

    def _environment(self, urls: RoleUrls, folder: Path, settings: dict[str, object]) -> dict[str, str]:
        databases = 2 * (self._sites % 8)
        values: dict[str, object] = {
            "database_url": urls.app,
            "fleet_database_url": urls.fleet,
            "redis_url": self._valkey.url(databases),
            "broker_url": self._valkey.url(databases + 1),
            "keyring": folder / "keyring.json",
            "slack_signing_secret": SECRET,
            "llm_backend": "scripted",
            **settings,
        }
        return {PREFIX + name.upper(): str(value) for name, value in values.items()}


@asynccontextmanager
async def parts() -> AsyncIterator[Parts]:
    """Start both servers in a temporary folder on the disk of the working directory, with fsync on; stop them at the end."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        postgres = Postgres(folder / "postgres", "bench-pass", log=folder / "postgres.log")
        valkey = Valkey(folder / "valkey", "bench-pass", log=folder / "valkey.log")
        try:
            await postgres.start()
            await valkey.start()
            await _settle(postgres.admin_url)
            yield Parts(folder, postgres, valkey)
        finally:
            await valkey.stop()
            await postgres.stop()


async def _settle(admin_url: str) -> None:
    """Bring a new server into the state of one that has worked for a day: its log's files are used again, not made."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("ALTER SYSTEM SET min_wal_size = '1GB'")
        await connection.execute("SELECT pg_reload_conf()")
        for _ in range(48):
            await connection.execute("SELECT pg_logical_emit_message(false, 'bench', repeat('x', 16000000))")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _team(db: Database, vault: Vault, number: int) -> Team:
    tenant = await create_tenant(db, vault, name=f"Business {number}", employee="Ada", persona="You are Ada. You are brief.")
    team = Team(tenant.scope, f"T{number:04}", "A0001", f"UBOT{number:04}", f"xoxb-bench-{number}")
    await accounts.connect(
        db,
        vault,
        team.scope,
        kind="slack",
        external_id=team.team_id,
        app_id=team.app_id,
        bot_user_id=team.bot_user_id,
        token=team.token,
    )
    return team
