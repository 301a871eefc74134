"""A database with a thousand businesses and a hundred thousand messages, none of them above a thousandth of it.

One business lives by the product's own means and is given a past; the others are copies of it, under keys of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg

from konstruct.db.bootstrap import APP, FLEET, RolePasswords, RoleUrls, bootstrap
from konstruct.db.database import Database
from konstruct.db.migrate import migrate
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.isolation.relations import Connection, Sight
from tests.support.house import House, open_house
from tests.support.puppet import Puppet
from tests.tenants.filled import fill

TENANTS = 1000
MESSAGES = 100_000
NAME = "konstruct_crowd"
PASSWORDS = RolePasswords(app="app-pass", fleet="fleet-pass", maintenance="maintenance-pass")
_PAST = Path(__file__).parent / "past.sql"
_DISTINCT = {
    ("channel_routes", "account_key"): "t.account_key || n.number",
    ("channel_holdings", "holding"): "t.holding || n.number",
    ("member_emails", "email_hash"): "sha256(t.email_hash || n.number::text::bytea)",
}
"""What is unique, or looked for, over all tenants."""


@dataclass(frozen=True)
class Crowd:
    """The crowded database and a house in it: its first business has a past, its second has just been made."""

    house: House
    admin: Connection
    empty: frozenset[str]
    """Partitions without a row."""


@asynccontextmanager
async def open_crowd(cluster: Postgres, settings: Settings) -> AsyncIterator[Crowd]:
    """Make the database, open a house in it, drop it at the end."""
    urls = await bootstrap(cluster.admin_url, database=NAME, passwords=PASSWORDS)
    await asyncio.to_thread(migrate, urls.maintenance)
    admin = await asyncpg.connect(urlunsplit(urlsplit(cluster.admin_url)._replace(path=f"/{NAME}")))
    try:
        await _explain_everything(admin)
        quick = _settings(settings, urls)
        db = await Database.open(quick, pool=4)
        try:
            ring = FileKeyRing(Path(str(settings.keyring)))
            await ring.init()
            vault = Vault(ring)
            made = [await create_tenant(db, vault, name=f"Business {n}", employee="Ada", persona="Be brief.") for n in (0, 1)]
            scopes = made[0].scope, made[1].scope
            opened = open_house(quick, db, vault, scopes, Puppet(), run_engine=False)
            async with opened as house, aiohttp.ClientSession() as http:
                await fill(house, 0)
                await populate(admin, scopes[0])
                # The server may be about to close the connection that was idle meanwhile: what comes takes a new one.
                yield Crowd(replace(house, _http=http), admin, await _empty(admin))
        finally:
            await db.close()
    finally:
        await admin.close()
        outer = await asyncpg.connect(cluster.admin_url)
        await outer.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
        await outer.close()


async def populate(admin: Connection, scope: TenantScope) -> None:
    """Give the business a past, copy it a thousand times, and let the planner know."""
    await admin.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    await admin.execute(_PAST.read_text(encoding="utf-8").replace(":tenant", f"'{scope.tenant_id}'::uuid"))
    await admin.execute(
        "CREATE TEMP TABLE many AS SELECT gen_random_uuid() AS id, n AS number FROM generate_series(1, $1::int) AS n", TENANTS
    )
    types = await _types(admin)
    for relation in await Sight(admin).relations():
        if relation.has_tenant and not relation.partition:
            values = [_value(relation.name, column, types[relation.name, column]) for column in relation.columns]
            names = ", ".join(f'"{column}"' for column in relation.columns)
            await admin.execute(
                f"INSERT INTO {relation.name} ({names}) SELECT {', '.join(values)}"
                f" FROM {relation.name} t CROSS JOIN many n WHERE t.tenant_id = '{scope.tenant_id}'"
            )
    await admin.execute("ANALYZE")
    # All of this is written to the disk now, not by the first commit of the house, which has two seconds for it.
    await admin.execute("CHECKPOINT")


def _value(table: str, column: str, kind: str) -> str:
    """Return the column of a copy: ids keep the time in them and end in the copy's number."""
    if column == "tenant_id":
        return "n.id"
    if (table, column) in _DISTINCT:
        return _DISTINCT[table, column]
    if kind == "uuid":
        return f"(left(t.\"{column}\"::text, 24) || lpad(to_hex(n.number), 12, '0'))::uuid"
    return f't."{column}"'


async def _types(admin: Connection) -> dict[tuple[str, str], str]:
    rows = await admin.fetch(
        "SELECT attrelid::regclass::text, attname::text, atttypid::regtype::text FROM pg_attribute WHERE attnum > 0"
        " AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def _explain_everything(admin: Connection) -> None:
    """Let each session of the two logins be told how its statements were answered, those inside functions as well."""
    for role in (APP, FLEET):
        for name, value in (
            ("session_preload_libraries", "auto_explain"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_format", "json"),
            ("auto_explain.log_level", "notice"),
        ):
            await admin.execute(f"ALTER ROLE {role} IN DATABASE {NAME} SET {name} = '{value}'")


def _settings(settings: Settings, urls: RoleUrls) -> Settings:
    values = settings.model_dump() | {"burst_s": 0.0, "turn_attempts": 1}
    values |= {"database_url": urls.app, "fleet_database_url": urls.fleet, "owner_database_url": urls.maintenance}
    return Settings.model_validate(values)


async def _empty(admin: Connection) -> frozenset[str]:
    rows = await admin.fetch(
        "SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r' AND pg_relation_size(oid) = 0"
    )
    return frozenset(row[0] for row in rows)
