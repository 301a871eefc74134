"""Roles, database and extension: what an administrator prepares once, before the first migration.

Four roles (names are cluster-wide, so two installations on one server share them and differ by database):

- `konstruct_owner` owns the tables and cannot log in;
- `konstruct_app` reads and writes rows of one tenant at a time;
- `konstruct_fleet` sees the platform tables only;
- `konstruct_maintenance` may become the owner, for migrations and the nightly job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from konstruct.kit.errors import SelfTestError

OWNER = "konstruct_owner"
APP = "konstruct_app"
FLEET = "konstruct_fleet"
MAINTENANCE = "konstruct_maintenance"
MINIMUM_SERVER = 180000
MINIMUM_VECTOR = (0, 8)

_LOGIN = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION INHERIT"


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """A password for each login role."""

    app: str = field(repr=False)
    fleet: str = field(repr=False)
    maintenance: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RoleUrls:
    """The address of the database for each login role."""

    app: str = field(repr=False)
    fleet: str = field(repr=False)
    maintenance: str = field(repr=False)


async def bootstrap(admin_url: str, *, database: str, passwords: RolePasswords) -> RoleUrls:
    """Make the roles, the database and the vector extension; return the logins' addresses. Safe to run again.

    `admin_url` is a login that may create roles and databases. Raises SelfTestError for a server that is too old.
    """
    connection = await asyncpg.connect(admin_url, timeout=10)
    try:
        if connection.get_server_version().major * 10000 < MINIMUM_SERVER:
            raise SelfTestError(f"PostgreSQL 18 or newer is needed, this server is {connection.get_server_version().major}")
        await _make_roles(connection, passwords)
        await _make_database(connection, database)
    finally:
        await connection.close()
    connection = await asyncpg.connect(_with_database(admin_url, database), timeout=10)
    try:
        await _prepare_database(connection, database)
    finally:
        await connection.close()
    return RoleUrls(
        app=_with_login(admin_url, database, APP, passwords.app),
        fleet=_with_login(admin_url, database, FLEET, passwords.fleet),
        maintenance=_with_login(admin_url, database, MAINTENANCE, passwords.maintenance),
    )


async def _make_roles(connection: asyncpg.Connection[asyncpg.Record], passwords: RolePasswords) -> None:
    # One lock for all databases of the cluster: roles are shared, and CREATE ROLE has no IF NOT EXISTS.
    await connection.execute("SELECT pg_advisory_lock(hashtext('konstruct.bootstrap'))")
    present = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'konstruct%'")}
    if OWNER not in present:
        await connection.execute(f"CREATE ROLE {OWNER} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT")
    for role, password in ((APP, passwords.app), (FLEET, passwords.fleet), (MAINTENANCE, passwords.maintenance)):
        # Of a role that is there only the password is set: more may need a superuser, and the self-test looks at the rest.
        how = f"ALTER ROLE {role}" if role in present else f"CREATE ROLE {role} {_LOGIN}"
        await connection.execute(f"{how} PASSWORD {_literal(password)}")
    await connection.execute(f"GRANT {OWNER} TO {MAINTENANCE} WITH INHERIT FALSE, SET TRUE")
    # An administrator who is no superuser must be a member to hand the database over.
    await connection.execute(f"GRANT {OWNER} TO CURRENT_USER")
    await connection.execute("SELECT pg_advisory_unlock(hashtext('konstruct.bootstrap'))")


async def _make_database(connection: asyncpg.Connection[asyncpg.Record], database: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        await connection.execute(f"CREATE DATABASE {_identifier(database)} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'")


async def _prepare_database(connection: asyncpg.Connection[asyncpg.Record], database: str) -> None:
    name = _identifier(database)
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    version = str(await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM_VECTOR:
        raise SelfTestError(f"pgvector 0.8 or newer is needed, this server has {version}")
    await connection.execute(
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
        f"GRANT CONNECT ON DATABASE {name} TO {APP}, {FLEET}, {MAINTENANCE};"
        f"REVOKE ALL ON SCHEMA public FROM PUBLIC;"
        f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};"
        f"GRANT USAGE ON SCHEMA public TO {APP}, {FLEET}, {MAINTENANCE};"
        # A generic plan would keep one tenant's row estimate for all; a frozen client must not hold locks for ever.
        f"ALTER ROLE {APP} IN DATABASE {name} SET plan_cache_mode = 'force_custom_plan';"
        f"ALTER ROLE {APP} IN DATABASE {name} SET statement_timeout = '30s';"
        f"ALTER ROLE {APP} IN DATABASE {name} SET idle_in_transaction_session_timeout = '10s';"
        # The two above say nothing about a client that freezes between two messages of one statement. This one does.
        f"ALTER ROLE {APP} IN DATABASE {name} SET transaction_timeout = '30s';"
        f"ALTER ROLE {APP} IN DATABASE {name} SET lock_timeout = '5s';"
        f"ALTER ROLE {FLEET} IN DATABASE {name} SET statement_timeout = '10s';"
        f"ALTER ROLE {FLEET} IN DATABASE {name} SET idle_in_transaction_session_timeout = '10s';"
        f"ALTER ROLE {FLEET} IN DATABASE {name} SET transaction_timeout = '10s';"
        f"ALTER ROLE {FLEET} IN DATABASE {name} SET lock_timeout = '5s';"
        f"ALTER ROLE {MAINTENANCE} IN DATABASE {name} SET lock_timeout = '5s';"
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(database)))


def _with_login(url: str, database: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{where}", path="/" + quote(database)))
