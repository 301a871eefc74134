"""The self-test: a process refuses to start on a database that would not keep tenants apart."""

from __future__ import annotations

import asyncpg

from konstruct.db.catalogue import (
    extension_problems,
    fleet_reach_problems,
    forced_problems,
    login_name,
    login_problems,
    maintenance_problems,
    migration_problems,
    policy_problems,
    server_problems,
)
from konstruct.db.database import Database
from konstruct.db.session import Session
from konstruct.db.structure import structure_problems
from konstruct.kit.errors import SelfTestError

_RAISED = (asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)
"""How `current_setting('app.tenant_id')::uuid` fails: never set in this connection, or set back to the empty text."""


async def self_test(db: Database, *, expect_migrated: bool = True) -> None:
    """Return if roles, server, extension, policies and revision are what tenancy needs.

    `expect_migrated` false leaves out the revision. Raises SelfTestError with one line for the first thing that is wrong,
    StorageUnavailableError's causes if the database does not answer.
    """
    looks = [_server, logins, *([_migrations] if expect_migrated else []), _tables, unscoped_problems]
    for look in looks:
        # One after the other: the later ones presume what the earlier ones found.
        problems = await look(db)
        if problems:
            raise SelfTestError(problems[0])


async def logins(db: Database) -> list[str]:
    """Return what is wrong with the two logins, each and together."""
    async with db.unscoped() as session:
        problems = await login_problems(session, "app")
        app = await login_name(session)
    async with db.fleet("self-test") as session:
        if await login_name(session) == app:
            problems.append(
                f"KONSTRUCT_DATABASE_URL and KONSTRUCT_FLEET_DATABASE_URL both log in as {app}: each needs its own role"
            )
        problems += await login_problems(session, "fleet")
        if not problems:
            problems += await fleet_reach_problems(session)
    return problems


async def maintenance_login(owner_url: str) -> list[str]:
    """Return what is wrong with the maintenance login. Raises what keeps it from logging in."""
    connection = await asyncpg.connect(owner_url, timeout=10)
    try:
        return await maintenance_problems(Session(connection))
    finally:
        await connection.close()


async def unscoped_problems(db: Database) -> list[str]:
    """Return whether a query without a tenant is answered instead of refused.

    An empty table proves nothing: it may be scanned without its policy ever being evaluated.
    """
    async with db.fleet("self-test") as session:
        if not await session.fetchval("SELECT to_regclass('tenant_directory') IS NOT NULL"):
            return []
        populated = await session.fetchval("SELECT EXISTS (SELECT 1 FROM tenant_directory)")
    async with db.unscoped() as session:
        if await session.fetchval("SELECT nullif(current_setting('app.tenant_id', true), '') IS NOT NULL"):
            return ["app.tenant_id is set for every connection: remove it from the settings of the role, database or server"]
    try:
        async with db.unscoped() as session:
            await session.fetchval("SELECT count(*) FROM tenants")
    except _RAISED:
        return []
    return ["a read of tenants without a tenant was answered instead of refused"] if populated else []


async def _server(db: Database) -> list[str]:
    async with db.unscoped() as session:
        return await server_problems(session) or await extension_problems(session)


async def _tables(db: Database) -> list[str]:
    async with db.unscoped() as session:
        return await forced_problems(session) or await policy_problems(session) or await structure_problems(session)


async def _migrations(db: Database) -> list[str]:
    async with db.unscoped() as session:
        return await migration_problems(session)
