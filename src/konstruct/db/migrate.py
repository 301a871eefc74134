"""Migrations: run as the maintenance login, which becomes the owner for their time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from konstruct.db.bootstrap import OWNER

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('konstruct.migrate'))"


def migrate(owner_url: str) -> list[str]:
    """Bring the database of `owner_url` to the newest revision; return the revisions applied, oldest first.

    All of them stand in one transaction: a failing migration leaves the database as it was.
    """
    return asyncio.run(_migrate(owner_url))


async def _migrate(owner_url: str) -> list[str]:
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> list[str]:
    connection.execute(text(f"SET ROLE {OWNER}"))
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    # Two deploys at once: the second waits, then finds nothing to do.
    connection.execute(text(_LOCK))
    script = _script()
    applied: list[str] = []
    environment = EnvironmentContext(Config(), script, fn=lambda revision, _: script._upgrade_revs("head", revision))
    environment.configure(
        connection=connection,
        transactional_ddl=True,
        on_version_apply=lambda step, **_: applied.append(str(step.up_revision_id)),
    )
    environment.run_migrations()
    return applied


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER))
